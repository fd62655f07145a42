package kms

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// secret is a credential that must not show up in any error.
const secret = "wJalrXUtnFEMI-a-secret-of-tests"

func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": secret, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_REGION": "", "AWS_PROFILE": "",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// failure is an answer of a service that refuses.
type failure struct {
	status        int
	code, message string
}

// service is a key management service in this process. Each of its keys wraps with a key of its own.
type service struct {
	mu       sync.Mutex
	calls    int
	fail     []failure // for the next calls, in order
	always   *failure
	version  string // of the keys, where the protocol has one
	problems []string
	hang     chan struct{} // if set, calls wait until it is closed
}

// next counts a call and returns how it fails, if it does.
func (s *service) next() *failure {
	s.mu.Lock()
	hang := s.hang
	s.mu.Unlock()
	if hang != nil {
		<-hang
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.always != nil {
		return s.always
	}
	if len(s.fail) > 0 {
		f := s.fail[0]
		s.fail = s.fail[1:]
		return &f
	}
	return nil
}

func (s *service) set(always *failure, fail ...failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always, s.fail, s.calls = always, fail, 0
}

func (s *service) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *service) problem(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

func master(key string) *seal.Key {
	sum := sha256.Sum256([]byte(key))
	k, err := seal.NewKey(1, sum[:])
	if err != nil {
		panic(err)
	}
	return k
}

// provider is a way to open a KMS on a fake of its service.
type provider struct {
	name string
	// open returns the KMS for a key of the service.
	open func(t *testing.T, key string) *remote
	*service
	// what the service answers, by what it means
	denied, missing, disabled, wrong, busy, down failure
	keyPart                                      string // of the error
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func opened(t *testing.T, k KMS, err error) *remote {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	r := k.(*remote)
	r.pause = time.Millisecond
	return r
}

func awsFake(t *testing.T) *provider {
	t.Helper()
	s := &service{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			KeyId                     string
			Plaintext, CiphertextBlob []byte
			EncryptionContext         map[string]string
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			s.problem("%v", err)
		}
		fail := func(f *failure) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			w.Header().Set("X-Amzn-Errortype", f.code)
			w.WriteHeader(f.status)
			_ = json.NewEncoder(w).Encode(map[string]string{"__type": f.code, "message": f.message})
		}
		if f := s.next(); f != nil {
			fail(f)
			return
		}
		if !strings.Contains(r.Header.Get("Authorization"), "AKIATEST") || !strings.Contains(r.Header.Get("Authorization"), "us-east-1/kms") {
			s.problem("authorization %q", r.Header.Get("Authorization"))
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		place := fmt.Append(nil, in.EncryptionContext)
		switch r.Header.Get("X-Amz-Target") {
		case "TrentService.Encrypt":
			_ = json.NewEncoder(w).Encode(map[string]any{"CiphertextBlob": master(in.KeyId).Seal(nil, in.Plaintext, place), "KeyId": in.KeyId})
		case "TrentService.Decrypt":
			plain, err := master(in.KeyId).Open(nil, in.CiphertextBlob, place)
			if err != nil {
				fail(&failure{400, "IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation."})
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"Plaintext": plain, "KeyId": in.KeyId})
		default:
			s.problem("call of %q", r.Header.Get("X-Amz-Target"))
		}
	}))
	t.Cleanup(srv.Close)
	return &provider{
		name: "aws", service: s, keyPart: "alias/one",
		open: func(t *testing.T, key string) *remote {
			k, err := Open(context.Background(), config.KMS{Provider: "aws", AWSRegion: "us-east-1", AWSKeyID: "alias/" + key, AWSEndpoint: srv.URL}, "", false)
			return opened(t, k, err)
		},
		denied:   failure{400, "AccessDeniedException", "User is not authorized to perform: kms:Decrypt"},
		missing:  failure{400, "NotFoundException", "Alias is not found."},
		disabled: failure{400, "DisabledException", "The key is disabled."},
		wrong:    failure{400, "InvalidCiphertextException", ""},
		busy:     failure{400, "ThrottlingException", "Rate exceeded"},
		down:     failure{503, "ServiceUnavailable", "try later"},
	}
}

// azureToken stands for the credentials of Azure.
type azureToken struct{}

func (azureToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: secret, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func azureFake(t *testing.T) *provider {
	t.Helper()
	s := &service{version: "v1"}
	var srv *httptest.Server
	srv = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Bearer authorization="https://login.example.com/tenant", resource="https://vault.azure.net"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fail := func(f *failure) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(f.status)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": f.code, "message": f.message}})
		}
		if f := s.next(); f != nil {
			fail(f)
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+secret {
			s.problem("authorization %q", r.Header.Get("Authorization"))
		}
		var in struct {
			Alg   string `json:"alg"`
			Value string `json:"value"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Alg != "RSA-OAEP-256" {
			s.problem("%v, algorithm %q", err, in.Alg)
		}
		value, err := base64.RawURLEncoding.DecodeString(in.Value)
		if err != nil {
			s.problem("%v", err)
		}
		// /keys/NAME/wrapkey or /keys/NAME/VERSION/unwrapkey
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		parts = append(parts, "", "")
		var out []byte
		version := parts[2]
		switch {
		case parts[2] == "wrapkey":
			s.mu.Lock()
			version = s.version
			s.mu.Unlock()
			out = master(parts[1]+version).Seal(nil, value, nil)
		case parts[3] == "unwrapkey":
			if out, err = master(parts[1]+version).Open(nil, value, nil); err != nil {
				fail(&failure{400, "BadParameter", "The parameter is incorrect."})
				return
			}
		default:
			s.problem("call of %q", r.URL.Path)
		}
		answer(w, map[string]string{"kid": srv.URL + "/keys/" + parts[1] + "/" + version, "value": base64.RawURLEncoding.EncodeToString(out)})
	}))
	t.Cleanup(srv.Close)
	return &provider{
		name: "azure", service: s, keyPart: "key one",
		open: func(t *testing.T, key string) *remote {
			k, err := openAzure(config.KMS{Provider: "azure", AzureVaultURL: srv.URL, AzureKeyName: key},
				azureOptions{credential: azureToken{}, transport: srv.Client(), anyVault: true})
			return opened(t, k, err)
		},
		denied:   failure{403, "Forbidden", "The user does not have keys wrapKey permission"},
		missing:  failure{404, "KeyNotFound", "A key with this name was not found"},
		disabled: failure{403, "Forbidden", "Operation is not allowed on a disabled key."},
		wrong:    failure{400, "BadParameter", "The parameter is incorrect."},
		busy:     failure{429, "Throttled", "Request was not processed because too many requests were received."},
		down:     failure{503, "ServiceUnavailable", "try later"},
	}
}

func gcpFake(t *testing.T) *provider {
	t.Helper()
	s := &service{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fail := func(f *failure) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(f.status)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": f.status, "message": f.message, "status": f.code}})
		}
		if f := s.next(); f != nil {
			fail(f)
			return
		}
		var in struct {
			Plaintext                   []byte `json:"plaintext"`
			Ciphertext                  []byte `json:"ciphertext"`
			AdditionalAuthenticatedData []byte `json:"additionalAuthenticatedData"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			s.problem("%v", err)
		}
		path, op, _ := strings.Cut(r.URL.Path, ":")
		if !strings.HasPrefix(path, "/v1/projects/p/locations/l/keyRings/heliosdb/cryptoKeys/") {
			s.problem("path %q", path)
		}
		switch op {
		case "encrypt":
			out := master(path).Seal(nil, in.Plaintext, in.AdditionalAuthenticatedData)
			answer(w, map[string]any{"name": path, "ciphertext": out, "verifiedPlaintextCrc32c": true, "ciphertextCrc32c": fmt.Sprint(crcOf(out).GetValue())})
		case "decrypt":
			out, err := master(path).Open(nil, in.Ciphertext, in.AdditionalAuthenticatedData)
			if err != nil {
				fail(&failure{400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid."})
				return
			}
			answer(w, map[string]any{"plaintext": out, "plaintextCrc32c": fmt.Sprint(crcOf(out).GetValue())})
		default:
			s.problem("call of %q", op)
		}
	}))
	t.Cleanup(srv.Close)
	return &provider{
		name: "gcp", service: s, keyPart: "projects/p/locations/l/keyRings/heliosdb/cryptoKeys/one",
		open: func(t *testing.T, key string) *remote {
			k, err := Open(context.Background(), config.KMS{Provider: "gcp", GCPProjectID: "p", GCPLocation: "l", GCPKeyName: key, GCPEndpoint: srv.URL}, "", false)
			return opened(t, k, err)
		},
		denied:   failure{403, "PERMISSION_DENIED", "Permission 'cloudkms.cryptoKeyVersions.useToDecrypt' denied"},
		missing:  failure{404, "NOT_FOUND", "CryptoKey not found."},
		disabled: failure{400, "FAILED_PRECONDITION", "The CryptoKeyVersion is not enabled, current state is: DISABLED."},
		wrong:    failure{400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid."},
		busy:     failure{429, "RESOURCE_EXHAUSTED", "Quota exceeded"},
		down:     failure{503, "UNAVAILABLE", "try later"},
	}
}
