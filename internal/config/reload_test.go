package config

import (
	"reflect"
	"testing"
)

func TestReload(t *testing.T) {
	t.Parallel()
	started, err := LoadDev("", nil)
	if err != nil {
		t.Fatal(err)
	}
	running := started.Clone()
	running.Kafka.BootstrapServers = "127.0.0.1:40000" // as dev mode does
	next, err := LoadDev(write(t, "[logging]\nlevel = \"debug\"\n[server]\nport = 8085\n[security]\nrate_limit_requests_per_minute = 7\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nothing is new, but the port still waits
		r := Reload(started, running, next)
		if !reflect.DeepEqual(r.Restart, []string{"[server] port"}) {
			t.Errorf("needs a restart: %q", r.Restart)
		}
		if c := r.Config; c.Logging.Level != "debug" || c.Server.Port != 8080 || c.Security.RateLimitRequestsPerMinute != 7 ||
			c.Kafka.BootstrapServers != "127.0.0.1:40000" || c.Origin("logging.level") != next.Origin("logging.level") {
			t.Errorf("%s", c)
		}
		if want := len(r.Changed); running.Logging.Level == "debug" && want != 0 || running.Logging.Level == "info" && want != 2 {
			t.Errorf("changed: %q", r.Changed)
		}
		running = r.Config
	}
	back := Reload(started, running, started)
	if back.Config.Logging.Level != "info" || back.Config.Origin("logging.level") != "default" || len(back.Restart) != 0 {
		t.Errorf("%+v", back)
	}
	if !Reloadable("logging.level") || Reloadable("server.port") || Reloadable("x.y") {
		t.Error("Reloadable")
	}
}
