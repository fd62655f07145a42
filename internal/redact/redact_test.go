package redact

import "testing"

func TestName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"properties.sasl.password": true, "PASSWORD": true, "properties sasl oauthbearer client secret": true, "ssl.key.pem": true,
		"ssl.key.password": true, "sasl.jaas.config": true, "s3.access_key": true, "auth_token": true, "aws.credentials.access_key_id": true,
		"topic": false, "properties.sasl.username": false, "properties.ssl.key.location": false, "properties.security.protocol": false,
		"properties.sasl.oauthbearer.token.endpoint.url": false,
	} {
		if got := Name(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"http://u:p@host/x": true, "$2b$12$abc": true, "SCRAM-SHA-256$4096:x": true, "eyJhbGciOi.x": true,
		"-----BEGIN PRIVATE KEY-----\nx": true, "-----BEGIN RSA PRIVATE KEY-----": true,
		"http://host/x": false, "a:9092,b:9092": false, "-----BEGIN CERTIFICATE-----": false, "": false,
	} {
		if got := Value(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
