package server

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/storage/savepoint"
)

// fileConfig keeps state in a directory.
func fileConfig(dir string) *config.Config {
	cfg := config.Default()
	cfg.Security.AuthenticationEnabled = false
	cfg.State.Path = dir
	cfg.KMS.LocalKeyFile = filepath.Join(filepath.Dir(dir), "kms.key")
	cfg.Streaming.CheckpointInterval = time.Hour
	cfg.Streaming.WatermarkInterval = 50 * time.Millisecond
	cfg.Streaming.MaxParallelism = 2
	return cfg
}

func openFile(t *testing.T, cfg *config.Config) (*Server, *client) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s, err := Open(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	return s, dialClient(t, dsnOf(serveTest(t, s, log)))
}

// answers are the contents of the views, as text.
func answers(t *testing.T, c *client, relations ...string) string {
	t.Helper()
	var b strings.Builder
	for _, r := range relations {
		res, err := c.cn.Exec(context.Background(), "SELECT * FROM "+r).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", r, err)
		}
		var rows []string
		for _, row := range res[0].Rows {
			rows = append(rows, fmt.Sprintf("%q", row))
		}
		slices.Sort(rows)
		fmt.Fprintln(&b, r, rows)
	}
	return b.String()
}

var savedViews = []string{"a", "b", "sums", "joined", "best", "kinds"}

// A savepoint that is taken while transactions write two tables holds both halves
// of each; restored with another parallelism, sealed or not, elsewhere, it gives
// the same answers as one another, and those change as writes go on.
func TestSavepoint(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "state")
	s, err := Open(fileConfig(home), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	addr := serveTest(t, s, s.log)
	c := dialClient(t, dsnOf(addr))
	c.must(t, "CREATE TABLE a (id int PRIMARY KEY, k int, v numeric(10,2))", "CREATE TABLE b (id int PRIMARY KEY, k int, v text)",
		"CREATE MATERIALIZED VIEW sums AS SELECT k, count(*) AS n, sum(v) AS s, max(v) AS m FROM a GROUP BY k",
		"CREATE MATERIALIZED VIEW joined AS SELECT a.id, a.v, b.v AS w FROM a JOIN b ON a.id = b.id WHERE a.k > 1",
		"CREATE MATERIALIZED VIEW best AS SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY k ORDER BY v DESC, id) AS r FROM a) AS x WHERE r <= 2",
		"CREATE MATERIALIZED VIEW kinds AS SELECT DISTINCT k, v FROM b")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	w := dialClient(t, dsnOf(addr))
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			w.must(t, "BEGIN", fmt.Sprintf("INSERT INTO a VALUES (%d, %d, %d.5)", i, i%5, i%97), fmt.Sprintf("INSERT INTO b VALUES (%d, %d, 'v%d')", i, i%7, i%11), "COMMIT")
		}
	})
	var ids []string
	for range 3 {
		for rows := -1; rows < 50*(len(ids)+1); {
			res, err := c.cn.Exec(context.Background(), "SELECT count(*) FROM a").ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Sscan(string(res[0].Rows[0][0]), &rows); err != nil {
				t.Fatal(err)
			}
		}
		info, err := s.CreateSavepoint(t.Context(), "while writing")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, info.ID)
	}
	close(stop)
	wg.Wait()
	c.must(t, "DROP MATERIALIZED VIEW best", "DELETE FROM b WHERE id < 1000")
	for n, id := range ids {
		want := ""
		for workers, sealed := range map[int]bool{1: false, 3: true, 5: false} {
			dir := filepath.Join(t.TempDir(), "state")
			if err := os.CopyFS(filepath.Join(dir, savepoint.Prefix+"copy"), os.DirFS(filepath.Join(home, savepoint.Prefix+id))); err != nil {
				t.Fatal(err)
			}
			cfg := fileConfig(dir)
			cfg.Streaming.MaxParallelism, cfg.State.EncryptionEnabled, cfg.RestoreFrom = workers, sealed, "savepoint-copy"
			_, r := openFile(t, cfg)
			got := answers(t, r, savedViews...)
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("savepoint %d, %d workers, sealed %v:\n%s\nwant\n%s", n, workers, sealed, got, want)
			}
			if halves := answers(t, r, "(SELECT a.id FROM a FULL JOIN b ON a.id = b.id WHERE a.id IS NULL OR b.id IS NULL) AS x"); !strings.Contains(halves, "[]") {
				t.Errorf("savepoint %d has halves of transactions: %s", n, halves)
			}
			r.must(t, "INSERT INTO a VALUES (1000000, 3, 1000.25)")
			if after := answers(t, r, "sums"); !strings.Contains(after, "1000.25") {
				t.Errorf("views stand still after a restore: %s", after)
			}
		}
	}
}

// A restore replaces what is there, all of it and once: with the same flag again
// the server goes on from where it was.
func TestRestoreInPlace(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	var id string
	step := func(name, restore string, fn func(s *Server, c *client)) {
		t.Run(name, func(t *testing.T) {
			cfg := fileConfig(dir)
			cfg.RestoreFrom = restore
			fn(openFile(t, cfg))
		})
	}
	kept := func(c *client, want string) {
		t.Helper()
		if got := strings.TrimSpace(answers(t, c, "kept")); got != "kept "+want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	step("before", "", func(s *Server, c *client) {
		c.must(t, "CREATE TABLE kept (id int PRIMARY KEY)", "INSERT INTO kept VALUES (1)")
		info, err := s.CreateSavepoint(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		id = info.ID
		c.must(t, "INSERT INTO kept VALUES (2)", "CREATE TABLE gone (id int)", "CHECKPOINT", "INSERT INTO kept VALUES (3)")
	})
	for n, name := range []string{"first", "again"} {
		step(name, savepoint.Prefix+id, func(_ *Server, c *client) {
			kept(c, []string{`[["1"]]`, `[["1"] ["4"]]`}[n])
			if n == 0 {
				c.must(t, "INSERT INTO kept VALUES (4)", "CREATE TABLE gone (id int)")
			}
		})
	}
	step("without", "", func(_ *Server, c *client) { kept(c, `[["1"] ["4"]]`) })
}

// What cannot be restored is refused, and nothing on the disk has changed.
func TestRestoreRefused(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	log := slog.New(slog.DiscardHandler)
	s, err := Open(fileConfig(dir), log)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.CreateSavepoint(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, savepoint.Prefix+info.ID, "manifest")
	raw, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(at, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"not-there", "../" + info.ID, info.ID} {
		before := files(t, dir)
		cfg := fileConfig(dir)
		cfg.RestoreFrom = id
		if s, err := Open(cfg, log); err == nil {
			t.Errorf("%s is restored", id)
			_ = s.Close(t.Context())
		}
		if after := files(t, dir); !slices.Equal(before, after) {
			t.Errorf("%s: files changed from %q to %q", id, before, after)
		}
	}
	_, c := openFile(t, fileConfig(dir))
	c.must(t, "CREATE TABLE fine (id int)")
}

// files lists names below dir; the store's own come and go.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, p); err == nil && !strings.HasPrefix(rel, "epoch") && !strings.HasPrefix(rel, ".") {
			out = append(out, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
