package kms

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	cloudkms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
)

// Defaults of [kms] gcp_keyring and gcp_key_name.
const (
	DefaultGCPKeyring = "heliosdb"
	DefaultGCPKey     = "streaming-encryption-key"
)

// errTransfer says that bytes changed between here and the service.
var errTransfer = errors.New("the bytes changed on their way")

// openGCP uses a symmetric key of Google Cloud KMS. Credentials come from the environment, as Google's own programs find
// them. An endpoint with http:// is an emulator on this machine: it gets no credentials.
func openGCP(ctx context.Context, c config.KMS) (KMS, error) {
	for _, k := range []struct{ name, value string }{{"gcp_project_id", c.GCPProjectID}, {"gcp_location", c.GCPLocation}} {
		if k.value == "" {
			return nil, fmt.Errorf("[kms] %s is needed", k.name)
		}
	}
	ring, name := c.GCPKeyring, c.GCPKeyName
	if ring == "" {
		ring = DefaultGCPKeyring
	}
	if name == "" {
		name = DefaultGCPKey
	}
	var opts []option.ClientOption
	if endpoint := c.GCPEndpoint; endpoint != "" {
		if !strings.Contains(endpoint, "://") {
			endpoint = "https://" + endpoint
		}
		plain, err := checkEndpoint("gcp_endpoint", endpoint)
		if err != nil {
			return nil, err
		}
		opts = append(opts, option.WithEndpoint(endpoint))
		if plain {
			opts = append(opts, option.WithoutAuthentication())
		}
	}
	client, err := cloudkms.NewKeyManagementRESTClient(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("open Google Cloud KMS: %s", oneLine(err.Error()))
	}
	client.CallOptions.Encrypt, client.CallOptions.Decrypt = nil, nil // call tries again
	key := fmt.Sprintf("projects/%s/locations/%s/keyRings/%s/cryptoKeys/%s", c.GCPProjectID, c.GCPLocation, ring, name)
	bound := []byte(application)
	return &remote{
		provider: "Google Cloud KMS", key: key, id: "gcp:" + key,
		permissions: "cloudkms.cryptoKeyVersions.useToEncrypt and useToDecrypt (roles/cloudkms.cryptoKeyEncrypterDecrypter)",
		pause:       firstPause, classify: classifyGCP,
		wrap: func(ctx context.Context, plain []byte) ([]byte, error) {
			out, err := client.Encrypt(ctx, &kmspb.EncryptRequest{
				Name: key, Plaintext: plain, AdditionalAuthenticatedData: bound,
				PlaintextCrc32C: crcOf(plain), AdditionalAuthenticatedDataCrc32C: crcOf(bound),
			})
			if err != nil {
				return nil, err
			}
			if !out.GetVerifiedPlaintextCrc32C() || out.GetCiphertextCrc32C().GetValue() != crcOf(out.GetCiphertext()).GetValue() {
				return nil, errTransfer
			}
			return out.GetCiphertext(), nil
		},
		unwrap: func(ctx context.Context, wrapped []byte) ([]byte, error) {
			out, err := client.Decrypt(ctx, &kmspb.DecryptRequest{
				Name: key, Ciphertext: wrapped, AdditionalAuthenticatedData: bound,
				CiphertextCrc32C: crcOf(wrapped), AdditionalAuthenticatedDataCrc32C: crcOf(bound),
			})
			if err != nil {
				return nil, err
			}
			if out.GetPlaintextCrc32C().GetValue() != crcOf(out.GetPlaintext()).GetValue() {
				return nil, errTransfer
			}
			return out.GetPlaintext(), nil
		},
	}, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func crcOf(b []byte) *wrapperspb.Int64Value {
	return wrapperspb.Int64(int64(crc32.Checksum(b, castagnoli)))
}

func classifyGCP(err error) (class, string) {
	if errors.Is(err, errTransfer) {
		return unavailable, err.Error()
	}
	var api *apierror.APIError
	if !errors.As(err, &api) {
		if strings.Contains(err.Error(), "credentials") || strings.Contains(err.Error(), "oauth2") {
			return denied, "no valid credentials: " + err.Error()
		}
		return unavailable, err.Error()
	}
	code := api.GRPCStatus().Code()
	status := api.HTTPCode()
	text := fmt.Sprintf("HTTP %d: %s", status, api.Error())
	switch {
	case status == 401 || status == 403 || code == codes.PermissionDenied || code == codes.Unauthenticated:
		return denied, text
	case status == 404 || code == codes.NotFound:
		return notFound, text
	case status == 400 && strings.Contains(text, "is not enabled"):
		return unusable, text
	case status == 400:
		return wrongKey, text
	case status == 429:
		return throttled, text
	case status >= 500 || code == codes.Unavailable:
		return unavailable, text
	}
	return other, text
}
