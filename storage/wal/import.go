package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"path/filepath"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// importFolder is where a log grows until it is whole.
const importFolder = "log.import"

var (
	crashImportWritten = crashpoint.Register("wal.import.written")
	crashImportRenamed = crashpoint.Register("wal.import.renamed")
)

// Raw is a record as it is stored: if the log is sealed the payload is, too, bound to position and kind.
type Raw struct {
	Pos     uint64
	Kind    byte
	Payload []byte
}

// Import makes the log of dir from records that ReadRaw gave: consecutive positions beginning with first, maybe none.
// There must be no log yet. The log appears when all of it is on stable storage; an import that was interrupted is no
// log, and the next one begins anew. The file system must be able to rename folders.
func Import(dir string, opt Options, first uint64, records iter.Seq2[Raw, error]) error {
	opt.setDefaults()
	if opt.FS == nil {
		opt.FS = OS{}
	}
	im := importer{opt: opt, dir: filepath.Join(dir, importFolder), next: first}
	target := filepath.Join(dir, logFolder)
	if _, err := opt.FS.List(target); err == nil {
		return fmt.Errorf("import the log of changes: %w: %s", fs.ErrExist, target)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := im.write(records); err != nil {
		return errors.Join(fmt.Errorf("import the log of changes: %w", err), im.close())
	}
	crashpoint.Hit(crashImportWritten)
	if err := errors.Join(opt.FS.SyncDir(im.dir), opt.FS.Rename(im.dir, target)); err != nil {
		return fmt.Errorf("import the log of changes: %w", err)
	}
	crashpoint.Hit(crashImportRenamed)
	return opt.FS.SyncDir(dir)
}

// importer writes segments.
type importer struct {
	opt  Options
	dir  string
	next uint64 // position of the next record
	file File
	head header
	size int64
	buf  []byte // frames to be written
}

func (im *importer) write(records iter.Seq2[Raw, error]) error {
	if err := im.opt.FS.MkdirAll(im.dir); err != nil {
		return err
	}
	left, err := im.opt.FS.List(im.dir)
	if err != nil {
		return err
	}
	for _, name := range left { // of an import that was interrupted
		if err := im.opt.FS.Remove(filepath.Join(im.dir, name)); err != nil {
			return err
		}
	}
	if err := im.begin(); err != nil {
		return err
	}
	for r, err := range records {
		if err != nil {
			return err
		}
		if err := im.add(r); err != nil {
			return err
		}
	}
	return im.close()
}

func (im *importer) add(r Raw) error {
	if r.Pos != im.next || len(r.Payload) > maxPayload {
		return fmt.Errorf("%w: record %d of %d bytes, expected record %d", ErrCorrupt, r.Pos, len(r.Payload), im.next)
	}
	if im.size+int64(len(im.buf)) > im.opt.SegmentBytes {
		if err := errors.Join(im.close(), im.begin()); err != nil {
			return err
		}
	}
	if ring := im.opt.Keyring; ring != nil {
		// What is checked is only that the log can be opened afterwards; reading authenticates.
		if id, ok := seal.BoxKey(r.Payload); !ok || !ring.Has(id) {
			return fmt.Errorf("record %d: %w: data key %s", r.Pos, seal.ErrUnknownKey, id)
		}
	}
	index := uint32(r.Pos - im.head.first)
	im.buf = appendFrame(im.buf, im.head.salt, frame{index: index, batch: index, kind: r.Kind, payload: r.Payload})
	im.next++
	if len(im.buf) >= maxBufferBytes {
		return im.flush()
	}
	return nil
}

func (im *importer) begin() error {
	im.head = header{salt: rand.Uint32(), first: im.next, sealed: im.opt.Keyring != nil}
	file, err := im.opt.FS.Create(filepath.Join(im.dir, segmentName(im.next)))
	if err != nil {
		return err
	}
	im.file, im.size, im.buf = file, 0, append(im.buf[:0], im.head.encode()...)
	return nil
}

func (im *importer) flush() error {
	if _, err := im.file.WriteAt(im.buf, im.size); err != nil {
		return err
	}
	im.size += int64(len(im.buf))
	im.buf = im.buf[:0]
	return nil
}

func (im *importer) close() error {
	if im.file == nil {
		return nil
	}
	err := im.flush()
	if err == nil && im.opt.Sync {
		err = im.file.Sync()
	}
	err = errors.Join(err, im.file.Close())
	im.file = nil
	return err
}
