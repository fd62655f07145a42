package epoch

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/dirlock"
	"github.com/heliosdb/heliosdb-streaming/internal/durable"
)

const (
	// importFolder is where a store grows until it is whole.
	importFolder = "epoch.import"
	// importParallel bounds the runs that an import reads at a time.
	importParallel = 8
	streamBufBytes = 256 << 10
)

var (
	crashImportRun     = crashpoint.Register("epoch.import.run")
	crashImportChecked = crashpoint.Register("epoch.import.checked")
	crashImportRenamed = crashpoint.Register("epoch.import.renamed")
)

// Import makes the store of opt.Dir from a portable manifest and the streams of its runs, which open returns, for up
// to eight runs at a time. Everything is verified: the streams' checksums, every block, the order of the keys, counts
// and bounds. There must be no store yet. The store appears when all of it is on stable storage; an import that was
// interrupted is no store, and the next one begins anew. The log of changes is not part of it.
func Import(opt Options, manifest []byte, open func(RunMeta) (io.ReadCloser, error)) error {
	opt.setDefaults()
	p, err := parsePortable(manifest)
	if err != nil {
		return err
	}
	if opt.Dir == "" {
		return errors.New("import an epoch: a directory is needed")
	}
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return fmt.Errorf("import an epoch: %w", err)
	}
	lock, err := dirlock.Acquire(opt.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }()
	target, growing := filepath.Join(opt.Dir, storeFolder), filepath.Join(opt.Dir, importFolder)
	if _, err := os.Stat(target); err == nil {
		return fmt.Errorf("import an epoch: %w: %s", os.ErrExist, target)
	}
	if err := errors.Join(os.RemoveAll(growing), os.Mkdir(growing, 0o700)); err != nil {
		return fmt.Errorf("import an epoch: %w", err)
	}
	if err := buildImport(opt, growing, p, open); err != nil {
		return errors.Join(fmt.Errorf("import epoch %d: %w", p.epoch, err), os.RemoveAll(growing))
	}
	crashpoint.Hit(crashImportChecked)
	if err := errors.Join(syncFiles(growing), os.Rename(growing, target)); err != nil {
		return fmt.Errorf("import epoch %d: %w", p.epoch, err)
	}
	crashpoint.Hit(crashImportRenamed)
	return errors.Join(durable.Sync(opt.Dir), durable.Sync(filepath.Dir(filepath.Clean(opt.Dir))))
}

// syncFiles syncs the files of a folder and the folder.
func syncFiles(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			err = errors.Join(err, durable.Sync(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(err, durable.Sync(dir))
}

// buildImport writes the store into dir, closes it, and verifies it.
func buildImport(opt Options, dir string, p *portable, open func(RunMeta) (io.ReadCloser, error)) error {
	m, err := p.decode(opt.Keyring)
	if err != nil {
		return err
	}
	if err := markStore(dir, opt.Keyring); err != nil {
		return err
	}
	db, err := openBadger(dir, opt)
	if err != nil {
		return err
	}
	s := &Store{opt: opt, db: db}
	err = s.importRuns(m, open)
	if err == nil {
		err = s.importManifest(p)
	}
	if err == nil {
		c := checker{s: s, report: &Report{}}
		c.checkStore()
		err = errors.Join(c.problems...)
	}
	return errors.Join(err, db.close())
}

// importManifest writes manifest and meta as they came, then the root.
func (s *Store) importManifest(p *portable) error {
	batch := s.db.newBatch()
	var err error
	if p.meta.id != 0 {
		_, err = putBlob(batch, p.meta.id, 0, bytes.Clone(p.metaBlob)) // putBlob fills in the length
	}
	var chunks uint32
	if err == nil {
		chunks, err = putBlob(batch, p.manifest.id, 0, bytes.Clone(p.manifestBlob))
	}
	if err == nil {
		err = batch.set(rootKey, encodeRoot(blobRef{p.manifest.id, chunks}, s.opt.Keyring != nil))
	}
	if err != nil {
		batch.cancel()
		return err
	}
	if err := batch.flush(); err != nil {
		return err
	}
	return s.db.sync()
}

// importRuns reads the runs, several at a time. The first error ends it.
func (s *Store) importRuns(m *Manifest, open func(RunMeta) (io.ReadCloser, error)) error {
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	places := make(chan struct{}, importParallel)
	for _, runs := range m.Tables {
		for _, r := range runs {
			if r.Chunks == 0 || failed.Load() != nil {
				continue
			}
			places <- struct{}{}
			wg.Go(func() {
				defer func() { <-places }()
				if err := s.importRun(r, open); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			})
		}
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *Store) importRun(r RunMeta, open func(RunMeta) (io.ReadCloser, error)) error {
	in, err := open(r)
	if err != nil {
		return fmt.Errorf("run %d: %w", r.ID, err)
	}
	defer in.Close()
	batch := s.db.newBatch()
	err = readStream(in, r, func(chunk uint32, data []byte) error {
		if err := s.checkRoom(len(data)); err != nil {
			return err
		}
		return batch.set(runKey(r.ID, chunk), data)
	})
	if err != nil {
		batch.cancel()
		return err
	}
	crashpoint.Hit(crashImportRun)
	return batch.flush()
}

// VerifyRun reads a run's stream to its end and checks that it is whole and the run that is asked for. It needs no key.
func VerifyRun(in io.Reader, r RunMeta) error {
	return readStream(in, r, func(uint32, []byte) error { return nil })
}

// readStream reads a run's stream; each chunk belongs to fn.
func readStream(in io.Reader, r RunMeta, fn func(chunk uint32, data []byte) error) error {
	sum := sha256.New()
	in = bufio.NewReaderSize(in, streamBufBytes)
	hashed := io.TeeReader(in, sum)
	head := make([]byte, streamHeadLen)
	if _, err := io.ReadFull(hashed, head); err != nil {
		return cutStream(r.ID, 0, err)
	}
	if [4]byte(head[:4]) != streamMagic {
		return corruptRun(r.ID, 0, "these bytes are no exported run")
	}
	if v := binary.LittleEndian.Uint32(head[4:]); v != portableVersion {
		return fmt.Errorf("%w: run %d has version %d, this program reads version %d", ErrPortableFormat, r.ID, v, portableVersion)
	}
	id, chunks := binary.LittleEndian.Uint64(head[8:]), binary.LittleEndian.Uint32(head[16:])
	if id != r.ID || chunks != r.Chunks {
		return corruptRun(r.ID, 0, "the stream is of run %d with %d chunks, expected %d chunks", id, chunks, r.Chunks)
	}
	var size [lenBytes]byte
	for c := range chunks {
		if _, err := io.ReadFull(hashed, size[:]); err != nil {
			return cutStream(r.ID, c, err)
		}
		n := binary.LittleEndian.Uint32(size[:])
		if n > chunkBytes {
			return corruptRun(r.ID, c, "chunk of %d bytes", n)
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(hashed, data); err != nil {
			return cutStream(r.ID, c, err)
		}
		if err := fn(c, data); err != nil {
			return err
		}
	}
	want := sum.Sum(nil)
	got := make([]byte, sha256.Size+1)
	n, err := io.ReadFull(in, got)
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) && err != nil {
		return fmt.Errorf("run %d: %w", r.ID, err)
	}
	if n != sha256.Size || string(got[:n]) != string(want) {
		return corruptRun(r.ID, chunks, "the checksum of the stream does not match")
	}
	return nil
}

// cutStream tells a stream that is too short from one that cannot be read.
func cutStream(id uint64, chunk uint32, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return corruptRun(id, chunk, "the stream ends early")
	}
	return fmt.Errorf("run %d: %w", id, err)
}
