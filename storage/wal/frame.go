package wal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Layout of a segment file (integers are little endian):
//
//	header  magic "HSTRWAL\n" | format u32 | salt u32 | first position u64 | CRC32C u32 of the bytes before
//	frame   length u32 | CRC32C u32 | index u32 | batch u32 | kind u8 | payload (length bytes)
//
// A frame's position is the segment's first position plus its index. batch is the index of the first frame that was
// written together with it: everything before that was already synced when this frame was written, which is how
// recovery tells a loss of unsynced data from a loss of acknowledged data. The CRC covers the frame without the CRC
// itself and is seeded with the segment's random salt, so that bytes of another log inside a payload are no frame.
//
// In a segment of format 2 every payload is a box of package seal, bound to the record's position and kind.
const (
	plainFormat  = 1
	sealedFormat = 2
	headerLen    = 8 + 4 + 4 + 8 + 4
	frameLen     = 4 + 4 + 4 + 4 + 1

	// maxPayload bounds the payload of a frame in the format, whatever Options.MaxRecordBytes is set to later.
	maxPayload = 256 << 20
)

var (
	magic      = [8]byte{'H', 'S', 'T', 'R', 'W', 'A', 'L', '\n'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	// errBadFrame marks bytes that are no frame; recovery decides what that means.
	errBadFrame = errors.New("no valid frame")
)

type header struct {
	salt   uint32
	first  uint64
	sealed bool // payloads are boxes
}

func (h header) format() uint32 {
	if h.sealed {
		return sealedFormat
	}
	return plainFormat
}

func (h header) encode() []byte {
	b := make([]byte, 0, headerLen)
	b = append(b, magic[:]...)
	b = binary.LittleEndian.AppendUint32(b, h.format())
	b = binary.LittleEndian.AppendUint32(b, h.salt)
	b = binary.LittleEndian.AppendUint64(b, h.first)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeHeader(b []byte) (header, error) {
	if len(b) < headerLen {
		return header{}, fmt.Errorf("segment header is %d bytes long, want %d", len(b), headerLen)
	}
	b = b[:headerLen]
	if [8]byte(b[:8]) != magic {
		return header{}, errors.New("segment header does not begin with the log's magic bytes")
	}
	if crc32.Checksum(b[:headerLen-4], castagnoli) != binary.LittleEndian.Uint32(b[headerLen-4:]) {
		return header{}, errors.New("segment header fails its checksum")
	}
	format := binary.LittleEndian.Uint32(b[8:])
	if format != plainFormat && format != sealedFormat {
		return header{}, fmt.Errorf("%w: it is %d, known are %d and %d", ErrFormat, format, plainFormat, sealedFormat)
	}
	return header{
		salt: binary.LittleEndian.Uint32(b[12:]), first: binary.LittleEndian.Uint64(b[16:]), sealed: format == sealedFormat,
	}, nil
}

type frame struct {
	index, batch uint32
	kind         byte
	payload      []byte
}

// size is the frame's length in the file, in bytes.
func (f frame) size() int64 { return frameLen + int64(len(f.payload)) }

func appendFrame(b []byte, salt uint32, f frame) []byte {
	at := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(f.payload)))
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, f.index)
	b = binary.LittleEndian.AppendUint32(b, f.batch)
	b = append(b, f.kind)
	b = append(b, f.payload...)
	sealFrame(b[at:], salt)
	return b
}

// sealFrame writes the CRC into a whole encoded frame.
func sealFrame(b []byte, salt uint32) {
	binary.LittleEndian.PutUint32(b[4:8], frameCRC(b, salt))
}

func frameCRC(b []byte, salt uint32) uint32 {
	return crc32.Update(crc32.Update(salt, castagnoli, b[:4]), castagnoli, b[8:])
}

// parseFrame reads the frame that b begins with. The payload points into b.
func parseFrame(b []byte, salt uint32) (frame, error) {
	if len(b) < frameLen {
		return frame{}, errBadFrame
	}
	n := int64(binary.LittleEndian.Uint32(b))
	if n > maxPayload || int64(len(b)) < frameLen+n {
		return frame{}, errBadFrame
	}
	b = b[:frameLen+n]
	if frameCRC(b, salt) != binary.LittleEndian.Uint32(b[4:]) {
		return frame{}, errBadFrame
	}
	f := frame{
		index:   binary.LittleEndian.Uint32(b[8:]),
		batch:   binary.LittleEndian.Uint32(b[12:]),
		kind:    b[16],
		payload: b[frameLen:],
	}
	if f.batch > f.index {
		return frame{}, errBadFrame
	}
	return f, nil
}

// frameReader walks the frames of one segment in order.
type frameReader struct {
	r    *bufio.Reader
	salt uint32
	next uint32 // index the next frame must have
	off  int64  // file offset of the next frame
	end  int64  // file offset at which the frames end
	buf  []byte
}

const readBufferBytes = 256 << 10

func newFrameReader(f io.ReaderAt, salt, next uint32, off, end int64) *frameReader {
	return &frameReader{
		r:    bufio.NewReaderSize(io.NewSectionReader(f, off, end-off), readBufferBytes),
		salt: salt, next: next, off: off, end: end,
	}
}

// read returns the next frame, io.EOF after the last one, errBadFrame where the bytes are none, or the error of the
// file. The payload is valid until the next call.
func (r *frameReader) read() (frame, error) {
	if r.off == r.end {
		return frame{}, io.EOF
	}
	if r.end-r.off < frameLen {
		return frame{}, errBadFrame
	}
	lenBytes, err := r.r.Peek(4)
	if err != nil {
		return frame{}, err
	}
	n := frameLen + int64(binary.LittleEndian.Uint32(lenBytes))
	if n > maxPayload+frameLen || n > r.end-r.off {
		return frame{}, errBadFrame
	}
	if int64(cap(r.buf)) < n {
		r.buf = make([]byte, n)
	}
	r.buf = r.buf[:n]
	if _, err := io.ReadFull(r.r, r.buf); err != nil {
		return frame{}, err
	}
	f, err := parseFrame(r.buf, r.salt)
	if err != nil {
		return frame{}, err
	}
	if f.index != r.next {
		return frame{}, errBadFrame
	}
	r.next++
	r.off += n
	return f, nil
}

// placeFrame completes an encoded frame with its place in the segment.
func placeFrame(b []byte, index, batch, salt uint32) {
	binary.LittleEndian.PutUint32(b[8:], index)
	binary.LittleEndian.PutUint32(b[12:], batch)
	sealFrame(b, salt)
}
