package seal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// MarkName is the name of the file that says that a directory's contents are sealed, and under which data key.
const MarkName = "SEALED"

// What a directory and a keyring that do not belong together are told. Whoever wraps them says which directory.
var (
	// ErrSealed means that a directory is encrypted and was opened without a keyring.
	ErrSealed = errors.New("the state is encrypted, but encryption is off: set [state] encryption_enabled = true and the [kms] that it was written with; to give encryption up, restore a savepoint into an empty directory without it")
	// ErrPlain means that a directory is not encrypted and was opened with a keyring.
	ErrPlain = errors.New("the state was written without encryption, but encryption is on: set [state] encryption_enabled = false to go on without; to encrypt it, take a savepoint and restore it into an empty directory with encryption on")
)

// Holds is what a directory holds.
type Holds int

// A directory holds nothing, plain state, or sealed state.
const (
	HoldsNothing Holds = iota
	HoldsPlain
	HoldsSealed
)

const (
	markHead  = "sealed by HeliosDB Streaming, version 1\n"
	markPlace = "heliosdb mark"
	maxMark   = 4 << 10
)

// WriteMark marks a directory as sealed under the current key of ring, durably.
func WriteMark(dir string, ring *Keyring) error {
	box := ring.Current().Seal(nil, []byte(markPlace), []byte(markPlace))
	return replaceFile(filepath.Join(dir, MarkName), []byte(markHead+hex.EncodeToString(box)+"\n"))
}

// ReadMark returns the box of a directory's mark, nil if the directory has none.
func ReadMark(dir string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, MarkName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, ok := bytes.CutPrefix(b, []byte(markHead))
	box, err := hex.DecodeString(string(bytes.TrimSuffix(text, []byte("\n"))))
	if _, long := BoxKey(box); !ok || err != nil || !long || len(b) > maxMark {
		return nil, fmt.Errorf("%s is damaged", filepath.Join(dir, MarkName))
	}
	return box, nil
}

// OpenMark says whether ring can open what a directory with this mark holds.
func (r *Keyring) OpenMark(box []byte) error {
	_, err := r.Open(nil, box, []byte(markPlace))
	return err
}
