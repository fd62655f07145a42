package server

import (
	"errors"
	"fmt"
	"io"

	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	"github.com/heliosdb/heliosdb-streaming/storage/wal"
)

// CheckDataDir verifies a data directory that no process has open and prints
// what it found. An error says that checking was not possible.
func CheckDataDir(dir string, out io.Writer) (sound bool, err error) {
	r, err := epoch.Check(dir, nil)
	if err != nil && !errors.Is(err, epoch.ErrCorrupt) && !errors.Is(err, wal.ErrCorrupt) {
		return false, err
	}
	fmt.Fprintf(out, "epoch %d, log position %d: %d tables, %d runs, %d blocks, %d entries, %d bytes\n",
		r.Epoch, r.LogPos, r.Tables, r.Runs, r.Blocks, r.Entries, r.Bytes)
	fmt.Fprintf(out, "log: %+v\n", r.WAL)
	if err != nil {
		fmt.Fprintf(out, "DAMAGED\n%v\n", err)
		return false, nil
	}
	fmt.Fprintln(out, "all checksums and invariants hold")
	return true, nil
}
