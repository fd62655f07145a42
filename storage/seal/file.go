package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/durable"
)

// FileName is the name of the keyring in a data directory, at a bucket's prefix and in a savepoint.
const FileName = "keyring.json"

// Limits and version of keyring.json.
const (
	fileVersion     = 1
	maxFileBytes    = 1 << 20
	maxWrappedBytes = 6 << 10 // AWS KMS returns up to 6144 bytes, the others less
	maxKMSName      = 2 << 10
)

var (
	// ErrKeyring is wrapped when bytes are no keyring: damaged, edited, or of a newer program.
	ErrKeyring = errors.New("not a usable keyring")

	crashTemp    = crashpoint.Register("seal.keyring.temp-written")
	crashRenamed = crashpoint.Register("seal.keyring.renamed")
)

// keyringFile is keyring.json. The checksum is the SHA-256 of the same file with an empty checksum.
type keyringFile struct {
	Version  int       `json:"version"`
	Current  string    `json:"current"`
	Keys     []fileKey `json:"keys"`
	Checksum string    `json:"checksum"`
}

// fileKey is one wrapped data key.
type fileKey struct {
	ID      string `json:"id"`
	Created string `json:"created"`
	KMS     string `json:"kms"`
	Wrapped []byte `json:"wrapped"`
}

func (f keyringFile) encode() []byte {
	f.Checksum = ""
	sum := sha256.Sum256(f.marshal())
	f.Checksum = hex.EncodeToString(sum[:])
	return f.marshal()
}

func (f keyringFile) marshal() []byte {
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		panic(err) // strings, numbers and bytes always marshal
	}
	return append(b, '\n')
}

// parse checks the parts of a key and returns its id and its time.
func (k fileKey) parse() (KeyID, time.Time, error) {
	id, err := ParseKeyID(k.ID)
	if err != nil {
		return 0, time.Time{}, err
	}
	created, err := time.Parse(time.RFC3339, k.Created)
	switch {
	case err != nil || created.Location() != time.UTC:
		return 0, time.Time{}, fmt.Errorf("%w: data key %s has no time of creation in UTC", ErrKeyring, id)
	case len(k.Wrapped) == 0 || len(k.Wrapped) > maxWrappedBytes:
		return 0, time.Time{}, fmt.Errorf("%w: data key %s has %d wrapped bytes", ErrKeyring, id, len(k.Wrapped))
	case k.KMS == "" || len(k.KMS) > maxKMSName:
		return 0, time.Time{}, fmt.Errorf("%w: data key %s does not say what wrapped it", ErrKeyring, id)
	}
	return id, created, nil
}

// ParseKeyID reads what KeyID.String wrote.
func ParseKeyID(s string) (KeyID, error) {
	v, err := strconv.ParseUint(s, 16, 64)
	if err != nil || KeyID(v).String() != s {
		return 0, fmt.Errorf("%w: %q is no key id of 16 hexadecimal digits", ErrKeyring, s)
	}
	return KeyID(v), nil
}

// CheckFile says why bytes are no keyring; whether a master key opens it is another question.
func CheckFile(b []byte) error {
	_, err := decodeFile(b)
	return err
}

// decodeFile is the inverse of encode and takes nothing else: a file that reads differently from how it was written
// was damaged or edited.
func decodeFile(b []byte) (*keyringFile, error) {
	if len(b) > maxFileBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrKeyring, len(b), maxFileBytes)
	}
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(b, &version); err != nil {
		return nil, fmt.Errorf("%w: it is not JSON of the expected form", ErrKeyring)
	}
	if version.Version != fileVersion {
		return nil, fmt.Errorf("%w: it has version %d, this program reads version %d", ErrKeyring, version.Version, fileVersion)
	}
	f := &keyringFile{}
	if err := json.Unmarshal(b, f); err != nil {
		return nil, fmt.Errorf("%w: it is not JSON of the expected form", ErrKeyring)
	}
	if !bytes.Equal(f.encode(), b) {
		return nil, fmt.Errorf("%w: its checksum does not match: it is damaged or was edited", ErrKeyring)
	}
	if len(f.Keys) == 0 || len(f.Keys) > MaxKeys {
		return nil, fmt.Errorf("%w: %d data keys", ErrKeyring, len(f.Keys))
	}
	seen := make(map[string]bool)
	for _, k := range f.Keys {
		if _, _, err := k.parse(); err != nil {
			return nil, err
		}
		if seen[k.ID] {
			return nil, fmt.Errorf("%w: data key %s is listed twice", ErrKeyring, k.ID)
		}
		seen[k.ID] = true
	}
	if !seen[f.Current] {
		return nil, fmt.Errorf("%w: the current data key %q is not listed", ErrKeyring, f.Current)
	}
	return f, nil
}

// ReadFile reads the encoded keyring of a directory; the error wraps fs.ErrNotExist when there is none.
func ReadFile(dir string) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, FileName))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	return b, nil
}

// WriteFile stores an encoded keyring in a directory: a crash at any moment leaves the file of before or the new one,
// and when it returns nil the new one is on stable storage.
func WriteFile(dir string, encoded []byte) error {
	return replaceFile(filepath.Join(dir, FileName), encoded)
}

func replaceFile(path string, b []byte) error {
	return durable.Replace(path, b, crashTemp, crashRenamed)
}
