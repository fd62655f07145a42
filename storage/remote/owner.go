package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/storage/object"
)

var (
	crashClaiming = crashpoint.Register("remote.claim.before")
	crashClaimed  = crashpoint.Register("remote.claim.done")
)

// renewals is how often a lease is renewed in its time.
const renewals = 3

// owner is owner.json.
type owner struct {
	// Incarnation counts the processes that have owned the bucket.
	Incarnation uint64    `json:"incarnation"`
	Instance    string    `json:"instance"` // random, of one process
	Host        string    `json:"host"`
	PID         int       `json:"pid"`
	Started     time.Time `json:"started"`
	LeaseMillis int64     `json:"lease_millis"`
	// Renewed counts, so that each renewal changes the object.
	Renewed uint64 `json:"renewed"`
	// Released: the process has ended and left everything in order.
	Released bool `json:"released,omitempty"`
}

func (o *owner) String() string {
	return fmt.Sprintf("process %d on host %s, started %s (incarnation %d)", o.PID, o.Host, o.Started.Format(time.RFC3339), o.Incarnation)
}

// readOwner returns who owns the bucket and the object's version; nil if nobody ever did.
func readOwner(ctx context.Context, b object.Bucket) (*owner, string, error) {
	raw, info, err := object.ReadAll(ctx, b, ownerKey, maxSmall)
	if errors.Is(err, object.ErrNotFound) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	var o owner
	if err := json.Unmarshal(raw, &o); err != nil || o.Incarnation == 0 {
		return nil, "", fmt.Errorf("%w: %s cannot be read", ErrCorrupt, ownerKey)
	}
	return &o, info.Version, nil
}

// writeOwner replaces the version of owner.json that the caller has read, and returns the new one.
func writeOwner(ctx context.Context, b object.Bucket, o *owner, version string) (string, error) {
	raw, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return "", err
	}
	err = b.Put(ctx, ownerKey, object.Bytes(raw), object.PutOptions{IfAbsent: version == "", IfVersion: version})
	if err != nil && !errors.Is(err, object.ErrConflict) && !errors.Is(err, object.ErrExists) {
		return "", err
	}
	// The version is that of our bytes only if they are what is there: somebody may have been faster since, and a
	// renewal whose answer was lost may have succeeded.
	now, version, readErr := readOwner(ctx, b)
	switch {
	case readErr != nil:
		return "", readErr
	case now == nil || now.Instance != o.Instance:
		return "", ownedBy(now)
	case now.Renewed != o.Renewed || now.Released != o.Released:
		// Not written, although nobody else owns the bucket.
		return "", cmp.Or(err, fmt.Errorf("%s did not keep what was written", ownerKey))
	}
	return version, nil
}

func ownedBy(o *owner) error {
	if o == nil {
		return fmt.Errorf("%w: %s was removed", ErrFenced, ownerKey)
	}
	return fmt.Errorf("%w: %v", ErrFenced, o)
}

// newOwner describes this process as the successor of old, which may be nil.
func newOwner(old *owner, lease time.Duration) *owner {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	o := &owner{
		Incarnation: 1, Instance: randomID(), Host: host, PID: os.Getpid(),
		Started: time.Now().UTC().Truncate(time.Second), LeaseMillis: max(lease.Milliseconds(), 1),
	}
	if old != nil {
		o.Incarnation = old.Incarnation + 1
	}
	return o
}

// awaitSilence returns when the owner has ended or has not renewed its lease for as long as it lasts, with the version
// to replace. ErrOwned says that it lives.
func (s *State) awaitSilence(ctx context.Context, old *owner, version string) (string, error) {
	lease := time.Duration(old.LeaseMillis) * time.Millisecond
	s.opt.Logger.Warn("the bucket has an owner that did not say goodbye; waiting for its lease to run out",
		"bucket", s.opt.Name, "owner", old.String(), "lease", lease)
	expired := time.NewTimer(lease)
	defer expired.Stop()
	look := time.NewTicker(max(lease/10, time.Millisecond))
	defer look.Stop()
	for silent := false; ; {
		now, v, err := readOwner(ctx, s.bucket)
		switch {
		case err != nil:
			return "", err
		case now == nil:
			return "", nil
		case now.Instance == old.Instance && now.Released:
			return v, nil
		case v != version:
			return "", fmt.Errorf("%w: %s belongs to %v, which is alive; stop it first, or, if it is certainly gone, "+
				"set [state] take_over = true", ErrOwned, s.opt.Name, now)
		case silent:
			return version, nil
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-look.C:
		case <-expired.C:
			silent = true
		}
	}
}

// renew keeps the lease until ctx ends. Losing it ends the State.
func (s *State) renew(ctx context.Context) {
	t := time.NewTicker(max(s.opt.Lease/renewals, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := s.renewOnce(ctx, false); errors.Is(err, ErrFenced) {
			s.fail(err)
			return
		} else if err != nil && ctx.Err() == nil {
			s.opt.Logger.Warn("the lease of the bucket could not be renewed; trying again", "bucket", s.opt.Name, "error", err)
		}
	}
}

func (s *State) renewOnce(ctx context.Context, release bool) error {
	s.owning.Lock()
	defer s.owning.Unlock()
	for {
		next := s.owner
		next.Renewed++
		next.Released = release
		version, err := writeOwner(ctx, s.bucket, &next, s.ownerVersion)
		if err == nil {
			s.owner, s.ownerVersion = next, version
			return nil
		}
		// An attempt that seemed to fail, or that was given up when the process ends, may have arrived: go on from
		// what is there.
		now, v, readErr := readOwner(ctx, s.bucket)
		if readErr != nil || now == nil || now.Instance != next.Instance || v == s.ownerVersion {
			return err
		}
		s.owner, s.ownerVersion = *now, v
		if !errors.Is(err, object.ErrConflict) {
			return err
		}
	}
}
