package config

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestSettingsHideSecrets(t *testing.T) {
	t.Parallel()
	c := Default()
	const hush = "a-secret-that-nobody-may-ever-see"
	for _, f := range fields(c) {
		if f.secret() {
			f.value.SetString(hush)
		}
	}
	list := c.Settings()
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), hush) {
		t.Errorf("a secret is among the settings: %s", b)
	}
	byName := map[string]any{}
	for _, s := range list {
		byName[s.Name] = s.Value
	}
	if byName["security.jwt_secret"] != redacted || byName["server.port"] != 8080 || byName["streaming.checkpoint_interval_secs"] != 60.0 {
		t.Errorf("settings %v", byName)
	}
}
