package object

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
)

const (
	defaultRegion = "us-east-1"
	// partAttempts is how often one part of a large object is sent before the whole object counts as failed.
	partAttempts = 5
)

// openS3 opens a bucket of S3 or of a server that speaks S3. Credentials and, unless opts say them, region and endpoint
// are found as the AWS SDK finds them (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_ENDPOINT_URL_S3, roles, …).
func openS3(ctx context.Context, l Location, opts Options) (Bucket, error) {
	// The SDK's own kind of client, which takes AWS_CA_BUNDLE.
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { tuneTransport(t, opts) })
	load := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithDefaultRegion(defaultRegion),
	}
	if opts.Region != "" {
		load = append(load, config.WithRegion(opts.Region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, openErr(l, ErrInvalid, err)
	}
	if opts.Endpoint != "" {
		// Servers besides AWS's often do not know its newer checksums; ours are in the metadata anyway.
		cfg.BaseEndpoint = aws.String(opts.Endpoint)
		cfg.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		cfg.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	}
	s3client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = opts.PathStyle
		o.APIOptions = append(o.APIOptions, retryParts)
	})
	b, err := s3blob.OpenBucket(ctx, s3client, l.Bucket, &s3blob.Options{RequestChecksumCalculation: cfg.RequestChecksumCalculation})
	if err != nil {
		return nil, openErr(l, ErrInvalid, err)
	}
	return &cloud{provider: l.Provider, bucket: b, sdk: &s3SDK{client: s3client, bucket: l.Bucket}, close: func() {
		client.GetTransport().CloseIdleConnections()
	}}, nil
}

// retryParts lets the SDK repeat parts of large objects, and nothing else: one lost part of hundreds must not cost all.
func retryParts(stack *middleware.Stack) error {
	if stack.ID() != "UploadPart" {
		return nil
	}
	again := retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = partAttempts })
	_, err := stack.Finalize.Swap("Retry", retry.NewAttemptMiddleware(again, smithyhttp.RequestCloner))
	return err
}

type s3SDK struct {
	client *s3.Client
	bucket string
}

// putSmall sends one request from memory; gocloud.dev's writer would take a buffer of a whole part for it.
func (s *s3SDK) putSmall(ctx context.Context, key string, body Body, opts PutOptions) (bool, error) {
	data, err := readSmall(body)
	if err != nil {
		return true, err
	}
	in := &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(data), ContentLength: aws.Int64(int64(len(data))),
		ContentType: aws.String(contentType), Metadata: map[string]string{metaSHA256: opts.sha256},
	}
	if opts.IfAbsent {
		in.IfNoneMatch = aws.String("*")
	}
	if opts.IfVersion != "" {
		in.IfMatch = &opts.IfVersion
	}
	_, err = s.client.PutObject(ctx, in)
	return true, err
}

func (s *s3SDK) beforeWrite(as func(any) bool, opts PutOptions) error {
	var in *transfermanager.UploadObjectInput
	if !as(&in) {
		return errors.New("the S3 writer of gocloud.dev has no UploadObjectInput")
	}
	if opts.IfVersion != "" {
		in.IfMatch = &opts.IfVersion
	}
	return nil
}

// delete does not look whether the object is there first, as gocloud.dev does.
func (s *s3SDK) delete(ctx context.Context, key string) (bool, error) {
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key})
	return true, err
}

func (s *s3SDK) read(r *blob.Reader) (version, sum string) {
	var out s3.GetObjectOutput
	if r.As(&out) {
		return aws.ToString(out.ETag), out.Metadata[metaSHA256]
	}
	return "", ""
}

func (s *s3SDK) version(a *blob.Attributes) string { return a.ETag }

func (s *s3SDK) status(err error) (int, string) {
	var (
		status int
		code   string
		answer *smithyhttp.ResponseError
		api    smithy.APIError
	)
	if errors.As(err, &answer) {
		status = answer.HTTPStatusCode()
	}
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	if status == 0 && strings.Contains(err.Error(), "get credentials:") {
		code = codeNoCredentials
	}
	return status, code
}
