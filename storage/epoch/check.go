package epoch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/dirlock"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
	"github.com/heliosdb/heliosdb-streaming/storage/wal"
)

// Report is what Check found.
type Report struct {
	Epoch   uint64 // 0 when nothing was ever committed
	LogPos  uint64
	Tables  int
	Runs    int
	Blocks  uint64
	Entries uint64
	Bytes   uint64 // of the runs as stored
	WAL     wal.Report
}

// maxProblems bounds how many faults Check reports.
const maxProblems = 100

// Check verifies the store and the log of changes in a data directory that no process has open, and changes neither:
// the key-value store's own checksums, the manifest's, every block's, the order of the keys, counts and bounds, and
// every record of the log. It works on a copy of the small files and links to the large ones, which it makes inside
// dir and removes. ring opens what is sealed, nil for a plain directory. The error joins every fault found (up to a hundred), each wrapping ErrCorrupt or wal.ErrCorrupt, or
// says why checking was not possible.
func Check(dir string, ring *seal.Keyring) (Report, error) {
	var report Report
	source := filepath.Join(dir, storeFolder)
	if _, err := os.Stat(source); err != nil {
		return report, fmt.Errorf("no checkpoint store: %w", err)
	}
	if err := checkSealed(source, ring); err != nil {
		return report, err
	}
	lock, err := dirlock.Acquire(dir)
	if err != nil {
		return report, err
	}
	defer lock.Release()
	mirror := filepath.Join(dir, "check")
	defer os.RemoveAll(mirror)
	// A check that was killed may have left one behind.
	if err := errors.Join(os.RemoveAll(mirror), os.Mkdir(mirror, 0o700)); err != nil {
		return report, err
	}
	if err := mirrorStore(source, mirror); err != nil {
		return report, err
	}
	opt := Options{Dir: dir, Keyring: ring, Logger: slog.New(slog.DiscardHandler)}
	opt.setDefaults()
	db, err := openBadgerQuietly(mirror, opt)
	if err != nil {
		return report, err
	}
	c := checker{s: &Store{opt: opt, db: db}, report: &report}
	c.problem(db.verify())
	c.checkStore()
	c.problem(db.close())
	report.WAL, err = wal.Verify(dir, ring)
	c.problem(err)
	if err == nil {
		c.checkLog()
	}
	return report, errors.Join(c.problems...)
}

// mirrorStore links the table files, which never change, and copies the others.
func mirrorStore(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := d.Name()
		if name == dirlock.FileName {
			return nil
		}
		target := filepath.Join(to, name)
		if strings.HasSuffix(name, ".sst") && os.Link(path, target) == nil {
			return nil
		}
		return copySparse(path, target)
	})
}

// copySparse copies a file without writing its zeros, of which files that are mapped into memory have many.
func copySparse(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	buf, zero := make([]byte, 64<<10), make([]byte, 64<<10)
	size := int64(0)
	for err == nil {
		var n int
		n, err = io.ReadFull(in, buf)
		if n > 0 && !bytes.Equal(buf[:n], zero[:n]) {
			if _, werr := out.WriteAt(buf[:n], size); werr != nil {
				return errors.Join(werr, out.Close())
			}
		}
		size += int64(n)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = out.Truncate(size)
	}
	return errors.Join(err, out.Close())
}

type checker struct {
	s        *Store
	report   *Report
	manifest *Manifest
	problems []error
}

func (c *checker) problem(err error) {
	if err != nil && len(c.problems) < maxProblems {
		c.problems = append(c.problems, err)
	}
}

func (c *checker) checkStore() {
	m, ref, err := readManifest(c.s.db, c.s.opt.Keyring)
	if err != nil || m == nil {
		c.problem(err)
		return
	}
	c.manifest = m
	c.report.Epoch, c.report.LogPos, c.report.Tables = m.Epoch, m.LogPos, len(m.Tables)
	seen := map[uint64]bool{ref.id: true, m.metaRun.id: true}
	for id, metas := range m.Tables {
		runs := make([]*run, len(metas))
		for i := range metas {
			r := &run{meta: metas[i]}
			runs[i] = r
			c.report.Runs++
			c.report.Blocks += uint64(r.meta.Blocks)
			c.report.Entries += r.meta.Entries
			c.report.Bytes += r.meta.Bytes
			switch {
			case seen[r.meta.ID] || r.meta.ID >= m.nextRun || r.meta.Epoch > m.Epoch:
				c.problem(fmt.Errorf("%w: manifest: run %d of table %d is listed twice or newer than the manifest", ErrCorrupt, r.meta.ID, id))
			case i > 0 && metas[i-1].Epoch < r.meta.Epoch:
				c.problem(fmt.Errorf("%w: manifest: runs of table %d are not ordered by epoch", ErrCorrupt, id))
			}
			seen[r.meta.ID] = true
			if err := c.s.checkRun(r); err != nil {
				c.problem(fmt.Errorf("table %d: %w", id, err))
			}
		}
		c.checkDisjoint(id, runs)
	}
	for _, p := range m.pending {
		if seen[p.id] {
			c.problem(fmt.Errorf("%w: manifest: run %d is both in use and to be deleted", ErrCorrupt, p.id))
		}
	}
}

// checkDisjoint verifies that runs of one epoch have no key in common.
func (c *checker) checkDisjoint(id TableID, runs []*run) {
	for _, g := range groupsOf(runs) {
		if g.to-g.from < 2 {
			continue
		}
		it, err := c.s.newMergeIterator(runs[g.from:g.to], nil, nil, nil)
		n := uint64(0)
		for err == nil {
			var e *blockReader
			if e, err = it.next(); e == nil {
				break
			}
			n++
		}
		if err == nil && n != g.entries {
			c.problem(fmt.Errorf("%w: table %d: runs of epoch %d have keys in common", ErrCorrupt, id, runs[g.from].meta.Epoch))
		}
	}
}

// checkRun reads a whole run and compares it with what the manifest says about it.
func (s *Store) checkRun(r *run) error {
	m := &r.meta
	if m.Entries == 0 {
		return nil
	}
	index, err := s.indexOf(r)
	if err != nil {
		return err
	}
	c := cursor{s: s, run: r}
	var last []byte
	var entries, tombstones uint64
	for {
		chunk, first := c.chunk, c.block.left == 0
		ok, err := c.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		key := c.block.key
		switch {
		case entries == 0 && !bytes.Equal(key, m.MinKey):
			return corruptRun(m.ID, chunk, "first key is %x, the manifest says %x", key, m.MinKey)
		case entries > 0 && bytes.Compare(last, key) >= 0:
			return corruptRun(m.ID, chunk, "key %x comes after %x", key, last)
		case first && (index.chunks[c.at-1] != chunk || !bytes.Equal(index.minKeys[c.at-1], key)):
			return corruptRun(m.ID, chunk, "the index disagrees about block %d", c.at-1)
		}
		entries++
		if c.block.tombstone {
			tombstones++
		}
		last = append(last[:0], key...)
	}
	switch {
	case entries != m.Entries || tombstones != m.Tombstones:
		return corruptRun(m.ID, 0, "%d entries and %d tombstones, the manifest says %d and %d", entries, tombstones, m.Entries, m.Tombstones)
	case !bytes.Equal(last, m.MaxKey):
		return corruptRun(m.ID, c.chunk, "last key is %x, the manifest says %x", last, m.MaxKey)
	case c.chunk != m.indexChunk:
		return corruptRun(m.ID, c.chunk, "the blocks end here, the manifest says at chunk %d", m.indexChunk)
	}
	return nil
}

// checkLog verifies that the log continues where the epoch ends.
func (c *checker) checkLog() {
	w := c.report.WAL
	if w.Segments == 0 || c.manifest == nil {
		return
	}
	if pos := c.manifest.LogPos; pos > w.LastPos || pos+1 < w.FirstPos {
		c.problem(fmt.Errorf("%w: the epoch contains the log up to position %d, the log has positions %d to %d", wal.ErrCorrupt, pos, w.FirstPos, w.LastPos))
	}
}
