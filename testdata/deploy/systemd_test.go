package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The unit is one that systemd takes without a word, and exposes little.
func TestSystemd(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		required(t, "systemd-analyze is missing (Debian's package systemd)")
	}
	raw, err := os.ReadFile(repository + "/deploy/systemd/heliosdb-streaming.service")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// Only the place of the program is another one.
	text := strings.ReplaceAll(string(raw), "/opt/heliosdb/bin/heliosdb-streaming", binary(t))
	unit := filepath.Join(dir, "heliosdb-streaming.service")
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", unit).CombinedOutput()
	if err != nil || strings.Contains(string(out), "heliosdb-streaming.service") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// Ten times the exposure level: 1.5, "OK", of 10.
	out, err = exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", unit).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}
