package deploy

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
)

const compose = repository + "/deploy/compose"

// The compose file follows the schema, publishes on loopback alone, and every
// file it mounts exists.
func TestCompose(t *testing.T) {
	o, err := cli.NewProjectOptions([]string{compose + "/docker-compose.yml"},
		cli.WithEnv([]string{"JWT_SECRET=x", "GRAFANA_PASSWORD=y"}), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cli.NewProjectOptions([]string{compose + "/docker-compose.yml"}, cli.WithEnv(nil)); err != nil {
		t.Fatal(err)
	}
	var published []string
	for _, s := range p.Services {
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s on %q", s.Name, port.Published, port.HostIP)
			}
			published = append(published, port.Published)
		}
		for _, v := range s.Volumes {
			if v.Type != "bind" {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s mounts what is not there: %v", s.Name, err)
			}
		}
	}
	for _, want := range []string{"5433", "8080", "8081", "9090", "9091", "3000", "9092"} {
		if !slices.Contains(published, want) {
			t.Errorf("port %s is not published", want)
		}
	}
	s := p.Services["heliosdb-streaming"]
	if got := strings.Join(s.HealthCheck.Test, " "); got != "CMD curl -f http://localhost:8081/health" {
		t.Errorf("health check %q", got)
	}
	if s.Image != image {
		t.Errorf("image %s, want %s", s.Image, image)
	}
	text, err := os.ReadFile(filepath.Join(compose, "config/streaming.toml"))
	if err != nil {
		t.Fatal(err)
	}
	checkConfigText(t, string(text))
}

// Without a secret of one's own nothing starts.
func TestComposeWantsSecrets(t *testing.T) {
	o, err := cli.NewProjectOptions([]string{compose + "/docker-compose.yml"}, cli.WithEnv([]string{"GRAFANA_PASSWORD=y"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.LoadProject(context.Background()); err == nil || !strings.Contains(err.Error(), "JWT_SECRET") {
		t.Errorf("loads without JWT_SECRET: %v", err)
	}
}
