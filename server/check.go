package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	"github.com/heliosdb/heliosdb-streaming/storage/kms"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
	"github.com/heliosdb/heliosdb-streaming/storage/wal"
)

// CheckDataDir verifies a data directory that no process has open and prints
// what it found. An encrypted one needs the configuration that says what
// wrapped its keys; cfg may be nil for others. An error says that checking was
// not possible.
func CheckDataDir(ctx context.Context, dir string, cfg *config.Config, out io.Writer) (sound bool, err error) {
	if _, err := checkFormat(dir); err != nil {
		return false, err
	}
	ring, err := ringForCheck(ctx, dir, cfg)
	if err != nil {
		return false, err
	}
	r, err := epoch.Check(dir, ring)
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

// ringForCheck opens the keyring of a data directory, nil if it has none.
func ringForCheck(ctx context.Context, dir string, cfg *config.Config) (*seal.Keyring, error) {
	encoded, err := seal.ReadFile(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case cfg == nil:
		return nil, fmt.Errorf("data directory %s is encrypted: --config FILE must say what wrapped its keys ([kms])", dir)
	}
	k, err := kms.Open(ctx, cfg.KMS, cfg.LocalKeyFile(), false)
	if err != nil {
		return nil, err
	}
	ring, err := seal.Load(ctx, encoded, k)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", seal.FileName, dir, err)
	}
	return ring, nil
}
