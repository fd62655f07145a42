package server

import (
	"context"

	"github.com/heliosdb/heliosdb-streaming/server/api"
)

// Reload implements api.AdminBackend.
func (b *apiBackend) Reload(context.Context, *api.Identity) (api.Reloaded, error) {
	return api.Reloaded{}, nil
}
func (b *apiBackend) Authenticate(context.Context, string, string) (*api.Identity, error) {
	return &api.Identity{Name: "anybody", Permissions: api.Permissions}, nil
}
func (b *apiBackend) Allow(string, string) error { return nil }
func (b *apiBackend) Audit(api.AuditEvent)       {}
func (b *apiBackend) Register(ctx context.Context, by *api.Identity, u api.NewUser, remote string) (api.User, error) {
	return api.User{}, noSavepoints()
}
func (b *apiBackend) Login(ctx context.Context, username, password, remote string) (api.Token, error) {
	return api.Token{}, noSavepoints()
}
func (b *apiBackend) Refresh(ctx context.Context, id *api.Identity) (api.Token, error) {
	return api.Token{}, noSavepoints()
}
func (b *apiBackend) Logout(ctx context.Context, id *api.Identity) error { return noSavepoints() }
func (b *apiBackend) Users(ctx context.Context) ([]api.User, error)      { return nil, noSavepoints() }
func (b *apiBackend) User(ctx context.Context, name string) (api.User, error) {
	return api.User{}, noSavepoints()
}
func (b *apiBackend) UpdateUser(ctx context.Context, by *api.Identity, name string, p api.UserPatch) (api.User, error) {
	return api.User{}, noSavepoints()
}
func (b *apiBackend) DeleteUser(ctx context.Context, by *api.Identity, name string) error {
	return noSavepoints()
}
