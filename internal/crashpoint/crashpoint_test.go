package crashpoint

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// childVar makes the re-executed test binary hit points until it dies.
const childVar = "HELIOSDB_TEST_CRASHPOINT_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVar) != "" {
		for i := range 5 {
			Hit("other")
			Hit("point")
			fmt.Println("hit", i+1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestHit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		spec   string
		hits   int // that return
		killed bool
	}{
		{"", 5, false},
		{"nothing", 5, false},
		{"point", 0, true},
		{"point:1", 0, true},
		{"point:4", 3, true},
		{"point:9", 5, false},
		{"point:nonsense", 0, true},
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVar+"=1", EnvVar+"="+c.spec)
		out, err := cmd.Output()
		var exit *exec.ExitError
		killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
		if hits := strings.Count(string(out), "hit"); hits != c.hits || killed != c.killed {
			t.Errorf("%q: %d hits, killed %v (%v); want %d, %v", c.spec, hits, killed, err, c.hits, c.killed)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, n := range []string{"test.b", "test.a", "test.b"} {
		if Register(n) != n {
			t.Fatal("Register does not return the name")
		}
	}
	if got := Names(); !slices.Equal(got, []string{"test.a", "test.b"}) {
		t.Fatalf("Names() = %v", got)
	}
}
