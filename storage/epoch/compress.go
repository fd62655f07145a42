package epoch

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// Compression is how blocks are compressed. The numbers are part of the format.
type Compression int

// Snappy is the default because it costs less than writing the bytes that it saves.
const (
	CompressionSnappy Compression = 0
	CompressionNone   Compression = 1
	CompressionZSTD   Compression = 2
)

// maxBodyBytes bounds what a block may decompress to.
const maxBodyBytes = MaxEntryBytes + 1<<20

// One encoder and one decoder serve all goroutines; they are made at first use because they are large.
var (
	zstdEncoder = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithEncoderCRC(false))
	})
	zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxBodyBytes))
	})
)

// compress returns the compressed form of b and how it is compressed: not at all if that saves less than a sixteenth.
// The result is b itself or in scratch, if that is large enough.
func compress(c Compression, b, scratch []byte) (Compression, []byte) {
	var out []byte
	switch c {
	case CompressionSnappy:
		out = s2.EncodeSnappy(scratch[:cap(scratch)], b)
	case CompressionZSTD:
		enc, err := zstdEncoder()
		if err != nil {
			return CompressionNone, b
		}
		out = enc.EncodeAll(b, scratch[:0])
	default:
		return CompressionNone, b
	}
	if len(out) > len(b)-len(b)/16 {
		return CompressionNone, b
	}
	return c, out
}

// decompress reverses compress, into buf if that is large enough. The result never shares memory with b.
func decompress(c Compression, b, buf []byte) ([]byte, error) {
	switch c {
	case CompressionNone:
		return append(buf[:0], b...), nil
	case CompressionSnappy:
		n, err := s2.DecodedLen(b)
		if err != nil {
			return nil, err
		}
		if n > maxBodyBytes {
			return nil, errors.New("block is too large when decompressed")
		}
		return s2.Decode(buf[:cap(buf)], b)
	case CompressionZSTD:
		dec, err := zstdDecoder()
		if err != nil {
			return nil, err
		}
		return dec.DecodeAll(b, buf[:0])
	}
	return nil, fmt.Errorf("unknown compression %d", c)
}
