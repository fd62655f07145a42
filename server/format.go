package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/heliosdb/heliosdb-streaming/internal/durable"
	"github.com/heliosdb/heliosdb-streaming/storage/wal"
)

// stateFormat is the version of all that lies in a data directory together:
// epochs (package epoch and epochMeta), log records, keyring. Whoever changes one
// of them so that an older program misreads it raises this number, and the layout
// of the bucket (package remote), and has the file written before the first byte
// of the new kind: so an older program refuses without having touched anything.
const stateFormat = 1

// formatFile says the format of a data directory. A directory without it is of
// format 1.
const formatFile = "format.json"

type directoryFormat struct {
	Format  int    `json:"format"`
	Program string `json:"program"` // the version that wrote the file
}

// checkFormat refuses a data directory that a newer program has written. It
// changes nothing and comes before everything that does.
func checkFormat(dir string) (known bool, err error) {
	if dir == "" { // memory
		return true, nil
	}
	path := filepath.Join(dir, formatFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, wal.CheckFormat(dir)
	}
	if err != nil {
		return false, err
	}
	var f directoryFormat
	switch err := json.Unmarshal(raw, &f); {
	case err != nil || f.Format < 1:
		return false, fmt.Errorf("%s is damaged: it does not say the format of the data directory", path)
	case f.Format > stateFormat:
		return false, fmt.Errorf("the state in %s has format %d, written by version %.40q; this program, version %s, reads formats up to %d. "+
			"Start it with that version, or restore a savepoint of an older one into an empty directory. Nothing was changed", dir, f.Format, f.Program, Version, stateFormat)
	}
	return true, wal.CheckFormat(dir)
}

// writeFormat says in a data directory what it holds.
func writeFormat(dir string) error {
	raw, err := json.Marshal(directoryFormat{Format: stateFormat, Program: Version})
	if err != nil {
		return err
	}
	return durable.Replace(filepath.Join(dir, formatFile), append(raw, '\n'))
}
