package object_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/testobject"
	"github.com/heliosdb/heliosdb-streaming/storage/object"
)

// BenchmarkCommit is what an acknowledged change waits for: one conditional put
// of a group of log records.
func BenchmarkCommit(b *testing.B) {
	buckets := map[string]func(b *testing.B) object.Bucket{
		"file": func(b *testing.B) object.Bucket {
			return open(b, object.Location{Provider: "file", Bucket: b.TempDir()}, object.Options{})
		},
		"s3": func(b *testing.B) object.Bucket { return real(b, testobject.S3, object.Options{}) },
	}
	for _, name := range []string{"file", "s3"} {
		for _, size := range []int{1 << 10, 64 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%dKiB", name, size>>10), func(b *testing.B) {
				bucket := buckets[name](b)
				body := object.Bytes(bytes.Repeat([]byte{7}, size))
				var took []time.Duration
				for b.Loop() {
					start := time.Now()
					key := fmt.Sprintf("log/%016x", len(took))
					if err := bucket.Put(b.Context(), key, body, object.PutOptions{IfAbsent: true}); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(start))
				}
				slices.Sort(took)
				for _, p := range []int{50, 99} {
					b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
				}
			})
		}
	}
}
