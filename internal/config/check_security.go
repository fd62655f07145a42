package config

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
)

// minJWTSecretBytes is what an HMAC-SHA256 key needs at least (RFC 7518, 3.2).
const minJWTSecretBytes = 32

// knownSecrets stand in manuals, for everybody to sign tokens with.
var knownSecrets = []Secret{
	"your-secret-key-here-change-in-production",
	"change-this-in-production",
	"your-production-secret-change-this",
}

// newSecret is how to do it instead.
const newSecret = "write what `openssl rand -base64 32` prints into a file and name it: jwt_secret_file = \"/etc/heliosdb/jwt_secret\"; or set JWT_SECRET"

// checkExposure keeps what is not protected on this machine.
func (l *loader) checkExposure() {
	c := l.c
	s := &c.Security
	if Loopback(c.Server.Host) {
		return
	}
	switch {
	case !s.AuthenticationEnabled:
		l.failKey("security.authentication_enabled", `= false makes everybody an administrator: write authentication_enabled = true, or host = "127.0.0.1" in [server] instead of %q`, c.Server.Host)
	case s.TLSCertFile == "" && !s.AllowPlaintext:
		l.failKey("server.host", "= %q opens the ports to other machines without TLS. In [security] write\n"+
			"    tls_cert_file = \"/etc/heliosdb/tls/cert.pem\"\n    tls_key_file = \"/etc/heliosdb/tls/key.pem\"\n"+
			"or, where the network encrypts by itself or a proxy ends TLS,\n    allow_plaintext = true\n"+
			"(host = \"127.0.0.1\" keeps the ports on this machine)", c.Server.Host)
	case s.TLSCertFile == "":
		l.warn("%s: [security] allow_plaintext = true: passwords and data cross the network unencrypted unless something outside of this program does it",
			c.Origin("security.allow_plaintext"))
	}
}

func (l *loader) checkServerTLS() {
	s := &l.c.Security
	l.checkPair("security.tls_cert_file", s.TLSCertFile, "security.tls_key_file", s.TLSKeyFile)
	if s.TLSCertFile == "" && s.TLSClientCAFile != "" {
		l.failKey("security.tls_client_ca_file", "needs tls_cert_file and tls_key_file: client certificates are a part of TLS")
	}
}

// checkTokens checks what signs the API's tokens, and whose else are taken.
func (l *loader) checkTokens() {
	s := &l.c.Security
	l.checkSecret("security.jwt_secret", s.JWTSecret)
	l.checkSecret("security.jwt_secret_previous", s.JWTSecretPrevious)
	if s.JWTSecret == "" && s.AuthenticationEnabled {
		l.warn("default: [security] jwt_secret is not set: tokens are signed with a random one, and end with the process; %s", newSecret)
	}
	if s.JWTSecret == "" && s.JWTSecretPrevious != "" {
		l.failKey("security.jwt_secret_previous", "needs jwt_secret, the one that follows it")
	}
	l.require("security.jwt_issuer", s.JWTIssuer)
	l.require("security.jwt_audience", s.JWTAudience)
	l.checkURL("security.oidc_jwks_url", s.OIDCJWKSURL)
	if s.OIDCJWKSURL == "" {
		l.warnKey("security.oidc_issuer", "has no effect without oidc_jwks_url")
		l.warnKey("security.oidc_audience", "has no effect without oidc_jwks_url")
		return
	}
	if s.OIDCIssuer == "" || s.OIDCAudience == "" {
		l.failKey("security.oidc_jwks_url", "needs oidc_issuer and oidc_audience: without them tokens for other programs would be accepted")
	}
	l.require("security.oidc_roles_claim", s.OIDCRolesClaim)
}

func (l *loader) checkSecret(name string, secret Secret) {
	switch {
	case secret == "":
	case slices.Contains(knownSecrets, secret):
		l.failKey(name, "is one from a manual, which everybody knows: %s", newSecret)
	case len(secret) < minJWTSecretBytes:
		l.failKey(name, "must have at least %d bytes, not %d: %s", minJWTSecretBytes, len(secret), newSecret)
	}
}

// kmsKeys are the keys that each provider needs, with a value that shows how. The
// names of keys have defaults.
var kmsKeys = map[string][][2]string{
	KMSAzure: {{"azure_vault_url", "https://your-vault.vault.azure.net"}},
	KMSGCP:   {{"gcp_project_id", "your-project"}, {"gcp_location", "us-central1"}},
}

// checkKMS asks for what the chosen provider needs, once there is something to
// encrypt.
func (l *loader) checkKMS() {
	c := l.c
	for _, f := range l.fields {
		owner, _, _ := strings.Cut(f.key, "_")
		if f.section == "kms" && owner != "provider" && owner != c.KMS.Provider {
			l.warnKey(f.name(), "has no effect: it belongs to provider = %q", owner)
		}
	}
	l.checkURL("kms.azure_vault_url", c.KMS.AzureVaultURL)
	l.checkURL("kms.aws_endpoint", c.KMS.AWSEndpoint)
	if !c.State.EncryptionEnabled {
		if c.KMS.Provider != KMSLocal {
			l.warnKey("kms.provider", "has no effect while [state] encryption_enabled is false")
		}
		return
	}
	for _, k := range kmsKeys[c.KMS.Provider] {
		if l.byName["kms."+k[0]].value.String() == "" {
			l.failKey("kms.provider", "= %q needs %s: in [kms] write %s = %s", c.KMS.Provider, k[0], k[0], tomlString(k[1]))
		}
	}
	if info, err := os.Stat(c.LocalKeyFile()); c.KMS.Provider == KMSLocal && err == nil && OthersMayRead(info) {
		l.warn("%s: [kms] local_key_file %s can be read by others (mode %v): chmod 600 it",
			c.Origin("kms.local_key_file"), c.LocalKeyFile(), info.Mode().Perm())
	}
}

// OthersMayRead reports whether a key file is open to more people than it should
// be: to any but its owner, except for the group of a file of root's, which is how
// orchestrators mount secrets.
func OthersMayRead(info fs.FileInfo) bool {
	allowed := fs.FileMode(0o600)
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid == 0 && os.Getuid() != 0 {
		allowed = 0o640
	}
	return info.Mode().Perm()&0o077&^allowed != 0
}
