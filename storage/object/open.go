package object

import (
	"context"
	"errors"
)

// Open opens the bucket that a location names, reliable and under its prefix. Buckets of clouds must exist; a folder is
// created. Whether the bucket can be reached is seen with the first request. Credentials are found by the provider's
// own SDK: environment, files, the machine's identity.
func Open(ctx context.Context, l Location, opts Options) (Bucket, error) {
	var raw Bucket
	var err error
	opts = opts.withDefaults()
	switch l.Provider {
	case "memory":
		raw = NewMemory()
	case "file":
		raw, err = OpenFolder(l.Bucket)
	case "s3":
		raw, err = openS3(ctx, l, opts)
	case "gcs":
		raw, err = openGCS(ctx, l, opts)
	case "azure":
		raw, err = openAzure(ctx, l, opts)
	default:
		err = openErr(l, ErrInvalid, errors.New("unknown provider"))
	}
	if err != nil {
		return nil, err
	}
	return WithPrefix(Reliable(raw, opts), l.Prefix), nil
}
