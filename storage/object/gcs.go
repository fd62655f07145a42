package object

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
)

// openGCS opens a bucket of Google Cloud Storage with the application default credentials, or of an emulator
// (STORAGE_EMULATOR_HOST or opts.Endpoint) without any.
func openGCS(ctx context.Context, l Location, opts Options) (Bucket, error) {
	transport := newTransport(opts)
	clientOpts := []option.ClientOption{storage.WithJSONReads()}
	emulator := opts.Endpoint
	if emulator == "" {
		emulator = os.Getenv("STORAGE_EMULATOR_HOST")
	}
	if emulator != "" {
		if !strings.Contains(emulator, "://") {
			emulator = "http://" + emulator
		}
		clientOpts = append(clientOpts, option.WithHTTPClient(&http.Client{Transport: transport}),
			option.WithEndpoint(strings.TrimSuffix(emulator, "/")+"/storage/v1/"), option.WithoutAuthentication())
	} else {
		creds, err := gcp.DefaultCredentials(ctx)
		if err != nil {
			return nil, openErr(l, ErrDenied, err)
		}
		authorized, err := gcp.NewHTTPClient(transport, gcp.CredentialsTokenSource(creds))
		if err != nil {
			return nil, openErr(l, ErrDenied, err)
		}
		clientOpts = append(clientOpts, option.WithHTTPClient(&authorized.Client))
	}
	client, err := storage.NewClient(ctx, clientOpts...)
	if err != nil {
		return nil, openErr(l, ErrInvalid, err)
	}
	client.SetRetry(storage.WithPolicy(storage.RetryNever))
	b, err := gcsblob.OpenBucket(ctx, nil, l.Bucket, &gcsblob.Options{Client: client})
	if err != nil {
		return nil, openErr(l, ErrInvalid, err)
	}
	return &cloud{provider: l.Provider, bucket: b, sdk: gcsSDK{client.Bucket(l.Bucket)}, close: func() {
		_ = client.Close()
		transport.CloseIdleConnections()
	}}, nil
}

type gcsSDK struct{ bucket *storage.BucketHandle }

// putSmall sends one request; the resumable upload of gocloud.dev's writer would take two and a buffer.
func (s gcsSDK) putSmall(ctx context.Context, key string, body Body, opts PutOptions) (bool, error) {
	data, err := readSmall(body)
	if err != nil {
		return true, err
	}
	object, err := gcsCondition(s.bucket.Object(key), opts)
	if err != nil {
		return true, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := object.NewWriter(ctx)
	w.ChunkSize = 0
	w.ContentType = contentType
	w.Metadata = map[string]string{metaSHA256: opts.sha256}
	if _, err := w.Write(data); err != nil {
		cancel()
		_ = w.Close() // Write's error is the one that says something
		return true, err
	}
	return true, w.Close()
}

func gcsCondition(o *storage.ObjectHandle, opts PutOptions) (*storage.ObjectHandle, error) {
	switch {
	case opts.IfAbsent:
		return o.If(storage.Conditions{DoesNotExist: true}), nil
	case opts.IfVersion != "":
		generation, err := strconv.ParseInt(opts.IfVersion, 10, 64)
		if err != nil {
			return nil, &Error{Op: opPut, Provider: "gcs", Key: o.ObjectName(), Class: ErrInvalid, Cause: err}
		}
		return o.If(storage.Conditions{GenerationMatch: generation}), nil
	}
	return o, nil
}

func (s gcsSDK) beforeWrite(as func(any) bool, opts PutOptions) error {
	var handle **storage.ObjectHandle
	if !as(&handle) {
		return errors.New("the GCS writer of gocloud.dev has no ObjectHandle")
	}
	// Only the chunks of a large object are repeated by the SDK.
	o := (*handle).Retryer(storage.WithPolicy(storage.RetryAlways), storage.WithMaxAttempts(partAttempts))
	if opts.IfVersion != "" {
		var err error
		if o, err = gcsCondition(o, opts); err != nil {
			return err
		}
	}
	*handle = o
	return nil
}

func (s gcsSDK) delete(context.Context, string) (bool, error) { return false, nil }

func (s gcsSDK) read(r *blob.Reader) (version, sum string) {
	var raw *storage.Reader
	if !r.As(&raw) {
		return "", ""
	}
	return strconv.FormatInt(raw.Attrs.Generation, 10), raw.Metadata()[metaSHA256]
}

func (s gcsSDK) version(a *blob.Attributes) string {
	var raw storage.ObjectAttrs
	if !a.As(&raw) {
		return ""
	}
	return strconv.FormatInt(raw.Generation, 10)
}

func (s gcsSDK) status(err error) (int, string) {
	var api *googleapi.Error
	switch {
	case errors.As(err, &api):
		return api.Code, ""
	case errors.Is(err, storage.ErrBucketNotExist):
		return http.StatusNotFound, "NoSuchBucket"
	case errors.Is(err, storage.ErrObjectNotExist):
		return http.StatusNotFound, ""
	}
	return 0, ""
}
