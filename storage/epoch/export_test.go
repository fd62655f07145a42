package epoch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

// exported is a snapshot as it travels.
type exported struct {
	manifest []byte
	runs     map[uint64][]byte
}

func export(t testing.TB, s *Store) exported {
	t.Helper()
	p, err := s.Snapshot()
	must(t, err)
	defer p.Release()
	m, err := p.ExportManifest()
	must(t, err)
	out := exported{m, map[uint64][]byte{}}
	for _, r := range p.Runs() {
		b, err := io.ReadAll(p.OpenRun(r))
		must(t, err)
		if int64(len(b)) != r.StreamBytes() {
			t.Fatalf("run %d: stream of %d bytes, StreamBytes says %d", r.ID, len(b), r.StreamBytes())
		}
		must(t, VerifyRun(bytes.NewReader(b), r))
		out.runs[r.ID] = b
	}
	return out
}

func (e exported) open(r RunMeta) (io.ReadCloser, error) {
	b, ok := e.runs[r.ID]
	if !ok {
		return nil, os.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func TestExportImport(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Dir: t.TempDir(), NoMerge: true})
	write(t, s, 1, "a=1", "b=2", "c=3", "d=4")
	write(t, s, 2, "big="+string(bytes.Repeat([]byte("x1y"), chunkBytes)), "x=y")
	write(t, s, 1, "-b", "c=33", "e=5")
	write(t, s, 1, "a..b")
	e := export(t, s)
	write(t, s, 1, "later=1")

	opt := Options{Dir: filepath.Join(t.TempDir(), "new"), NoMerge: true}
	must(t, Import(opt, e.manifest, e.open))
	if err := Import(opt, e.manifest, e.open); !errors.Is(err, os.ErrExist) {
		t.Fatalf("import over a store: %v", err)
	}
	epoch, pos, err := PortableEpoch(e.manifest)
	must(t, err)
	_, err = Check(opt.Dir, nil)
	must(t, err)
	n := mustOpen(t, opt)
	if m := n.Manifest(); m.Epoch != epoch || epoch != 4 || m.LogPos != pos || pos != 40 || string(m.Meta) != "meta 4" {
		t.Fatalf("manifest of epoch %d at %d: %q", m.Epoch, m.LogPos, m.Meta)
	}
	if got := load(t, n, 1); got != "c=33 d=4 e=5" {
		t.Fatalf("table 1: %s", got)
	}
	write(t, n, 1, "f=6")
	must(t, n.Close())
	n = mustOpen(t, opt)
	if got := load(t, n, 1); got != "c=33 d=4 e=5 f=6" {
		t.Fatalf("table 1 after another epoch: %s", got)
	}
	if load(t, n, 2) != load(t, s, 2) {
		t.Fatal("table 2 differs")
	}
	must(t, errors.Join(n.Close(), s.Close()))
}

// TestImportDamaged flips and cuts what is imported: an error, and no store.
func TestImportDamaged(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{NoMerge: true})
	write(t, s, 1, "a=1", "b=2", "c=3")
	write(t, s, 1, "d=4")
	good := export(t, s)
	must(t, s.Close())
	rapid.Check(t, func(rt *rapid.T) {
		bad := exported{bytes.Clone(good.manifest), maps.Clone(good.runs)}
		ids := []uint64{0}
		for id := range good.runs {
			ids = append(ids, id)
		}
		id := rapid.SampledFrom(ids).Draw(rt, "what")
		b := bytes.Clone(bad.runs[id])
		if id == 0 {
			b = bad.manifest
		}
		switch rapid.IntRange(0, 3).Draw(rt, "how") {
		case 0:
			b = b[:rapid.IntRange(0, len(b)-1).Draw(rt, "length")]
		case 1:
			b = append(b, 0)
		default:
			b[rapid.IntRange(0, len(b)-1).Draw(rt, "at")] ^= byte(rapid.IntRange(1, 255).Draw(rt, "bits"))
		}
		if id == 0 {
			bad.manifest = b
		} else {
			bad.runs[id] = b
		}
		dir := t.TempDir()
		err := Import(Options{Dir: dir}, bad.manifest, bad.open)
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrPortableFormat) {
			rt.Fatalf("damaged import: %v", err)
		}
		if _, err := os.Stat(filepath.Join(dir, storeFolder)); !errors.Is(err, os.ErrNotExist) {
			rt.Fatalf("a store came to be: %v", err)
		}
	})
}

// TestImportInterrupted: what a dead import left behind is no store and in nobody's way.
func TestImportInterrupted(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{NoMerge: true})
	write(t, s, 1, "a=1")
	e := export(t, s)
	must(t, s.Close())
	opt := Options{Dir: t.TempDir(), NoMerge: true}
	broken := fmt.Errorf("connection reset")
	err := Import(opt, e.manifest, func(RunMeta) (io.ReadCloser, error) { return nil, broken })
	if !errors.Is(err, broken) {
		t.Fatalf("interrupted import: %v", err)
	}
	must(t, os.MkdirAll(filepath.Join(opt.Dir, importFolder), 0o700))
	must(t, os.WriteFile(filepath.Join(opt.Dir, importFolder, "MANIFEST"), []byte("half"), 0o600))
	must(t, Import(opt, e.manifest, e.open))
	n := mustOpen(t, opt)
	if got := load(t, n, 1); got != "a=1" {
		t.Fatalf("table 1: %s", got)
	}
	must(t, n.Close())
}
