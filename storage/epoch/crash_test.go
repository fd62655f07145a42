package epoch

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
	"github.com/heliosdb/heliosdb-streaming/storage/wal"
)

// crashDirVar tells a re-executed test binary to run the scenario in a directory and to exit.
const crashDirVar = "HELIOSDB_TEST_CRASH_DIR"

// crashSealedVar tells the scenario to seal what it writes.
const crashSealedVar = "HELIOSDB_TEST_CRASH_SEALED"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirVar); dir != "" {
		if err := crashScenario(dir); err != nil {
			fmt.Println("error", err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const (
	crashEpochs    = 9
	recordsAnEpoch = 5
)

func crashRecord(pos uint64) []byte { return testValue(int(pos%97)+20, pos) }

// crashOps are the changes of an epoch to one table, the same in every run: puts of key → value, a tombstone for nil.
func crashOps(epoch uint64, id TableID) (ops map[string][]byte, delLo, delHi string) {
	ops = map[string][]byte{}
	for i := range uint64(40) {
		k := fmt.Sprintf("k%03d", (i*i+epoch*13+uint64(id))%300)
		if i%5 == 0 {
			ops[k] = nil
		} else {
			ops[k] = testValue(3000, epoch<<16|i<<2|uint64(id))
		}
	}
	if epoch%3 == 0 {
		delLo, delHi = fmt.Sprintf("k%03d", epoch*10), fmt.Sprintf("k%03d", epoch*10+60)
	}
	return ops, delLo, delHi
}

// crashModel is what the tables hold after an epoch of the scenario.
func crashModel(epoch uint64) model {
	m := model{1: {}, 2: {}}
	for e := uint64(1); e <= epoch; e++ {
		if e%6 == 5 {
			m[2] = map[string]string{}
		}
		for id := TableID(1); id <= 2; id++ {
			ops, lo, hi := crashOps(e, id)
			maps.DeleteFunc(m[id], func(k, _ string) bool { return lo != "" && k >= lo && k < hi })
			for k, v := range ops {
				if v == nil {
					delete(m[id], k)
				} else {
					m[id][k] = string(v)
				}
			}
		}
	}
	return m
}

// crashScenario goes on from whatever dir holds until crashEpochs, and prints what it may rely on: "log N" when the
// log is durable up to N, "epoch N" when an epoch is. Merging and deleting run in the foreground, so that the n-th hit
// of a crash point is the same place every time.
func crashScenario(dir string) error {
	quiet := slog.New(slog.DiscardHandler)
	var ring *seal.Keyring
	if os.Getenv(crashSealedVar) != "" {
		var err error
		if ring, err = keepOrMakeRing(dir); err != nil {
			return err
		}
	}
	log, err := wal.Open(dir, wal.Options{Sync: true, SegmentBytes: 400, Keyring: ring, Logger: quiet})
	if err != nil {
		return err
	}
	s, err := Open(Options{Dir: dir, Keyring: ring, MemtableMB: 8, NoMerge: true, MergeRuns: 2, MergeMBPerSecond: -1, Logger: quiet})
	if err != nil {
		return err
	}
	// The background must not take part; what recovery found is deleted here.
	s.cancel()
	s.done.Wait()
	ctx := context.Background()
	if err := s.deleteDead(ctx); err != nil {
		return err
	}
	epoch := uint64(0)
	if m := s.Manifest(); m != nil {
		epoch = m.Epoch
	}
	for epoch++; epoch <= crashEpochs; epoch++ {
		if ring != nil && epoch%4 == 3 {
			publish := func(b []byte) error { return seal.WriteFile(dir, b) }
			if err := errors.Join(ring.Rotate(ctx, testKMS{}, publish), s.Reseal()); err != nil {
				return err
			}
		}
		if err := crashEpoch(s, log, epoch); err != nil {
			return err
		}
		if _, err := s.mergeOnce(ctx); err != nil {
			return err
		}
		if err := s.deleteDead(ctx); err != nil {
			return err
		}
	}
	err = crashImport(s, log, filepath.Join(dir, "imported"))
	return errors.Join(err, s.Close(), log.Close())
}

// crashImport makes copies of the log and the store unless there are whole ones.
func crashImport(s *Store, log *wal.Log, dir string) error {
	if !crashExists(filepath.Join(dir, "log")) {
		records := func(yield func(wal.Raw, error) bool) {
			if err := log.ReadRaw(0, func(r wal.Raw) error { yield(r, nil); return nil }); err != nil {
				yield(wal.Raw{}, err)
			}
		}
		if err := wal.Import(dir, wal.Options{Sync: true, SegmentBytes: 400, Keyring: s.opt.Keyring}, log.FirstPos(), records); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, storeFolder)); err == nil {
		return nil
	}
	p, err := s.Snapshot()
	if err != nil {
		return err
	}
	defer p.Release()
	manifest, err := p.ExportManifest()
	if err != nil {
		return err
	}
	return Import(Options{Dir: dir, Keyring: s.opt.Keyring}, manifest, func(r RunMeta) (io.ReadCloser, error) {
		return io.NopCloser(p.OpenRun(r)), nil
	})
}

func crashEpoch(s *Store, log *wal.Log, epoch uint64) error {
	for log.LastPos() < epoch*recordsAnEpoch {
		pos, err := log.Append(byte(epoch), crashRecord(log.LastPos()+1))
		if err != nil {
			return err
		}
		if pos%2 == 0 || pos == epoch*recordsAnEpoch {
			if err := log.Sync(pos); err != nil {
				return err
			}
			fmt.Println("log", pos)
		}
	}
	w, err := s.Begin()
	if err != nil {
		return err
	}
	defer w.Abort()
	if epoch%6 == 5 {
		w.Drop(2)
	}
	for id := TableID(1); id <= 2; id++ {
		ops, lo, hi := crashOps(epoch, id)
		r := w.Run(id)
		if lo != "" {
			if err := r.DeleteRange([]byte(lo), []byte(hi)); err != nil {
				return err
			}
		}
		for _, k := range slices.Sorted(maps.Keys(ops)) {
			if err := r.add([]byte(k), ops[k], ops[k] == nil); err != nil {
				return err
			}
		}
	}
	pos := epoch * recordsAnEpoch
	if err := w.Commit(pos, fmt.Appendf(nil, "offsets of %d", epoch)); err != nil {
		return err
	}
	fmt.Println("epoch", epoch)
	return log.TruncateBefore(pos + 1)
}

// runScenario runs the scenario in a process of its own and returns what it may rely on, and whether it was killed.
func runScenario(t *testing.T, dir, point string, env ...string) (logPos, epoch uint64, killed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), crashDirVar+"="+dir, crashpoint.EnvVar+"="+point), env...)
	out, err := cmd.Output()
	scan := bufio.NewScanner(bytes.NewReader(out))
	for scan.Scan() {
		var word string
		var n uint64
		if _, err := fmt.Sscan(scan.Text(), &word, &n); err != nil {
			t.Fatalf("%s: the scenario says %q", point, scan.Text())
		}
		if word == "log" {
			logPos = n
		} else {
			epoch = n
		}
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status, ok := exit.Sys().(syscall.WaitStatus)
		if ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return logPos, epoch, true
		}
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", point, err, out)
	}
	return logPos, epoch, false
}

// copyTree copies a data directory without writing the zeros of mapped files.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	must(t, filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		return copySparse(path, target)
	}))
}

// checkAfterCrash verifies that dir holds exactly a committed epoch, not older than the last acknowledged one, and
// every acknowledged record.
func checkAfterCrash(t *testing.T, dir, point string, logPos, epoch uint64) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, storeFolder)); err == nil {
		if _, err := Check(dir, ringOf(t, dir)); err != nil {
			t.Fatalf("%s: Check: %v", point, err)
		}
	}
	if imported := filepath.Join(dir, "imported"); crashExists(filepath.Join(imported, storeFolder)) {
		if report, err := Check(imported, ringOf(t, dir)); err != nil || report.Epoch != crashEpochs {
			t.Fatalf("%s: imported store of epoch %d: %v", point, report.Epoch, err)
		}
	} else if epoch == crashEpochs && point == finished {
		t.Fatal("no store was imported")
	}
	// Looking must not change what the next run of the scenario finds, so it looks at a copy.
	twin := t.TempDir()
	copyTree(t, dir, twin)
	ring := ringOf(t, twin)
	log, err := wal.Open(twin, wal.Options{Keyring: ring, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	defer log.Close()
	if log.LastPos() < logPos {
		t.Fatalf("%s: log ends at %d, %d was acknowledged", point, log.LastPos(), logPos)
	}
	must(t, log.Read(0, func(pos uint64, kind byte, payload []byte) error {
		if !bytes.Equal(payload, crashRecord(pos)) || uint64(kind) != (pos-1)/recordsAnEpoch+1 {
			t.Fatalf("%s: record %d is not what was written", point, pos)
		}
		return nil
	}))
	s := mustOpen(t, Options{Dir: twin, Keyring: ring, NoMerge: true, Logger: slog.New(slog.DiscardHandler)})
	defer s.Close()
	got := uint64(0)
	if m := s.Manifest(); m != nil {
		got = m.Epoch
		if m.LogPos != got*recordsAnEpoch || string(m.Meta) != fmt.Sprintf("offsets of %d", got) {
			t.Fatalf("%s: epoch %d has log position %d and meta %q", point, got, m.LogPos, m.Meta)
		}
		if m.LogPos+1 < log.FirstPos() || m.LogPos > log.LastPos() {
			t.Fatalf("%s: epoch at log position %d, log has %d..%d", point, m.LogPos, log.FirstPos(), log.LastPos())
		}
	}
	if got < epoch || got > epoch+1 {
		t.Fatalf("%s: epoch %d, acknowledged was %d", point, got, epoch)
	}
	for id, table := range crashModel(got) {
		left := maps.Clone(table)
		must(t, s.Load(id, func(k, v []byte) error {
			if left[string(k)] != string(v) {
				t.Fatalf("%s: epoch %d, table %d: wrong value for %s", point, got, id, k)
			}
			delete(left, string(k))
			return nil
		}))
		if len(left) != 0 {
			t.Fatalf("%s: epoch %d, table %d: %d keys are missing", point, got, id, len(left))
		}
	}
	checkNoGarbage(t, s)
}

// finished stands for the point at which a scenario ended that nobody killed.
const finished = "finished"

func crashExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestKilledAtEveryPoint kills a process at the first and at a later hit of every crash point of this package and of
// the log, checks what is left, lets the scenario go on to its end, and checks again.
func TestKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	for _, name := range crashpoint.Names() {
		if !strings.HasPrefix(name, "epoch.") && !strings.HasPrefix(name, "wal.") {
			continue
		}
		for _, hit := range []int{1, 6} {
			point := fmt.Sprintf("%s:%d", name, hit)
			t.Run(point, func(t *testing.T) {
				t.Parallel()
				killAndGoOn(t, point, hit == 1 && name != crashMarked)
			})
		}
	}
}

// TestKilledAtEveryPointSealed is the same with encryption on, data keys changing twice.
func TestKilledAtEveryPointSealed(t *testing.T) {
	t.Parallel()
	for _, name := range crashpoint.Names() {
		if !strings.HasPrefix(name, "epoch.") && !strings.HasPrefix(name, "wal.") && !strings.HasPrefix(name, "seal.") {
			continue
		}
		hits := []int{4}
		if name == crashMarked || strings.HasPrefix(name, "seal.") {
			hits = []int{1, 2, 3, 4} // the first keyring, the mark, a new data key, its mark
		}
		for _, hit := range hits {
			point := fmt.Sprintf("%s:%d", name, hit)
			t.Run(point, func(t *testing.T) {
				t.Parallel()
				killAndGoOn(t, point, hit == 1, crashSealedVar+"=1")
			})
		}
	}
}

// killAndGoOn kills the scenario at a point, checks what is left, lets it go on, and checks again.
func killAndGoOn(t *testing.T, point string, must bool, env ...string) {
	t.Helper()
	dir := t.TempDir()
	var logPos, epoch uint64
	if strings.Contains(point, ".recover.") {
		// Recovery has something to do only after a crash.
		first := map[bool]string{true: "wal.batch.torn:5", false: "epoch.commit.flushed:4"}[strings.HasPrefix(point, "wal")]
		logPos, epoch, _ = runScenario(t, dir, first, env...)
	}
	p, e, killed := runScenario(t, dir, point, env...)
	if !killed && must {
		t.Fatal("the scenario never came to this point")
	}
	logPos, epoch = max(p, logPos), max(e, epoch)
	checkAfterCrash(t, dir, point, logPos, epoch)
	if _, _, killed := runScenario(t, dir, "", env...); killed {
		t.Fatal("killed without a reason")
	}
	checkAfterCrash(t, dir, finished, crashEpochs*recordsAnEpoch, crashEpochs)
}
