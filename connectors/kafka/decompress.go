package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// maxBatchBytes bounds one batch after decompression: a small one could claim
// gigabytes. Kafka's own limit of a batch, message.max.bytes, is 1 MiB by
// default and counts it compressed.
const maxBatchBytes = 128 << 20

// Compression codecs, as in a batch's attributes.
const (
	codecGzip   = 1
	codecSnappy = 2
	codecLZ4    = 3
	codecZstd   = 4
)

var errTooLarge = errors.New("a batch that is too large when decompressed")

// decompressor undoes the compression of batches. The zero value is ready. Not
// for concurrent use.
type decompressor struct {
	limit int // bytes of one batch; 0: maxBatchBytes
	gzip  *gzip.Reader
	lz4   *lz4.Reader
	zstd  *zstd.Decoder
	src   bytes.Reader
}

// decompress returns the bytes in a slice of their own.
func (d *decompressor) decompress(src []byte, codec uint16) ([]byte, error) {
	d.src.Reset(src)
	if d.limit == 0 {
		d.limit = maxBatchBytes
	}
	switch codec {
	case codecGzip:
		var err error
		if d.gzip == nil {
			d.gzip, err = gzip.NewReader(&d.src)
		} else {
			err = d.gzip.Reset(&d.src)
		}
		if err != nil {
			return nil, err
		}
		return d.readAll(d.gzip, len(src))
	case codecLZ4:
		if d.lz4 == nil {
			d.lz4 = lz4.NewReader(nil)
		}
		d.lz4.Reset(&d.src)
		return d.readAll(d.lz4, len(src))
	case codecSnappy:
		return d.unsnappy(src)
	case codecZstd:
		if d.zstd == nil {
			var err error
			if d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxMemory(uint64(d.limit))); err != nil {
				return nil, err
			}
		}
		return d.zstd.DecodeAll(src, nil)
	}
	return nil, fmt.Errorf("unknown compression codec %d", codec)
}

// close frees what the decoders hold.
func (d *decompressor) close() {
	if d.zstd != nil {
		d.zstd.Close()
	}
}

// readAll reads r, whose compressed size is hint.
func (d *decompressor) readAll(r io.Reader, hint int) ([]byte, error) {
	const usualRatio = 4
	buf := bytes.NewBuffer(make([]byte, 0, min(usualRatio*hint, d.limit)))
	n, err := buf.ReadFrom(io.LimitReader(r, int64(d.limit)+1))
	if err == nil && n > int64(d.limit) {
		err = errTooLarge
	}
	return buf.Bytes(), err
}

// xerialHeader begins the blocks that Kafka's Java client makes of snappy: magic,
// two versions, then each block with its length before it.
var xerialHeader = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

var errSnappy = errors.New("malformed snappy block")

func (d *decompressor) unsnappy(src []byte) ([]byte, error) {
	if !bytes.HasPrefix(src, xerialHeader) {
		return d.snappyBlock(nil, src)
	}
	const headerLen = 16
	if len(src) < headerLen {
		return nil, errSnappy
	}
	var out []byte
	for src = src[headerLen:]; len(src) > 0; {
		if len(src) < 4 {
			return nil, errSnappy
		}
		n := binary.BigEndian.Uint32(src)
		if src = src[4:]; uint64(n) > uint64(len(src)) {
			return nil, errSnappy
		}
		var err error
		if out, err = d.snappyBlock(out, src[:n]); err != nil {
			return nil, err
		}
		src = src[n:]
	}
	return out, nil
}

// snappyBlock appends one block to out.
func (d *decompressor) snappyBlock(out, src []byte) ([]byte, error) {
	n, err := s2.DecodedLen(src)
	if err != nil {
		return nil, err
	}
	if n > d.limit-len(out) {
		return nil, errTooLarge
	}
	at := len(out)
	out = append(out, make([]byte, n)...)
	if _, err := s2.Decode(out[at:], src); err != nil {
		return nil, err
	}
	return out, nil
}
