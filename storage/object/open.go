package object

import (
	"context"
	"fmt"
)

// Open opens the bucket that a location names, reliable and under its prefix. Buckets of clouds must exist; a folder is
// created. Whether the bucket can be reached is seen with the first request. Credentials are found by the provider's
// own SDK: environment, files, the machine's identity.
func Open(ctx context.Context, l Location, opts Options) (Bucket, error) {
	var raw Bucket
	var err error
	switch l.Provider {
	case "memory":
		raw = NewMemory()
	case "file":
		raw, err = OpenFolder(l.Bucket)
	default:
		err = &Error{Op: opOpen, Provider: l.Provider, Key: l.String(), Class: ErrInvalid, Cause: fmt.Errorf("unknown provider")}
	}
	if err != nil {
		return nil, err
	}
	return WithPrefix(Reliable(raw, opts), l.Prefix), nil
}
