package object

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	azblobblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
)

// openAzure opens a container of the account AZURE_STORAGE_ACCOUNT, with the key AZURE_STORAGE_KEY, the token
// AZURE_STORAGE_SAS_TOKEN, the string AZURE_STORAGE_CONNECTION_STRING, or else the identity that Azure's default chain
// finds. AZURE_STORAGE_DOMAIN and AZURE_STORAGE_PROTOCOL (or opts.Endpoint) lead to emulators and other clouds.
func openAzure(ctx context.Context, l Location, opts Options) (Bucket, error) {
	transport := newTransport(opts)
	client, err := azureClient(l, opts, transport)
	if err != nil {
		return nil, openErr(l, ErrDenied, err)
	}
	b, err := azureblob.OpenBucket(ctx, client, nil)
	if err != nil {
		return nil, openErr(l, ErrInvalid, err)
	}
	return &cloud{provider: l.Provider, bucket: b, sdk: azureSDK{client}, close: transport.CloseIdleConnections}, nil
}

func azureClient(l Location, opts Options, transport *http.Transport) (*container.Client, error) {
	clientOpts := &container.ClientOptions{ClientOptions: policy.ClientOptions{
		Transport: &http.Client{Transport: transport},
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}}
	if s := os.Getenv("AZURE_STORAGE_CONNECTION_STRING"); s != "" && os.Getenv("AZURE_STORAGE_KEY") == "" {
		return container.NewClientFromConnectionString(s, l.Bucket, clientOpts)
	}
	where := azureblob.NewDefaultServiceURLOptions()
	if where.AccountName == "" {
		return nil, errors.New("AZURE_STORAGE_ACCOUNT is not set: it names the storage account")
	}
	if opts.Endpoint != "" {
		u, err := url.Parse(opts.Endpoint)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("[state] endpoint %q: want an address like https://blob.core.windows.net", clean(opts.Endpoint))
		}
		where.Protocol, where.StorageDomain = u.Scheme, u.Host
	}
	service, err := azureblob.NewServiceURL(where)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(string(service))
	if err != nil {
		return nil, errors.New("the address of the storage account is no URL")
	}
	address := at.JoinPath(l.Bucket).String() // a token in the query stays there
	if key := os.Getenv("AZURE_STORAGE_KEY"); key != "" {
		shared, err := azblob.NewSharedKeyCredential(where.AccountName, key)
		if err != nil {
			return nil, errors.New("AZURE_STORAGE_KEY is not base64") // the SDK's text may show it
		}
		return container.NewClientWithSharedKeyCredential(address, shared, clientOpts)
	}
	if where.SASToken != "" {
		return container.NewClientWithNoCredential(address, clientOpts)
	}
	identity, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, err
	}
	return container.NewClient(address, identity, clientOpts)
}

type azureSDK struct{ container *container.Client }

// putSmall sends one request.
func (s azureSDK) putSmall(ctx context.Context, key string, body Body, opts PutOptions) (bool, error) {
	data, err := readSmall(body)
	if err != nil {
		return true, err
	}
	sum, ct := opts.sha256, contentType
	_, err = s.container.NewBlockBlobClient(key).UploadBuffer(ctx, data, &blockblob.UploadBufferOptions{
		Metadata: map[string]*string{metaSHA256: &sum}, HTTPHeaders: &azblobblob.HTTPHeaders{BlobContentType: &ct},
		AccessConditions: azureCondition(opts),
	})
	return true, err
}

func azureCondition(opts PutOptions) *azblobblob.AccessConditions {
	c := &azblobblob.ModifiedAccessConditions{}
	switch {
	case opts.IfAbsent:
		c.IfNoneMatch = new(azcore.ETag)
		*c.IfNoneMatch = azcore.ETagAny
	case opts.IfVersion != "":
		c.IfMatch = new(azcore.ETag)
		*c.IfMatch = azcore.ETag(opts.IfVersion)
	}
	return &azblobblob.AccessConditions{ModifiedAccessConditions: c}
}

func (s azureSDK) beforeWrite(as func(any) bool, opts PutOptions) error {
	var upload *azblob.UploadStreamOptions
	if !as(&upload) {
		return errors.New("the Azure writer of gocloud.dev has no UploadStreamOptions")
	}
	upload.AccessConditions = azureCondition(opts)
	return nil
}

func (s azureSDK) delete(context.Context, string) (bool, error) { return false, nil }

func (s azureSDK) read(r *blob.Reader) (version, sum string) {
	var raw azblobblob.DownloadStreamResponse
	if !r.As(&raw) || raw.ETag == nil {
		return "", ""
	}
	for k, v := range raw.Metadata {
		// Header names come in any case.
		if len(k) == len(metaSHA256) && http.CanonicalHeaderKey(k) == http.CanonicalHeaderKey(metaSHA256) && v != nil {
			sum = *v
		}
	}
	return string(*raw.ETag), sum
}

func (s azureSDK) version(a *blob.Attributes) string { return a.ETag }

func (s azureSDK) status(err error) (int, string) {
	var api *azcore.ResponseError
	if errors.As(err, &api) {
		return api.StatusCode, api.ErrorCode
	}
	var auth *azidentity.AuthenticationFailedError
	if errors.As(err, &auth) {
		return http.StatusUnauthorized, codeNoCredentials
	}
	return 0, ""
}
