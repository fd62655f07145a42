package object

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"time"
)

// Limits. MaxKey leaves room for the prefix of a bucket's URL below S3's 1024 bytes.
const (
	MaxKey     = 512       // bytes of a key
	MaxReadAll = 256 << 20 // bytes that ReadAll takes into memory at most
)

// Bucket stores objects. All methods may be called concurrently; errors are *Error, to be told apart by errors.Is with
// the classes of errors.go. Keys are slash-separated names of letters, digits and ._=- that do not begin with a dot; a
// key is never the "folder" of another key.
type Bucket interface {
	// Put stores body under key. It is all or nothing: readers see the old object (or none) until all bytes are there,
	// then the new one, and after an error the old one or the new one. On success the object is durable. ErrExists and
	// ErrConflict report violated conditions of opts.
	Put(ctx context.Context, key string, body Body, opts PutOptions) error
	// Get reads an object from its beginning. The reader follows one version of the object: it never mixes two. A read
	// that ends in io.EOF has delivered all bytes, and their checksum was right if the object has one.
	Get(ctx context.Context, key string) (*Reader, error)
	// GetRange reads length bytes from offset, or fewer if the object ends; length −1 is "to the end". An offset at or
	// behind the end is ErrRange, unless it is 0. No checksum is verified.
	GetRange(ctx context.Context, key string, offset, length int64) (*Reader, error)
	// Head tells size and version.
	Head(ctx context.Context, key string) (Info, error)
	// List yields the objects whose keys begin with prefix, in ascending order of the keys' bytes, page by page: what is
	// written or deleted meanwhile may or may not be seen, all else is. Infos have no Version and no SHA256. After an
	// error the sequence ends.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Delete removes objects; one that is not there counts as removed. On an error some may have been removed.
	Delete(ctx context.Context, keys ...string) error
	// Copy makes dst what src is, replacing dst, without the bytes passing through here. It is all or nothing as Put.
	Copy(ctx context.Context, dst, src string) error
	// Close releases connections. Open readers fail.
	Close() error
}

// PutOptions are the conditions of a Put, decided by the store itself: of any number of concurrent writers one wins.
//
// The condition is on contents, not on who wrote them: a Put that finds exactly its own bytes in place succeeds,
// because that is what a repeated request sees whose first answer was lost. Where it matters who wins (fencing), the
// contents must name the writer.
type PutOptions struct {
	// IfAbsent: only if there is no object under the key, otherwise ErrExists.
	IfAbsent bool
	// IfVersion: only if the object's Info.Version is this one, otherwise (also if there is no object) ErrConflict.
	IfVersion string

	sha256 string // of the body, to be kept with the object
}

// Info describes an object.
type Info struct {
	Key  string
	Size int64
	// Version changes with every change of the object. It means nothing beyond the bucket.
	Version string
	// Modified is the store's clock, to a second.
	Modified time.Time
	// SHA256 of the contents in hexadecimal digits, or "" where the store keeps none (a folder).
	SHA256 string
}

// Reader is an open object; Info is known before the first byte. Close must be called.
type Reader struct {
	io.ReadCloser
	Info Info
}

// Body is what a Put stores. It can be read again for another attempt, and always gives the same Size bytes.
type Body interface {
	Size() int64
	Open() (io.ReadCloser, error)
}

// Bytes is a Body in memory.
type Bytes []byte

// Size is the number of bytes.
func (b Bytes) Size() int64 { return int64(len(b)) }

// Open reads from the beginning.
func (b Bytes) Open() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }

// File is a Body on disk: a file that does not change as long as it is in use.
type File struct {
	Path string
	size int64
}

// NewFile takes the size of a file.
func NewFile(path string) (File, error) {
	st, err := os.Stat(path)
	if err != nil {
		return File{}, err
	}
	return File{Path: path, size: st.Size()}, nil
}

// Size is the number of bytes when NewFile looked.
func (f File) Size() int64 { return f.size }

// Open reads from the beginning.
func (f File) Open() (io.ReadCloser, error) { return os.Open(f.Path) }

// Stream is a Body that is made anew for each attempt, of Length bytes.
type Stream struct {
	Length int64
	Reopen func() (io.ReadCloser, error)
}

// Size is Length.
func (s Stream) Size() int64 { return s.Length }

// Open calls Reopen.
func (s Stream) Open() (io.ReadCloser, error) { return s.Reopen() }

// ReadAll returns a whole object of at most max bytes (at most MaxReadAll), verified.
func ReadAll(ctx context.Context, b Bucket, key string, max int64) ([]byte, Info, error) {
	r, err := b.Get(ctx, key)
	if err != nil {
		return nil, Info{}, err
	}
	defer r.Close()
	if max = min(max, MaxReadAll); r.Info.Size > max {
		return nil, Info{}, &Error{Op: "get", Key: key, Class: ErrInvalid,
			Cause: fmt.Errorf("the object has %d bytes, at most %d are expected", r.Info.Size, max)}
	}
	data := make([]byte, r.Info.Size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, Info{}, err
	}
	// The checksum is judged at the end of the stream.
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		if err == nil {
			err = &Error{Op: "get", Key: key, Class: ErrCorrupt, Cause: fmt.Errorf("more than %d bytes", r.Info.Size)}
		}
		return nil, Info{}, err
	}
	return data, r.Info, nil
}

// checkKey refuses keys that one of the providers would treat in its own way.
func checkKey(op, key string) error {
	bad := func(why string) error {
		return &Error{Op: op, Key: fmt.Sprintf("%.80q", key), Class: ErrInvalid, Cause: fmt.Errorf("the key %s", why)}
	}
	if key == "" || len(key) > MaxKey {
		return bad(fmt.Sprintf("must have 1 to %d bytes", MaxKey))
	}
	for name := range strings.SplitSeq(key, "/") {
		if name == "" || name[0] == '.' {
			return bad("has an empty part or one that begins with a dot")
		}
	}
	if strings.ContainsFunc(key, func(r rune) bool { return !validRune(r) && r != '/' }) {
		return bad("may have letters, digits and ._=- only")
	}
	return nil
}

func validRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._=-", r)
}

// checkPut refuses a Put that cannot be meant.
func checkPut(key string, opts PutOptions) error {
	if opts.IfAbsent && opts.IfVersion != "" {
		return &Error{Op: opPut, Key: key, Class: ErrInvalid, Cause: fmt.Errorf("IfAbsent and IfVersion exclude each other")}
	}
	return checkKey(opPut, key)
}

// checkRange refuses ranges without a meaning.
func checkRange(key string, offset, length int64) error {
	if offset < 0 || length == 0 || length < -1 {
		return &Error{Op: opGet, Key: key, Class: ErrInvalid, Cause: fmt.Errorf("no range: offset %d, length %d", offset, length)}
	}
	return checkKey(opGet, key)
}

// digest reads a body through and returns its SHA-256 in hexadecimal digits.
func digest(body Body) (string, error) {
	h := sha256.New()
	if err := copyBody(h, body); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// copyBody writes exactly Size bytes, or fails.
func copyBody(w io.Writer, body Body) error {
	r, err := body.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(w, r)
	if err == nil && n != body.Size() {
		err = fmt.Errorf("the source of the object had %d bytes instead of %d", n, body.Size())
	}
	return err
}
