package epoch

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// benchEntries is the size of a benchmark's epoch: 16-byte keys and 40-byte values, as a view's rows have.
const benchEntries = 1_000_000

func writeBench(b *testing.B, s *Store, id TableID, rng *rand.Rand, from, step uint64) {
	w, err := s.Begin()
	must(b, err)
	r := w.Run(id)
	key, val := make([]byte, 0, 16), make([]byte, 40)
	for i := range uint64(benchEntries) {
		key = binary.BigEndian.AppendUint64(key[:0], i*step+from)
		key = binary.BigEndian.AppendUint64(key, i)
		for j := 0; j < 24; j += 8 {
			binary.LittleEndian.PutUint64(val[j:], rng.Uint64())
		}
		if err := r.Put(key, val); err != nil {
			b.Fatal(err)
		}
	}
	must(b, w.Commit(0, nil))
}

// reportRate reports wall and processor time: on a shared machine only the latter says much. Both include what the
// key-value store and the merges do in the background.
func reportRate(b *testing.B, entries float64, cpu time.Duration) {
	b.ReportMetric(float64(b.N)*entries/b.Elapsed().Seconds()/1e6, "Mentries/s")
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N)/entries, "cpu-ns/entry")
}

// cpuTime is the processor time that the process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWriteEpoch writes epochs of a million new entries each, synced.
func BenchmarkWriteEpoch(b *testing.B) {
	ring := newTestRing()
	for _, c := range []struct {
		name string
		c    Compression
		ring *seal.Keyring
	}{
		{"none", CompressionNone, nil}, {"snappy", CompressionSnappy, nil}, {"zstd", CompressionZSTD, nil},
		{"none-sealed", CompressionNone, ring}, {"snappy-sealed", CompressionSnappy, ring},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := mustOpen(b, Options{Dir: b.TempDir(), Compression: c.c, Keyring: c.ring, NoMerge: true})
			defer s.Close()
			rng := rand.New(rand.NewPCG(1, 2))
			start := cpuTime()
			for n := uint64(0); b.Loop(); n++ {
				writeBench(b, s, TableID(n), rng, 0, 1)
			}
			reportRate(b, benchEntries, cpuTime()-start)
			b.ReportMetric(float64(s.DiskBytes())/float64(s.Stats().Entries), "diskB/entry")
		})
	}
}

// BenchmarkReplaceEpoch writes the same table again and again and reports what is left on disk per live entry.
func BenchmarkReplaceEpoch(b *testing.B) {
	s := mustOpen(b, Options{Dir: b.TempDir()})
	defer s.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	start := cpuTime()
	for b.Loop() {
		w, err := s.Begin()
		must(b, err)
		w.Drop(1)
		must(b, w.Commit(0, nil))
		writeBench(b, s, 1, rng, 0, 1)
		if os.Getenv("HELIOSDB_BENCH_VERBOSE") != "" {
			fmt.Printf("disk %d MB, live %d MB\n", s.DiskBytes()>>20, s.Stats().Bytes>>20)
		}
	}
	reportRate(b, benchEntries, cpuTime()-start)
	b.ReportMetric(float64(s.DiskBytes())/benchEntries, "diskB/entry")
}

// BenchmarkLoad reads a table of one run, and one of eight runs with a million entries each.
func BenchmarkLoad(b *testing.B) {
	for _, runs := range []uint64{1, 8} {
		b.Run(fmt.Sprint(runs), func(b *testing.B) {
			s := mustOpen(b, Options{Dir: b.TempDir(), NoMerge: true})
			defer s.Close()
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range runs {
				writeBench(b, s, 1, rng, i, runs)
			}
			sum := 0
			start := cpuTime()
			for b.Loop() {
				must(b, s.Load(1, func(k, v []byte) error {
					sum += len(k) + len(v)
					return nil
				}))
			}
			reportRate(b, float64(runs)*benchEntries, cpuTime()-start)
		})
	}
}

// BenchmarkGet looks single keys up in a table of a million.
func BenchmarkGet(b *testing.B) {
	s := mustOpen(b, Options{Dir: b.TempDir(), NoMerge: true})
	defer s.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	writeBench(b, s, 1, rng, 0, 1)
	key := make([]byte, 0, 16)
	var buf []byte
	for b.Loop() {
		i := rng.Uint64N(benchEntries)
		key = binary.BigEndian.AppendUint64(key[:0], i)
		key = binary.BigEndian.AppendUint64(key, i)
		val, ok, err := s.Get(1, key, buf[:0])
		if err != nil || !ok {
			b.Fatal(ok, err)
		}
		buf = val
	}
}

// BenchmarkSmallEpoch commits epochs of twenty tables with a hundred changed entries each: what a checkpoint costs
// when little has happened, two rounds of syncs included, with merges in the background.
func BenchmarkSmallEpoch(b *testing.B) {
	b.Run("plain", func(b *testing.B) { smallEpochs(b, nil) })
	b.Run("sealed", func(b *testing.B) { smallEpochs(b, newTestRing()) })
}

func smallEpochs(b *testing.B, ring *seal.Keyring) {
	s := mustOpen(b, Options{Dir: b.TempDir(), Keyring: ring})
	defer s.Close()
	key, val := make([]byte, 0, 16), make([]byte, 40)
	start := cpuTime()
	for n := uint64(0); b.Loop(); n++ {
		w, err := s.Begin()
		must(b, err)
		for id := range TableID(20) {
			r := w.Run(id)
			for i := range uint64(100) {
				key = binary.BigEndian.AppendUint64(key[:0], i*37+n%37)
				if err := r.Put(key, val); err != nil {
					b.Fatal(err)
				}
			}
		}
		must(b, w.Commit(n, []byte("meta")))
	}
	b.ReportMetric(float64((cpuTime()-start).Microseconds())/float64(b.N), "cpu-µs/epoch")
	st := s.Stats()
	b.ReportMetric(float64(st.Runs)/20, "runs/table")
	b.ReportMetric(float64(s.DiskBytes()>>20), "disk-MiB")
}
