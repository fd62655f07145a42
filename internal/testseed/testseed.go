// Package testseed gives tests their random seed.
package testseed

import (
	"os"
	"strconv"
	"testing"
)

// Of is HELIOSDB_TEST_SEED, or a fixed seed: random texts now and then find a
// rare difference from PostgreSQL on junk, which is worth a look but no reason
// for a build to fail on another day. The seed is logged.
func Of(t testing.TB) int64 {
	t.Helper()
	seed := int64(7)
	if text := os.Getenv("HELIOSDB_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseInt(text, 10, 64); err != nil {
			t.Fatalf("HELIOSDB_TEST_SEED: %v", err)
		}
	}
	t.Logf("seed %d (HELIOSDB_TEST_SEED takes another)", seed)
	return seed
}
