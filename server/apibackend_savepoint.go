package server

import (
	"context"

	"github.com/heliosdb/heliosdb-streaming/server/api"
	buckets "github.com/heliosdb/heliosdb-streaming/storage/object"
	"github.com/heliosdb/heliosdb-streaming/storage/savepoint"
)

// CreateSavepoint implements api.AdminBackend.
func (b *apiBackend) CreateSavepoint(ctx context.Context, _ *api.Identity, name string) (api.Savepoint, error) {
	info, err := b.s.CreateSavepoint(ctx, name)
	return b.savepoint(&info), err
}

// Savepoints implements api.AdminBackend.
func (b *apiBackend) Savepoints(ctx context.Context) ([]api.Savepoint, error) {
	list, err := b.s.Savepoints(ctx)
	out := make([]api.Savepoint, 0, len(list))
	for i := range list {
		out = append(out, b.savepoint(&list[i]))
	}
	return out, err
}

// DropSavepoint implements api.AdminBackend.
func (b *apiBackend) DropSavepoint(ctx context.Context, _ *api.Identity, id string) error {
	return b.s.DropSavepoint(ctx, id)
}

func (b *apiBackend) savepoint(i *savepoint.Info) api.Savepoint {
	if i.ID == "" {
		return api.Savepoint{}
	}
	at := b.s.cfg.State.LocalDir()
	if url := b.s.cfg.State.BucketURL(); url != "" {
		if l, err := buckets.Parse(url); err == nil {
			at = l.String()
		}
	}
	return api.Savepoint{
		ID: i.ID, Name: i.Name, Location: at + "/" + savepoint.Prefix + i.ID, CreatedAt: i.Created, Epoch: i.Epoch,
		Bytes: i.Bytes, Jobs: i.Jobs, Version: i.Program,
	}
}
