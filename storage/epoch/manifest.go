package epoch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// TableID is the permanent id of an operator's state table.
type TableID uint64

// ManifestFormat is the version of the manifest that this program writes and reads.
const ManifestFormat = 1

// Manifest says what the last complete epoch consists of. It must not be changed by its readers.
type Manifest struct {
	Format int
	// Epoch is the number of the last complete epoch; the first is 1.
	Epoch uint64
	// LogPos is the position up to which the log of changes is contained in the epoch.
	LogPos uint64
	// Meta is the caller's: catalog, offsets, watermarks, plans.
	Meta []byte
	// Tables holds the runs of every table, newest first. Runs of one epoch have no key in common.
	Tables map[TableID][]RunMeta

	nextRun uint64       // every run id that was ever given out is below
	metaRun blobRef      // where Meta is
	pending []pendingRun // runs that are neither live nor known to be deleted
}

// RunMeta describes an immutable run of sorted entries.
type RunMeta struct {
	ID uint64
	// Epoch is the epoch that wrote the run; for a merged run the newest of those it was merged from.
	Epoch uint64
	// Level counts the merges behind the run.
	Level  int
	Blocks uint32
	// Chunks is the number of values that the run has in the key-value store, index included.
	Chunks     uint32
	Entries    uint64 // tombstones included
	Tombstones uint64
	Bytes      uint64 // encoded size, index included
	MinKey     []byte
	MaxKey     []byte
	// RangeDels are ranges [lo, hi) whose keys in older runs (those of a smaller Epoch) are deleted, ascending and
	// disjoint; a nil hi means to the end.
	RangeDels [][2][]byte

	indexChunk uint32 // where the index begins; meaningful for more than one block
}

type blobRef struct {
	id     uint64 // 0: none
	chunks uint32
}

// pendingRun is a run to delete at recovery; chunks is 0 when unknown.
type pendingRun struct {
	id     uint64
	chunks uint32
}

// encode appends the manifest to a blob that was begun.
func (m *Manifest) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, ManifestFormat)
	for _, v := range []uint64{m.Epoch, m.LogPos, m.nextRun, m.metaRun.id, uint64(m.metaRun.chunks)} {
		b = binary.AppendUvarint(b, v)
	}
	b = binary.AppendUvarint(b, uint64(len(m.pending)))
	for _, p := range m.pending {
		b = binary.AppendUvarint(b, p.id)
		b = binary.AppendUvarint(b, uint64(p.chunks))
	}
	b = binary.AppendUvarint(b, uint64(len(m.Tables)))
	for _, id := range slices.Sorted(maps.Keys(m.Tables)) {
		b = binary.AppendUvarint(b, uint64(id))
		b = binary.AppendUvarint(b, uint64(len(m.Tables[id])))
		for _, r := range m.Tables[id] {
			b = r.encode(b)
		}
	}
	return b
}

func (r *RunMeta) encode(b []byte) []byte {
	for _, v := range []uint64{r.ID, r.Epoch, uint64(r.Level), uint64(r.Blocks), uint64(r.Chunks), r.Entries, r.Tombstones, r.Bytes,
		uint64(r.indexChunk)} {
		b = binary.AppendUvarint(b, v)
	}
	b = appendBytes(b, r.MinKey)
	b = appendBytes(b, r.MaxKey)
	b = binary.AppendUvarint(b, uint64(len(r.RangeDels)))
	for _, d := range r.RangeDels {
		b = appendBytes(b, d[0])
		b = appendOptional(b, d[1])
	}
	return b
}

// decodeManifest reads what encode wrote, without the length in front.
func decodeManifest(b []byte) (*Manifest, error) {
	d := decoder{b: b}
	m := &Manifest{Format: int(d.uvarint())}
	if d.bad || m.Format != ManifestFormat {
		return nil, fmt.Errorf("manifest has format %d, this program reads format %d", m.Format, ManifestFormat)
	}
	m.Epoch, m.LogPos, m.nextRun = d.uvarint(), d.uvarint(), d.uvarint()
	m.metaRun = blobRef{d.uvarint(), d.uint32()}
	for n := d.count(); n > 0 && !d.bad; n-- {
		m.pending = append(m.pending, pendingRun{d.uvarint(), d.uint32()})
	}
	tables := d.count()
	m.Tables = make(map[TableID][]RunMeta)
	for ; tables > 0 && !d.bad; tables-- {
		id := TableID(d.uvarint())
		var runs []RunMeta
		for n := d.count(); n > 0 && !d.bad; n-- {
			runs = append(runs, decodeRunMeta(&d))
		}
		if _, dup := m.Tables[id]; dup {
			d.bad = true
		}
		m.Tables[id] = runs
	}
	if d.bad || len(d.b) != 0 {
		return nil, fmt.Errorf("%w: manifest does not decode", ErrCorrupt)
	}
	return m, nil
}

func decodeRunMeta(d *decoder) RunMeta {
	r := RunMeta{
		ID: d.uvarint(), Epoch: d.uvarint(), Level: int(d.uint32()), Blocks: d.uint32(), Chunks: d.uint32(),
		Entries: d.uvarint(), Tombstones: d.uvarint(), Bytes: d.uvarint(), indexChunk: d.uint32(),
	}
	r.MinKey, r.MaxKey = d.bytes(), d.bytes()
	for n := d.count(); n > 0 && !d.bad; n-- {
		r.RangeDels = append(r.RangeDels, [2][]byte{d.bytes(), d.optional()})
	}
	return r
}

// The root is the one key whose change makes an epoch complete:
//
//	magic "HSEP" | format u32 | manifest run u64 | chunks u32 | CRC32C u32 of the bytes before
//
// Its format says whether the store's blobs are sealed.
const (
	rootLen      = 4 + 4 + 8 + 4 + 4
	plainFormat  = 1
	sealedFormat = 2
)

func storeFormat(sealed bool) uint32 {
	if sealed {
		return sealedFormat
	}
	return plainFormat
}

func encodeRoot(ref blobRef, sealed bool) []byte {
	b := append(make([]byte, 0, rootLen), "HSEP"...)
	b = binary.LittleEndian.AppendUint32(b, storeFormat(sealed))
	b = binary.LittleEndian.AppendUint64(b, ref.id)
	b = binary.LittleEndian.AppendUint32(b, ref.chunks)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeRoot(b []byte, ring *seal.Keyring) (blobRef, error) {
	if len(b) != rootLen || string(b[:4]) != "HSEP" ||
		crc32.Checksum(b[:rootLen-4], castagnoli) != binary.LittleEndian.Uint32(b[rootLen-4:]) {
		return blobRef{}, fmt.Errorf("%w: the root of the manifest is damaged", ErrCorrupt)
	}
	switch f := binary.LittleEndian.Uint32(b[4:]); {
	case f == storeFormat(ring != nil):
	case f == sealedFormat:
		return blobRef{}, fmt.Errorf("checkpoint store: %w", seal.ErrSealed)
	case f == plainFormat:
		return blobRef{}, fmt.Errorf("checkpoint store: %w", seal.ErrPlain)
	default:
		return blobRef{}, fmt.Errorf("checkpoint store has format %d, this program reads formats %d and %d", f, plainFormat, sealedFormat)
	}
	return blobRef{binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint32(b[16:])}, nil
}

func appendBytes(b, v []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

// appendOptional writes bytes that may be nil, which is not the same as empty.
func appendOptional(b, v []byte) []byte {
	if v == nil {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(v))+1)
	return append(b, v...)
}

// decoder reads the encodings above; bad is set once something does not fit, and every later read gives zero.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || d.bad {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint32() uint32 {
	v := d.uvarint()
	if v > 1<<32-1 {
		d.bad = true
		return 0
	}
	return uint32(v)
}

// count reads a number of things that have at least one byte each.
func (d *decoder) count() uint64 {
	v := d.uvarint()
	if v > uint64(len(d.b)) {
		d.bad = true
		return 0
	}
	return v
}

func (d *decoder) take(n uint64) []byte {
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	v := bytes.Clone(d.b[:n])
	if v == nil {
		v = []byte{}
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

func (d *decoder) optional() []byte {
	n := d.uvarint()
	if n == 0 {
		return nil
	}
	return d.take(n - 1)
}
