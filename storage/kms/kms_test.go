package kms

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

func fakes(t *testing.T) []*provider { return []*provider{awsFake(t), azureFake(t), gcpFake(t)} }

// TestServices: a keyring is made, loaded and rotated with each service, and another key does not open it.
func TestServices(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, p := range fakes(t) {
		t.Run(p.name, func(t *testing.T) {
			one, two := p.open(t, "one"), p.open(t, "two")
			ring, err := seal.New(ctx, one)
			if err != nil {
				t.Fatal(err)
			}
			box := ring.Current().Seal(nil, []byte("value"), nil)
			p.mu.Lock()
			p.version = "v2" // the key is rotated in the vault
			p.mu.Unlock()
			loaded, err := seal.Load(ctx, ring.Encode(), one)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := loaded.Open(nil, box, nil); err != nil || string(got) != "value" {
				t.Fatalf("%q, %v", got, err)
			}
			if _, err := seal.Load(ctx, ring.Encode(), two); err == nil || !strings.Contains(err.Error(), "another key") ||
				!strings.Contains(err.Error(), one.ID()) || !strings.Contains(err.Error(), two.ID()) {
				t.Errorf("another key: %v", err)
			}
			if err := ring.Rotate(ctx, one, func([]byte) error { return nil }); err != nil {
				t.Fatal(err)
			}
			// A move to another master key.
			if err := ring.Rewrap(ctx, two, func([]byte) error { return nil }); err != nil {
				t.Fatal(err)
			}
			if loaded, err = seal.Load(ctx, ring.Encode(), two); err != nil || len(loaded.Keys()) != 2 {
				t.Fatal(err)
			}
			if len(p.problems) > 0 {
				t.Errorf("the service was called wrongly: %q", p.problems)
			}
		})
	}
}

// TestServicesRefuse: each error says which service and key, what went wrong and what to do, once if it stays, and holds
// no secret; what passes is tried again.
func TestServicesRefuse(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, p := range fakes(t) {
		t.Run(p.name, func(t *testing.T) {
			k := p.open(t, "one")
			for _, c := range []struct {
				name   string
				fail   failure
				advice string
				calls  int
			}{
				{"denied", p.denied, "credentials", 1},
				{"missing", p.missing, "check the key's name", 1},
				{"disabled", p.disabled, "enable the key", 1},
				{"wrong key", p.wrong, "another key", 1},
				{"throttled", p.busy, "try again later", attempts},
				{"down", p.down, "check network", attempts},
				{"unknown", failure{418, "Teapot", "short and stout"}, "documentation", 1},
			} {
				p.set(&c.fail)
				_, err := k.Wrap(ctx, []byte("plain"))
				if err == nil {
					t.Errorf("%s: no error", c.name)
					continue
				}
				text := err.Error()
				for _, part := range []string{k.provider, p.keyPart, c.advice} {
					if !strings.Contains(text, part) {
						t.Errorf("%s: %q is missing in: %s", c.name, part, text)
					}
				}
				if strings.Contains(text, secret) || strings.Contains(text, "\n") || strings.Contains(text, "plain") {
					t.Errorf("%s: not for a log: %s", c.name, text)
				}
				if n := p.count(); n != c.calls {
					t.Errorf("%s: %d calls, want %d: %v", c.name, n, c.calls, err)
				}
			}
			p.set(nil, p.busy, p.down)
			if _, err := k.Wrap(ctx, []byte("plain")); err != nil || p.count() != 3 {
				t.Errorf("after two passing errors: %v, %d calls", err, p.count())
			}
		})
	}
}

// TestServiceSilent: a service that does not answer does not hold up a process that is told to stop.
func TestServiceSilent(t *testing.T) {
	t.Parallel()
	for _, p := range fakes(t) {
		t.Run(p.name, func(t *testing.T) {
			k := p.open(t, "one")
			hang := make(chan struct{})
			p.mu.Lock()
			p.hang = hang
			p.mu.Unlock()
			defer close(hang)
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error)
			go func() {
				_, err := k.Wrap(ctx, []byte("plain"))
				done <- err
			}()
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		})
	}
}

// TestGarbage: bytes that no service wrapped are refused, not sent where they could do harm.
func TestGarbage(t *testing.T) {
	t.Parallel()
	for _, p := range fakes(t) {
		k := p.open(t, "one")
		for _, b := range [][]byte{nil, {0}, {9, 'x'}, append([]byte{8}, "../../kx"...), bytes.Repeat([]byte{7}, 500)} {
			if _, err := k.Unwrap(context.Background(), b); err == nil {
				t.Errorf("%s unwraps %x", p.name, b)
			}
		}
	}
}

// TestConfiguration: what is missing or unsafe is named by its key.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		c    config.KMS
		want string
	}{
		{config.KMS{Provider: "other"}, "provider"},
		{config.KMS{Provider: "aws", AWSKeyID: "alias/x"}, "aws_region is needed"},
		{config.KMS{Provider: "aws", AWSRegion: "eu-west-1", AWSKeyID: "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012"}, "us-east-1"},
		{config.KMS{Provider: "aws", AWSRegion: "eu-west-1", AWSEndpoint: "http://kms.example.com"}, "https only"},
		{config.KMS{Provider: "aws", AWSRegion: "eu-west-1", AWSEndpoint: "kms"}, "aws_endpoint must be a URL"},
		{config.KMS{Provider: "azure"}, "azure_vault_url is needed"},
		{config.KMS{Provider: "azure", AzureVaultURL: "http://127.0.0.1:1"}, "https://"},
		{config.KMS{Provider: "gcp"}, "gcp_project_id is needed"},
		{config.KMS{Provider: "gcp", GCPProjectID: "p"}, "gcp_location is needed"},
		{config.KMS{Provider: "gcp", GCPProjectID: "p", GCPLocation: "l", GCPEndpoint: "http://10.0.0.1:1"}, "https only"},
	} {
		if k, err := Open(context.Background(), c.c, "", false); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, %v", c.c, k, err)
		}
	}
	k, err := Open(context.Background(), config.KMS{Provider: "aws", AWSKeyID: "arn:aws:kms:us-east-1:123456789012:key/1"}, "", false)
	if err != nil || !strings.Contains(k.(*remote).provider, "us-east-1") {
		t.Errorf("the region of an ARN: %v, %v", k, err)
	}
	// As section 2.2 of the guide has them: no name of a key.
	for _, c := range []config.KMS{
		{Provider: "aws", AWSRegion: "us-east-1"},
		{Provider: "gcp", GCPProjectID: "your-project", GCPLocation: "us-central1", GCPKeyring: "heliosdb", GCPEndpoint: "http://127.0.0.1:1"},
	} {
		if _, err := Open(context.Background(), c, "", false); err != nil {
			t.Errorf("%s: %v", c.Provider, err)
		}
	}
	if k, err := openAzure(config.KMS{AzureVaultURL: "https://your-vault.vault.azure.net"}, azureOptions{credential: azureToken{}}); err != nil || !strings.HasSuffix(k.ID(), "/keys/"+DefaultAzureKey) {
		t.Errorf("azure: %v, %v", k, err)
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "new", "kms.key")
	if _, err := OpenLocal(path, false); !errors.Is(err, ErrKeyFile) || !strings.Contains(err.Error(), "missing") {
		t.Fatalf("a missing file: %v", err)
	}
	one, err := OpenLocal(path, true)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if files, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(files) != 1 {
		t.Errorf("files %v", files)
	}
	again, err := OpenLocal(path, true)
	if err != nil || again.ID() != one.ID() {
		t.Fatalf("the file was replaced: %v", err)
	}
	wrapped, err := one.Wrap(ctx, []byte("a data key"))
	if err != nil || bytes.Contains(wrapped, []byte("a data key")) {
		t.Fatal(err)
	}
	if got, err := again.Unwrap(ctx, wrapped); err != nil || string(got) != "a data key" {
		t.Fatalf("%q, %v", got, err)
	}
	other, err := OpenLocal(filepath.Join(t.TempDir(), "kms.key"), true)
	if err != nil || other.ID() == one.ID() {
		t.Fatalf("two files with one key: %v", err)
	}
	if _, err := other.Unwrap(ctx, wrapped); !errors.Is(err, ErrKeyFile) || !strings.Contains(err.Error(), "not the one") {
		t.Errorf("another key file: %v", err)
	}
}

// TestKeyFiles: what a key file may look like.
func TestKeyFiles(t *testing.T) {
	t.Parallel()
	raw := bytes.Repeat([]byte{0xfe}, 32)
	text := base64.StdEncoding.EncodeToString(raw)
	for name, c := range map[string]struct {
		content string
		mode    fs.FileMode
		ok      bool
	}{
		"raw":               {string(raw), 0o600, true},
		"base64":            {text, 0o400, true},
		"base64 and a line": {text + "\n", 0o600, true},
		"group can read":    {text, 0o640, false},
		"all can read":      {text, 0o644, false},
		"all can write":     {text, 0o602, false},
		"empty":             {"", 0o600, false},
		"short":             {text[:40], 0o600, false},
		"long":              {text + text, 0o600, false},
		"two lines":         {text + "\n" + text, 0o600, false},
		"huge":              {strings.Repeat("x", 10_000), 0o600, false},
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := OpenLocal(path, true)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrKeyFile) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), text[:10]) {
			t.Errorf("%s: the key is in the error", name)
		}
	}
	if _, err := OpenLocal(t.TempDir(), true); !errors.Is(err, ErrKeyFile) {
		t.Errorf("a folder: %v", err)
	}
}

func FuzzAzureUnwrap(f *testing.F) {
	f.Add([]byte("\x02v1..."))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := openAzure(config.KMS{AzureVaultURL: "https://127.0.0.1:1"}, azureOptions{credential: azureToken{}, anyVault: true})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := k.Unwrap(ctx, b); err == nil {
			t.Fatal("unwrapped without a service")
		}
	})
}
