package epoch

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// An epoch leaves its store as a portable manifest and one stream a run, and comes back by Import. Both hold the
// blobs as they are stored, sealed if the store seals them, so that whoever copies them needs no key. Ids of runs are
// kept, because a blob is bound to its run and chunk.
//
// Portable manifest (integers are little endian):
//
//	magic "HSPM" | version u32 | epoch u64 | log position u64 |
//	manifest run u64 | length u32 | blob | meta run u64 (0: none) | length u32 | blob | CRC32C u32
//
// Run stream:
//
//	magic "HSRN" | version u32 | run u64 | chunks u32 | (length u32 | chunk)… | SHA-256 of the bytes before
const (
	portableVersion = 1
	streamHeadLen   = 4 + 4 + 8 + 4
	portableHeadLen = 4 + 4 + 8 + 8
)

var (
	portableMagic = [4]byte{'H', 'S', 'P', 'M'}
	streamMagic   = [4]byte{'H', 'S', 'R', 'N'}
)

// ErrPortableFormat is wrapped when exported bytes are of a version that this program does not read.
var ErrPortableFormat = errors.New("exported epoch has another format")

// ExportManifest returns the snapshot's portable manifest, nil if nothing was committed. The runs that belong to it
// are those of Runs.
func (p *Snapshot) ExportManifest() ([]byte, error) {
	if p.v.manifest == nil {
		return nil, nil
	}
	m := *p.v.manifest
	m.pending = nil
	b := append(make([]byte, 0, 4096+len(m.Meta)), portableMagic[:]...)
	b = binary.LittleEndian.AppendUint32(b, portableVersion)
	b = binary.LittleEndian.AppendUint64(b, m.Epoch)
	b = binary.LittleEndian.AppendUint64(b, m.LogPos)
	key := p.s.key()
	blob := finishBlob(m.encode(beginBlob(key, 4096)), key, p.v.ref.id, 0)
	b = appendPortable(b, p.v.ref.id, blob)
	blob = nil
	if m.metaRun.id != 0 {
		blob = finishBlob(append(beginBlob(key, len(m.Meta)), m.Meta...), key, m.metaRun.id, 0)
	}
	b = appendPortable(b, m.metaRun.id, blob)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), nil
}

func appendPortable(b []byte, id uint64, blob []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, id)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(blob)))
	return append(b, blob...)
}

// Runs returns the runs of all tables that have a stream, in no particular order. Runs that only delete ranges have
// none: the manifest says all there is to them.
func (p *Snapshot) Runs() []RunMeta {
	var out []RunMeta
	if p.v.manifest == nil {
		return nil
	}
	for _, runs := range p.v.manifest.Tables {
		for _, r := range runs {
			if r.Chunks > 0 {
				out = append(out, r)
			}
		}
	}
	return out
}

// StreamBytes is the length of the run's stream.
func (r *RunMeta) StreamBytes() int64 {
	return streamHeadLen + int64(r.Bytes) + lenBytes*int64(r.Chunks) + sha256.Size
}

// OpenRun returns the stream of a run of the snapshot, which must not be released before the stream is read.
func (p *Snapshot) OpenRun(r RunMeta) io.Reader {
	head := append(make([]byte, 0, streamHeadLen), streamMagic[:]...)
	head = binary.LittleEndian.AppendUint32(head, portableVersion)
	head = binary.LittleEndian.AppendUint64(head, r.ID)
	head = binary.LittleEndian.AppendUint32(head, r.Chunks)
	s := &runStream{db: p.s.db, run: r, sum: sha256.New(), rest: head}
	s.sum.Write(head)
	return s
}

// runStream reads a run chunk by chunk.
type runStream struct {
	db   kv
	run  RunMeta
	next uint32 // chunk
	sum  hash.Hash
	rest []byte // to be read before the next chunk
	buf  []byte
	// chunk is the one read last.
	chunk []byte
	done  bool
}

// Read implements io.Reader.
func (s *runStream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.done {
			return 0, io.EOF
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// fill gets the next chunk or, behind the last one, the checksum.
func (s *runStream) fill() error {
	if s.next == s.run.Chunks {
		s.rest, s.done = s.sum.Sum(nil), true
		return nil
	}
	var err error
	if s.chunk, err = s.db.get(runKey(s.run.ID, s.next), s.chunk); err != nil {
		return missingChunk(s.run.ID, s.next, err)
	}
	s.next++
	s.buf = binary.LittleEndian.AppendUint32(s.buf[:0], uint32(len(s.chunk)))
	s.buf = append(s.buf, s.chunk...)
	s.sum.Write(s.buf)
	s.rest = s.buf
	return nil
}

// portable is a parsed portable manifest.
type portable struct {
	epoch, logPos uint64
	manifest      blobRef
	manifestBlob  []byte
	meta          blobRef
	metaBlob      []byte
}

// PortableEpoch returns the epoch and the log position of a portable manifest, after checking that its bytes are
// whole. It needs no key.
func PortableEpoch(b []byte) (epoch, logPos uint64, err error) {
	p, err := parsePortable(b)
	if err != nil {
		return 0, 0, err
	}
	return p.epoch, p.logPos, nil
}

func parsePortable(b []byte) (*portable, error) {
	if len(b) < portableHeadLen+4 || [4]byte(b[:4]) != portableMagic {
		return nil, fmt.Errorf("%w: these bytes are no exported manifest", ErrCorrupt)
	}
	if v := binary.LittleEndian.Uint32(b[4:]); v != portableVersion {
		return nil, fmt.Errorf("%w: version %d, this program reads version %d", ErrPortableFormat, v, portableVersion)
	}
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) {
		return nil, fmt.Errorf("%w: the checksum of an exported manifest does not match", ErrCorrupt)
	}
	p := &portable{epoch: binary.LittleEndian.Uint64(b[8:]), logPos: binary.LittleEndian.Uint64(b[16:])}
	rest := body[portableHeadLen:]
	var ok bool
	if p.manifest.id, p.manifestBlob, rest, ok = takePortable(rest); !ok || p.manifest.id == 0 {
		return nil, fmt.Errorf("%w: an exported manifest ends early", ErrCorrupt)
	}
	if p.meta.id, p.metaBlob, rest, ok = takePortable(rest); !ok || len(rest) != 0 {
		return nil, fmt.Errorf("%w: an exported manifest does not end where it should", ErrCorrupt)
	}
	return p, nil
}

func takePortable(b []byte) (id uint64, blob, rest []byte, ok bool) {
	if len(b) < 12 {
		return 0, nil, nil, false
	}
	id = binary.LittleEndian.Uint64(b)
	n := uint64(binary.LittleEndian.Uint32(b[8:]))
	if b = b[12:]; n > uint64(len(b)) {
		return 0, nil, nil, false
	}
	return id, b[:n:n], b[n:], true
}

// decode opens copies of the blobs.
func (p *portable) decode(ring *seal.Keyring) (*Manifest, error) {
	if len(p.manifestBlob) > lenBytes {
		// A plain manifest begins with its format.
		switch first := p.manifestBlob[lenBytes]; {
		case ring == nil && first == boxFormat:
			return nil, seal.ErrSealed
		case ring != nil && first == ManifestFormat:
			return nil, seal.ErrPlain
		}
	}
	body, err := openBlob(bytes.Clone(p.manifestBlob), ring, p.manifest.id, 0)
	if err != nil {
		return nil, err
	}
	m, err := decodeManifest(body)
	if err != nil {
		return nil, err
	}
	if m.Epoch != p.epoch || m.LogPos != p.logPos || m.metaRun.id != p.meta.id {
		return nil, fmt.Errorf("%w: an exported manifest contradicts itself", ErrCorrupt)
	}
	if p.meta.id != 0 {
		if m.Meta, err = openBlob(bytes.Clone(p.metaBlob), ring, p.meta.id, 0); err != nil {
			return nil, err
		}
	}
	return m, nil
}
