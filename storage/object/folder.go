package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/heliosdb/heliosdb-streaming/internal/durable"
)

const (
	folderTemp = ".tmp"  // objects that are being written
	folderLock = ".lock" // held while a name changes
	// staleTemp is the age at which a file that a killed writer left behind is removed.
	staleTemp = 24 * time.Hour
)

// Folder is a bucket in a directory: an object is a file of the same name, readable by the owner only. Every change is
// synced, files and directories, before it is reported, and appears by rename or link, so that neither readers nor a
// power failure see half an object. Several processes on one machine may use a folder at a time.
type Folder struct {
	dir    string
	making sync.Mutex
	made   bool // what writing needs
}

var _ Bucket = (*Folder)(nil)

// OpenFolder opens dir. It is created (0700), with what writing needs, by the first change: whoever only reads leaves
// no trace.
func OpenFolder(dir string) (*Folder, error) {
	fail := func(err error) (*Folder, error) {
		return nil, &Error{Op: "open", Provider: "file", Key: dir, Class: fileClass(err), Cause: err}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fail(err)
	}
	switch st, err := os.Stat(dir); {
	case err == nil && !st.IsDir():
		return fail(&fs.PathError{Op: "open", Path: dir, Err: unix.ENOTDIR})
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fail(err)
	}
	return &Folder{dir: dir}, nil
}

// prepare makes what writing needs, unless it is there.
func (f *Folder) prepare() error {
	f.making.Lock()
	defer f.making.Unlock()
	if f.made {
		return nil
	}
	err := f.makeOwn()
	f.made = err == nil
	return err
}

func (f *Folder) makeOwn() error {
	temp, lock := filepath.Join(f.dir, folderTemp), filepath.Join(f.dir, folderLock)
	if err := makeDirs(temp); err != nil {
		return err
	}
	entries, err := os.ReadDir(temp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if st, err := e.Info(); err == nil && time.Since(st.ModTime()) > staleTemp {
			_ = os.Remove(filepath.Join(temp, e.Name()))
		}
	}
	file, err := os.OpenFile(lock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), f.giveToOwner(temp, lock))
}

// giveToOwner gives files that root has made to the directory's owner, who would be kept out otherwise.
func (f *Folder) giveToOwner(paths ...string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	st, err := os.Stat(f.dir)
	if err != nil {
		return err
	}
	owner, ok := st.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	for _, path := range paths {
		if err := os.Lchown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	return nil
}

func fileClass(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EISDIR):
		return ErrNotFound
	case errors.Is(err, fs.ErrExist):
		return ErrExists
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return ErrDenied
	default: // a full disk, a network file system that went away: worth another attempt
		return ErrUnavailable
	}
}

func (f *Folder) err(op, key string, err error) error {
	if err == nil {
		return nil
	}
	var done *Error
	if errors.As(err, &done) {
		return err
	}
	return &Error{Op: op, Provider: "file", Key: key, Class: fileClass(err), Cause: err}
}

func (f *Folder) path(key string) string { return filepath.Join(f.dir, filepath.FromSlash(key)) }

// locked runs fn while no other Folder of this directory, here or in another process, changes names.
func (f *Folder) locked(fn func() error) error {
	// Each holder needs an open file of its own: flock knows nothing finer.
	if err := f.prepare(); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(f.dir, folderLock), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer lock.Close()
	for {
		if err = unix.Flock(int(lock.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	return fn()
}

// Put implements Bucket.
func (f *Folder) Put(ctx context.Context, key string, body Body, opts PutOptions) error {
	if err := checkPut(key, opts); err != nil {
		return err
	}
	return f.err(opPut, key, f.put(ctx, key, body, opts))
}

func (f *Folder) put(ctx context.Context, key string, body Body, opts PutOptions) error {
	temp, err := f.writeTemp(ctx, body)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	target := f.path(key)
	return f.locked(func() error {
		if err := makeDirs(filepath.Dir(target)); err != nil {
			return err
		}
		switch {
		case opts.IfAbsent:
			err = os.Link(temp, target) // unlike rename it fails if the name is taken
		case opts.IfVersion != "":
			var st os.FileInfo
			st, err = os.Stat(target)
			if errors.Is(err, fs.ErrNotExist) || err == nil && fileVersion(st) != opts.IfVersion {
				return &Error{Op: opPut, Provider: "file", Key: key, Class: ErrConflict}
			}
			fallthrough
		default:
			if err == nil {
				err = os.Rename(temp, target)
			}
		}
		if err != nil {
			return err
		}
		return durable.Sync(filepath.Dir(target))
	})
}

// writeTemp writes a body to a synced file of its own.
func (f *Folder) writeTemp(ctx context.Context, body Body) (string, error) {
	if err := f.prepare(); err != nil {
		return "", err
	}
	file, err := os.CreateTemp(filepath.Join(f.dir, folderTemp), "put-")
	if err != nil {
		return "", err
	}
	err = copyBody(writerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return file.Write(p)
	}), body)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(file.Name())
		return "", err
	}
	return file.Name(), nil
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

// fileVersion is new for each new file: a name is never written in place.
func fileVersion(st os.FileInfo) string {
	var inode uint64
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		inode = s.Ino
	}
	return fmt.Sprintf("%d-%d-%d", inode, st.ModTime().UnixNano(), st.Size())
}

// arrived is when a file came into this folder: one that was copied here may have kept the time of its contents.
func arrived(st os.FileInfo) time.Time {
	t := st.ModTime()
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		if changed := time.Unix(s.Ctim.Unix()); changed.After(t) {
			t = changed
		}
	}
	return t.UTC()
}

func fileInfo(key string, st os.FileInfo) Info {
	return Info{Key: key, Size: st.Size(), Version: fileVersion(st), Modified: arrived(st)}
}

// Get implements Bucket.
func (f *Folder) Get(ctx context.Context, key string) (*Reader, error) {
	return f.GetRange(ctx, key, 0, -1)
}

// GetRange implements Bucket.
func (f *Folder) GetRange(_ context.Context, key string, offset, length int64) (*Reader, error) {
	if err := checkRange(key, offset, length); err != nil {
		return nil, err
	}
	file, err := os.Open(f.path(key))
	if err != nil {
		return nil, f.err(opGet, key, err)
	}
	st, err := file.Stat()
	switch {
	case err != nil:
	case !st.Mode().IsRegular():
		err = fs.ErrNotExist
	case offset > 0 && offset >= st.Size():
		err = &Error{Op: opGet, Provider: "file", Key: key, Class: ErrRange}
	}
	if err != nil {
		return nil, f.err(opGet, key, errors.Join(err, file.Close()))
	}
	if length < 0 {
		length = st.Size()
	}
	section := io.NewSectionReader(file, offset, min(length, st.Size()-offset))
	return &Reader{ReadCloser: readCloser{section, file}, Info: fileInfo(key, st)}, nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

// Head implements Bucket.
func (f *Folder) Head(_ context.Context, key string) (Info, error) {
	if err := checkKey(opHead, key); err != nil {
		return Info{}, err
	}
	st, err := os.Stat(f.path(key))
	if err == nil && !st.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Info{}, f.err(opHead, key, err)
	}
	return fileInfo(key, st), nil
}

// List implements Bucket.
func (f *Folder) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		// Whole directories that cannot hold the prefix are not read.
		top := ""
		if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
			top = prefix[:i]
			if err := checkKey(opList, top); err != nil {
				yield(Info{}, err)
				return
			}
		}
		f.walk(ctx, top, prefix, yield)
	}
}

// walk yields the objects below a directory; false ends the listing. A directory is sorted as if its name ended in a
// slash, which gives the order of whole keys.
func (f *Folder) walk(ctx context.Context, dir, prefix string, yield func(Info, error) bool) bool {
	entries, err := os.ReadDir(f.path(dir))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return true
	}
	if err = errors.Join(err, ctx.Err()); err != nil {
		yield(Info{}, f.err(opList, prefix, err))
		return false
	}
	for _, e := range sortedAsKeys(entries) {
		key := e.Name()
		if strings.HasPrefix(key, ".") {
			continue
		}
		if dir != "" {
			key = dir + "/" + key
		}
		switch {
		case e.IsDir():
			if within := key + "/"; strings.HasPrefix(within, prefix) || strings.HasPrefix(prefix, within) {
				if !f.walk(ctx, key, prefix, yield) {
					return false
				}
			}
		case e.Type().IsRegular() && strings.HasPrefix(key, prefix):
			st, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted meanwhile
			}
			if err != nil {
				yield(Info{}, f.err(opList, key, err))
				return false
			}
			if !yield(Info{Key: key, Size: st.Size(), Modified: arrived(st)}, nil) {
				return false
			}
		}
	}
	return true
}

// Delete implements Bucket. Directories that become empty go too.
func (f *Folder) Delete(_ context.Context, keys ...string) error {
	for _, key := range keys {
		if err := checkKey(opDelete, key); err != nil {
			return err
		}
		err := f.locked(func() error {
			path := f.path(key)
			if st, err := os.Lstat(path); err == nil && st.IsDir() {
				return nil // a prefix of other keys, not an object
			}
			err := os.Remove(path)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
				return nil
			}
			if err != nil {
				return err
			}
			dir := filepath.Dir(path)
			for dir != f.dir && os.Remove(dir) == nil { // fails if there is anything in it
				dir = filepath.Dir(dir)
			}
			return durable.Sync(dir)
		})
		if err != nil {
			return f.err(opDelete, key, err)
		}
	}
	return nil
}

// Copy implements Bucket.
func (f *Folder) Copy(ctx context.Context, dst, src string) error {
	if err := errors.Join(checkKey(opCopy, dst), checkKey(opCopy, src)); err != nil {
		return err
	}
	body, err := NewFile(f.path(src))
	if err == nil {
		err = f.put(ctx, dst, body, PutOptions{})
	}
	return f.err(opCopy, src, err)
}

// Close implements Bucket.
func (f *Folder) Close() error { return nil }

// sortedAsKeys orders entries as the keys below them: a directory's name ends in a slash there.
func sortedAsKeys(entries []fs.DirEntry) []fs.DirEntry {
	name := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(name(a), name(b)) })
	return entries
}

// makeDirs creates a directory and what is missing above it, each synced into its parent.
func makeDirs(dir string) error {
	if st, err := os.Stat(dir); err == nil && st.IsDir() {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := makeDirs(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.Sync(filepath.Dir(dir))
}
