package server

import (
	"context"
	"io"
)

// SupportBundle implements api.AdminBackend.
func (b *apiBackend) SupportBundle(_ context.Context, w io.Writer) error { return b.s.SupportBundle(w) }
