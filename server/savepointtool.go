package server

import (
	"context"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	buckets "github.com/heliosdb/heliosdb-streaming/storage/object"
	"github.com/heliosdb/heliosdb-streaming/storage/savepoint"
)

// CheckSavepointID says why something cannot be the id of a savepoint.
func CheckSavepointID(id string) error {
	_, err := savepoint.ParseID(id)
	return err
}

// SavepointTool works on the savepoints of a configuration without a server.
type SavepointTool struct{ b buckets.Bucket }

// OpenSavepoints opens the place where the savepoints of a configuration lie.
func OpenSavepoints(ctx context.Context, cfg *config.Config) (*SavepointTool, error) {
	b, err := savepointBucket(ctx, &cfg.State)
	if err != nil {
		return nil, err
	}
	return &SavepointTool{b}, nil
}

// List describes the complete savepoints, oldest first, and says why others cannot
// be read.
func (t *SavepointTool) List(ctx context.Context) ([]savepoint.Info, []error, error) {
	return savepoint.List(ctx, t.b)
}

// Verify reads all of a savepoint and compares its checksums.
func (t *SavepointTool) Verify(ctx context.Context, id string) (savepoint.Info, error) {
	return savepoint.Verify(ctx, t.b, id)
}

// Delete removes a savepoint.
func (t *SavepointTool) Delete(ctx context.Context, id string) error {
	return savepoint.Delete(ctx, t.b, id)
}

// Close closes the connections.
func (t *SavepointTool) Close() error { return t.b.Close() }
