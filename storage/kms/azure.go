package kms

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
)

// DefaultAzureKey is the key when [kms] azure_key_name is not set.
const DefaultAzureKey = "heliosdb-encryption-key"

// maxAzureVersion bounds the version of a key that stands before what it wrapped.
const maxAzureVersion = 255

// azureOptions are what tests put in the place of Azure.
type azureOptions struct {
	credential azcore.TokenCredential
	transport  policy.Transporter
	anyVault   bool // the vault is not one of Azure's clouds
}

// openAzure uses an RSA key of Azure Key Vault or Managed HSM. Credentials come from the environment, the workload's or
// the machine's identity, as Azure's own programs find them.
//
// Wrapped is: length of the key's version u8 | version | what the service wrapped. The version is kept because
// unwrapping needs it, also after the key was rotated in the vault.
func openAzure(c config.KMS, o azureOptions) (KMS, error) {
	if c.AzureVaultURL == "" {
		return nil, errors.New(`[kms] azure_vault_url is needed, for example "https://your-vault.vault.azure.net"`)
	}
	if plain, err := checkEndpoint("azure_vault_url", c.AzureVaultURL); err != nil || plain {
		return nil, errors.Join(err, errors.New("[kms] azure_vault_url must begin with https://"))
	}
	key := c.AzureKeyName
	if key == "" {
		key = DefaultAzureKey
	}
	if o.credential == nil {
		cred, err := azidentity.NewDefaultAzureCredential(nil)
		if err != nil {
			return nil, fmt.Errorf("credentials for Azure: %s", oneLine(err.Error()))
		}
		o.credential = cred
	}
	client, err := azkeys.NewClient(c.AzureVaultURL, o.credential, &azkeys.ClientOptions{
		ClientOptions:                        policy.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}, Transport: o.transport}, // call does it
		DisableChallengeResourceVerification: o.anyVault,
	})
	if err != nil {
		return nil, fmt.Errorf("open Azure Key Vault %s: %s", c.AzureVaultURL, oneLine(err.Error()))
	}
	algorithm := azkeys.EncryptionAlgorithmRSAOAEP256
	vault := strings.TrimRight(c.AzureVaultURL, "/")
	return &remote{
		provider: "Azure Key Vault " + vault, key: key, id: "azure:" + vault + "/keys/" + key,
		permissions: "wrapKey and unwrapKey", pause: firstPause, classify: classifyAzure,
		wrap: func(ctx context.Context, plain []byte) ([]byte, error) {
			out, err := client.WrapKey(ctx, key, "", azkeys.KeyOperationParameters{Algorithm: &algorithm, Value: plain}, nil)
			if err != nil {
				return nil, err
			}
			if out.KID == nil || len(out.KID.Version()) > maxAzureVersion || out.KID.Version() == "" {
				return nil, errors.New("the vault does not say with which version of the key it wrapped")
			}
			v := out.KID.Version()
			return append(append([]byte{byte(len(v))}, v...), out.Result...), nil
		},
		unwrap: func(ctx context.Context, wrapped []byte) ([]byte, error) {
			if len(wrapped) < 2 || len(wrapped) < 1+int(wrapped[0]) {
				return nil, errNotOurs
			}
			n := 1 + int(wrapped[0])
			version := string(wrapped[1:n])
			if strings.ContainsAny(version, "/?#%. ") {
				return nil, errNotOurs
			}
			out, err := client.UnwrapKey(ctx, key, version, azkeys.KeyOperationParameters{Algorithm: &algorithm, Value: wrapped[n:]}, nil)
			if err != nil {
				return nil, err
			}
			return out.Result, nil
		},
	}, nil
}

// errNotOurs says that bytes were wrapped by something else.
var errNotOurs = errors.New("these bytes were not wrapped by Azure Key Vault")

func classifyAzure(err error) (class, string) {
	if errors.Is(err, errNotOurs) {
		return wrongKey, err.Error()
	}
	var auth *azidentity.AuthenticationFailedError
	if errors.As(err, &auth) || strings.Contains(err.Error(), "DefaultAzureCredential") {
		return denied, "no valid credentials: " + err.Error()
	}
	var resp *azcore.ResponseError
	if !errors.As(err, &resp) {
		return unavailable, err.Error()
	}
	text := fmt.Sprintf("HTTP %d %s", resp.StatusCode, resp.ErrorCode)
	switch code := resp.StatusCode; {
	case code == 401:
		return denied, text
	case code == 403 && strings.Contains(strings.ToLower(resp.Error()), "disabled"):
		return unusable, text
	case code == 403:
		return denied, text
	case code == 404:
		return notFound, text
	case code == 400:
		return wrongKey, text
	case code == 429:
		return throttled, text
	case code == 408 || code >= 500:
		return unavailable, text
	}
	return other, text
}
