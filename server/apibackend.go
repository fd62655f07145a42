package server

import (
	"context"
	"time"

	"github.com/heliosdb/heliosdb-streaming/server/api"
)

// apiBackend is what the HTTP API asks of the server.
type apiBackend struct {
	s       *Server
	started time.Time
}

var _ api.Backend = (*apiBackend)(nil)

func newAPIBackend(s *Server) *apiBackend { return &apiBackend{s: s, started: time.Now()} }

// Status implements api.AdminBackend.
func (b *apiBackend) Status(context.Context) (api.Status, error) {
	s := b.s
	jobs := s.Jobs()
	st := api.Status{
		Version: Version, Paused: !s.PausedSince().IsZero(), StartedAt: b.started.UTC(), TotalJobs: len(jobs), Workers: s.workers(),
	}
	for _, j := range jobs {
		if j.Active {
			st.ActiveJobs++
		}
	}
	if last := s.LastCheckpoint(); !last.At.IsZero() {
		st.Checkpoint = &api.Checkpoint{Epoch: last.Epoch, CompletedAt: last.At.UTC()}
	}
	return st, nil
}

// Pause implements api.AdminBackend.
func (b *apiBackend) Pause(ctx context.Context, _ *api.Identity) (api.Status, error) {
	if err := b.s.PauseAll(ctx); err != nil {
		return api.Status{}, err
	}
	return b.Status(ctx)
}

// Resume implements api.AdminBackend.
func (b *apiBackend) Resume(ctx context.Context, _ *api.Identity) (api.Status, error) {
	if err := b.s.ResumeAll(ctx); err != nil {
		return api.Status{}, err
	}
	return b.Status(ctx)
}

// Checkpoint implements api.AdminBackend.
func (b *apiBackend) Checkpoint(ctx context.Context, _ *api.Identity) (api.Checkpoint, error) {
	if err := b.s.Checkpoint(ctx); err != nil {
		return api.Checkpoint{}, err
	}
	last := b.s.LastCheckpoint()
	return api.Checkpoint{Epoch: last.Epoch, CompletedAt: last.At.UTC()}, nil
}

// EncryptionKeys implements api.AdminBackend.
func (b *apiBackend) EncryptionKeys(context.Context) ([]api.EncryptionKey, error) {
	keys, err := b.s.EncryptionKeys()
	var out []api.EncryptionKey
	for _, k := range keys {
		out = append(out, api.EncryptionKey{ID: k.ID.String(), CreatedAt: k.Created.UTC(), WrappedBy: k.KMS, Current: k.Current, InUse: k.InUse})
	}
	return out, err
}

// RotateEncryptionKey implements api.AdminBackend.
func (b *apiBackend) RotateEncryptionKey(ctx context.Context, _ *api.Identity) error {
	return b.s.RotateEncryptionKey(ctx)
}

// Config implements api.AdminBackend.
func (b *apiBackend) Config(context.Context) ([]api.Setting, error) {
	var out []api.Setting
	for _, k := range b.s.cfg.Settings() {
		out = append(out, api.Setting{Key: k.Name, Value: k.Value, Origin: k.Origin})
	}
	return out, nil
}
