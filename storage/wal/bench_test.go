package wal

import (
	"fmt"
	"sync"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// BenchmarkGroupCommit appends and syncs 100-byte records from several goroutines: the more there are, the more
// records share one sync.
func BenchmarkGroupCommit(b *testing.B) {
	for _, clients := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) { groupCommit(b, clients, nil) })
	}
	b.Run("64-sealed", func(b *testing.B) { groupCommit(b, 64, newRing()) })
}

func groupCommit(b *testing.B, clients int, ring *seal.Keyring) {
	l := mustOpen(b, b.TempDir(), Options{Sync: true, Keyring: ring})
	defer l.Close()
	payload := make([]byte, 100)
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for c := range clients {
		n := b.N / clients
		if c < b.N%clients {
			n++
		}
		wg.Go(func() {
			for range n {
				pos, err := l.Append(1, payload)
				if err == nil {
					err = l.Sync(pos)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// BenchmarkAppend is the cost of a record without its sync.
func BenchmarkAppend(b *testing.B) {
	b.Run("plain", func(b *testing.B) { appendOnly(b, nil) })
	b.Run("sealed", func(b *testing.B) { appendOnly(b, newRing()) })
}

func appendOnly(b *testing.B, ring *seal.Keyring) {
	l := mustOpen(b, "", Options{Keyring: ring})
	defer l.Close()
	payload := make([]byte, 100)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		pos, err := l.Append(1, payload)
		if err == nil && i%1000 == 999 {
			if err = l.Sync(pos); err == nil {
				err = l.TruncateBefore(pos)
			}
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
