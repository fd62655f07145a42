package object_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/testobject"
	"github.com/heliosdb/heliosdb-streaming/storage/object"
)

const (
	writers   = 50       // of conditional puts at the same time
	manyKeys  = 1100     // more than a page of any provider (1000, Azure 5000)
	bigObject = 20 << 20 // more than one part
)

// conform checks everything that package object promises of a bucket, which is the test's own.
func conform(t *testing.T, b object.Bucket) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	for _, c := range []struct {
		name string
		test func(*testing.T, context.Context, object.Bucket)
	}{
		{"put and get", putAndGet},
		{"nothing there", nothingThere},
		{"absent", ifAbsent},
		{"version", ifVersion},
		{"one creator", oneCreator},
		{"one successor", oneSuccessor},
		{"ranges", ranges},
		{"big", big},
		{"order and pages", orderAndPages},
		{"copy", copies},
		{"broken source", brokenSource},
		{"replaced while read", replacedWhileRead},
		{"invalid", invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			sub := object.WithPrefix(b, strings.ReplaceAll(c.name, " ", "-"))
			c.test(t, ctx, sub)
		})
	}
}

func put(t testing.TB, ctx context.Context, b object.Bucket, key, contents string) {
	t.Helper()
	if err := b.Put(ctx, key, object.Bytes(contents), object.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, ctx context.Context, b object.Bucket, key string) string {
	t.Helper()
	data, info, err := object.ReadAll(ctx, b, key, bigObject*2)
	if err != nil {
		t.Fatal(err)
	}
	if info.Key != key || info.Size != int64(len(data)) || info.Version == "" {
		t.Errorf("get %s: info %+v for %d bytes", key, info, len(data))
	}
	return string(data)
}

func keys(t testing.TB, ctx context.Context, b object.Bucket, prefix string) []string {
	t.Helper()
	var all []string
	for info, err := range b.List(ctx, prefix) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, info.Key)
	}
	return all
}

func wantErr(t testing.TB, err, class error) {
	t.Helper()
	if !errors.Is(err, class) {
		t.Errorf("error %v, want %v", err, class)
	}
}

func putAndGet(t *testing.T, ctx context.Context, b object.Bucket) {
	for _, contents := range []string{"", "x", "öäü\x00\xff", strings.Repeat("0123456789", 10_000)} {
		put(t, ctx, b, "a/b-c_d.e=f", contents)
		if got := get(t, ctx, b, "a/b-c_d.e=f"); got != contents {
			t.Errorf("%d bytes put, %d other ones got", len(contents), len(got))
		}
		info, err := b.Head(ctx, "a/b-c_d.e=f")
		if err != nil || info.Size != int64(len(contents)) || info.Version == "" || info.Modified.IsZero() {
			t.Errorf("head: %+v %v", info, err)
		}
	}
}

func nothingThere(t *testing.T, ctx context.Context, b object.Bucket) {
	_, err := b.Get(ctx, "no")
	wantErr(t, err, object.ErrNotFound)
	_, err = b.GetRange(ctx, "no", 1, 2)
	wantErr(t, err, object.ErrNotFound)
	_, err = b.Head(ctx, "no")
	wantErr(t, err, object.ErrNotFound)
	wantErr(t, b.Copy(ctx, "yes", "no"), object.ErrNotFound)
	if got := keys(t, ctx, b, ""); len(got) != 0 {
		t.Errorf("listed %q", got)
	}
	put(t, ctx, b, "gone", "x")
	for range 2 { // the second time it is not there
		if err := b.Delete(ctx, "gone", "never-there"); err != nil {
			t.Error(err)
		}
	}
	_, err = b.Head(ctx, "gone")
	wantErr(t, err, object.ErrNotFound)
}

func ifAbsent(t *testing.T, ctx context.Context, b object.Bucket) {
	absent := object.PutOptions{IfAbsent: true}
	if err := b.Put(ctx, "k", object.Bytes("first"), absent); err != nil {
		t.Fatal(err)
	}
	wantErr(t, b.Put(ctx, "k", object.Bytes("other"), absent), object.ErrExists)
	if got := get(t, ctx, b, "k"); got != "first" {
		t.Errorf("got %q", got)
	}
	// The same contents: what a repeated request finds.
	if err := b.Put(ctx, "k", object.Bytes("first"), absent); err != nil {
		t.Errorf("the same contents again: %v", err)
	}
	// More than one part.
	large := bytes.Repeat([]byte("large"), 3<<20)
	if err := b.Put(ctx, "large", object.Bytes(large), absent); err != nil {
		t.Fatal(err)
	}
	other := slices.Clone(large)
	other[len(other)-1]++
	wantErr(t, b.Put(ctx, "large", object.Bytes(other), absent), object.ErrExists)
	if got := get(t, ctx, b, "large"); got != string(large) {
		t.Error("a refused put changed the object")
	}
}

func ifVersion(t *testing.T, ctx context.Context, b object.Bucket) {
	put(t, ctx, b, "k", "one")
	_, info, err := object.ReadAll(ctx, b, "k", 10)
	if err != nil {
		t.Fatal(err)
	}
	head, err := b.Head(ctx, "k")
	if err != nil || head.Version != info.Version {
		t.Errorf("get has version %q, head %q (%v)", info.Version, head.Version, err)
	}
	is := object.PutOptions{IfVersion: info.Version}
	if err := b.Put(ctx, "k", object.Bytes("two"), is); err != nil {
		t.Fatal(err)
	}
	wantErr(t, b.Put(ctx, "k", object.Bytes("three"), is), object.ErrConflict)
	if got := get(t, ctx, b, "k"); got != "two" {
		t.Errorf("got %q", got)
	}
	if err := b.Delete(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	wantErr(t, b.Put(ctx, "k", object.Bytes("four"), is), object.ErrConflict)
	if got := keys(t, ctx, b, ""); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

// race lets many writers put different contents under one key, and returns what the winners wrote.
func race(t *testing.T, ctx context.Context, b object.Bucket, key string, opts object.PutOptions, lost error) []string {
	t.Helper()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		won  []string
		gate = make(chan struct{})
	)
	for w := range writers {
		wg.Go(func() {
			contents := fmt.Sprintf("%s of writer %d %s", key, w, strings.Repeat("x", w*100))
			<-gate
			err := b.Put(ctx, key, object.Bytes(contents), opts)
			if err == nil {
				mu.Lock()
				won = append(won, contents)
				mu.Unlock()
			} else if !errors.Is(err, lost) {
				t.Errorf("writer %d: %v", w, err)
			}
		})
	}
	close(gate)
	wg.Wait()
	return won
}

func oneCreator(t *testing.T, ctx context.Context, b object.Bucket) {
	for round := range 3 {
		key := fmt.Sprint("k", round)
		won := race(t, ctx, b, key, object.PutOptions{IfAbsent: true}, object.ErrExists)
		if got := get(t, ctx, b, key); len(won) != 1 || got != won[0] {
			t.Errorf("%d writers created %s, it contains %.40q", len(won), key, got)
		}
	}
}

func oneSuccessor(t *testing.T, ctx context.Context, b object.Bucket) {
	put(t, ctx, b, "owner", "nobody")
	for range 3 {
		before, err := b.Head(ctx, "owner")
		if err != nil {
			t.Fatal(err)
		}
		won := race(t, ctx, b, "owner", object.PutOptions{IfVersion: before.Version}, object.ErrConflict)
		if got := get(t, ctx, b, "owner"); len(won) != 1 || got != won[0] {
			t.Errorf("%d writers replaced one version, it contains %.40q", len(won), got)
		}
		put(t, ctx, b, "owner", "nobody "+before.Version)
	}
}

func ranges(t *testing.T, ctx context.Context, b object.Bucket) {
	put(t, ctx, b, "k", "0123456789")
	put(t, ctx, b, "empty", "")
	for _, c := range []struct {
		key            string
		offset, length int64
		want           string
		err            error
	}{
		{key: "k", offset: 0, length: 3, want: "012"},
		{key: "k", offset: 4, length: 1, want: "4"},
		{key: "k", offset: 8, length: 100, want: "89"},
		{key: "k", offset: 7, length: -1, want: "789"},
		{key: "k", offset: 0, length: -1, want: "0123456789"},
		{key: "k", offset: 10, length: 1, err: object.ErrRange},
		{key: "k", offset: 11, length: -1, err: object.ErrRange},
		{key: "k", offset: -1, length: 1, err: object.ErrInvalid},
		{key: "k", offset: 1, length: 0, err: object.ErrInvalid},
		{key: "empty", offset: 0, length: 5},
		{key: "empty", offset: 0, length: -1},
		{key: "empty", offset: 1, length: 1, err: object.ErrRange},
	} {
		name := fmt.Sprintf("%s[%d,+%d]", c.key, c.offset, c.length)
		r, err := b.GetRange(ctx, c.key, c.offset, c.length)
		if err != nil || c.err != nil {
			if !errors.Is(err, c.err) {
				t.Errorf("%s: %v, want %v", name, err, c.err)
			}
			continue
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %q %v, want %q", name, got, err, c.want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func big(t *testing.T, ctx context.Context, b object.Bucket) {
	data := make([]byte, bigObject+12345)
	src := rand.NewChaCha8([32]byte{1})
	_, _ = src.Read(data)
	if err := b.Put(ctx, "big", object.Bytes(data), object.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := get(t, ctx, b, "big"); got != string(data) {
		t.Error("the contents differ")
	}
	r, err := b.GetRange(ctx, "big", 9<<20, 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if part, err := io.ReadAll(r); err != nil || !bytes.Equal(part, data[9<<20:9<<20+1000]) {
		t.Errorf("a range of it differs (%v)", err)
	}
}

func orderAndPages(t *testing.T, ctx context.Context, b object.Bucket) {
	// Names around the slash in the order of bytes, and more than one page.
	want := []string{"a", "b-c", "b.c", "b/c", "b/c.d", "b0", "bb/c", "log2/x"}
	for i := range manyKeys {
		want = append(want, fmt.Sprintf("log/%016x", i*i))
	}
	var wg sync.WaitGroup
	work := make(chan string)
	for range 16 {
		wg.Go(func() {
			for key := range work {
				if err := b.Put(ctx, key, object.Bytes(key), object.PutOptions{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, key := range want {
		work <- key
	}
	close(work)
	wg.Wait()
	slices.Sort(want)
	if got := keys(t, ctx, b, ""); !slices.Equal(got, want) {
		t.Errorf("%d keys listed, want %d; the first: %q", len(got), len(want), got[:min(10, len(got))])
	}
	for _, c := range []struct {
		prefix string
		n      int
	}{{"log/", manyKeys}, {"log", manyKeys + 1}, {"b/", 2}, {"b", 6}, {"b/c", 2}, {"log/000000000000000", 4}, {"zz", 0}, {"c/", 0}} {
		if got := keys(t, ctx, b, c.prefix); len(got) != c.n {
			t.Errorf("prefix %q: %d keys, want %d", c.prefix, len(got), c.n)
		}
	}
	// Leaving early.
	for info, err := range b.List(ctx, "log/") {
		if err != nil || info.Size != int64(len(info.Key)) {
			t.Errorf("%+v %v", info, err)
		}
		break
	}
	if err := b.Delete(ctx, want...); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, ctx, b, ""); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}

func copies(t *testing.T, ctx context.Context, b object.Bucket) {
	put(t, ctx, b, "from/x", "contents")
	put(t, ctx, b, "to/x", "older and longer contents")
	if err := b.Copy(ctx, "to/x", "from/x"); err != nil {
		t.Fatal(err)
	}
	put(t, ctx, b, "from/x", "changed")
	if got := get(t, ctx, b, "to/x"); got != "contents" {
		t.Errorf("the copy is %q", got)
	}
}

var errBroken = errors.New("the source broke")

// brokenBody fails in the middle of every reading but the first (which takes the checksum).
func brokenBody(size int64) object.Body {
	var opened atomic.Int64
	return object.Stream{Length: size, Reopen: func() (io.ReadCloser, error) {
		whole := io.LimitReader(zeros{}, size)
		if opened.Add(1) == 1 {
			return io.NopCloser(whole), nil
		}
		return io.NopCloser(io.MultiReader(io.LimitReader(zeros{}, size-1), failing{})), nil
	}}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

func brokenSource(t *testing.T, ctx context.Context, b object.Bucket) {
	put(t, ctx, b, "old", "old")
	for _, size := range []int64{10, bigObject} {
		for _, key := range []string{"old", "new"} {
			if err := b.Put(ctx, key, brokenBody(size), object.PutOptions{}); err == nil {
				t.Errorf("%d bytes of a broken source were stored", size)
			}
		}
	}
	if got := get(t, ctx, b, "old"); got != "old" {
		t.Errorf("a failed put left %d bytes", len(got))
	}
	if got := keys(t, ctx, b, ""); !slices.Equal(got, []string{"old"}) {
		t.Errorf("a failed put left %q", got)
	}
}

// replacedWhileRead checks that a reader never mixes versions: it gives the old bytes or an error.
func replacedWhileRead(t *testing.T, ctx context.Context, b object.Bucket) {
	old, next := bytes.Repeat([]byte("o"), 6<<20), bytes.Repeat([]byte("n"), 6<<20)
	put(t, ctx, b, "k", string(old))
	r, err := b.Get(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	head := make([]byte, 1000)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	put(t, ctx, b, "k", string(next))
	rest, err := io.ReadAll(r)
	if err == nil && !bytes.Equal(append(head, rest...), old) {
		t.Error("the reader mixed two versions")
	}
}

func invalid(t *testing.T, ctx context.Context, b object.Bucket) {
	for _, key := range []string{"/x", "x/", "a//b", ".x", "a/../b", "a b", "ä", "a\x00", "a?b", "a%2fb", strings.Repeat("k", 600)} {
		err := b.Put(ctx, key, object.Bytes("x"), object.PutOptions{})
		wantErr(t, err, object.ErrInvalid)
		_, err = b.Get(ctx, key)
		wantErr(t, err, object.ErrInvalid)
		wantErr(t, b.Delete(ctx, key), object.ErrInvalid)
		wantErr(t, b.Copy(ctx, "x", key), object.ErrInvalid)
		_, err = b.Head(ctx, key)
		wantErr(t, err, object.ErrInvalid)
	}
	err := b.Put(ctx, "x", object.Bytes("x"), object.PutOptions{IfAbsent: true, IfVersion: "1"})
	wantErr(t, err, object.ErrInvalid)
}

func TestMemory(t *testing.T) {
	t.Parallel()
	conform(t, open(t, object.Location{Provider: "memory"}, fast))
}

func TestFolder(t *testing.T) {
	t.Parallel()
	conform(t, open(t, object.Location{Provider: "file", Bucket: t.TempDir() + "/made/anew"}, fast))
}

// fast has short pauses.
var fast = object.Options{MaxRetries: 2, Backoff: time.Millisecond}

func open(t testing.TB, l object.Location, opts object.Options) object.Bucket {
	t.Helper()
	b, err := object.Open(t.Context(), l, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// real opens a new bucket in a real server.
func real(t testing.TB, kind string, opts object.Options) object.Bucket {
	t.Helper()
	s := testobject.New(t, kind)
	return openStore(t, s, s.Endpoint, opts)
}

func openStore(t testing.TB, s testobject.Store, endpoint string, opts object.Options) object.Bucket {
	t.Helper()
	opts.Endpoint, opts.Region, opts.PathStyle = endpoint, s.Region, true
	l, err := object.ParseFor(s.Kind, s.URL+"/some/prefix")
	if err != nil {
		t.Fatal(err)
	}
	return open(t, l, opts)
}

func TestS3(t *testing.T)    { t.Parallel(); conform(t, real(t, testobject.S3, fast)) }
func TestGCS(t *testing.T)   { t.Parallel(); conform(t, real(t, testobject.GCS, fast)) }
func TestAzure(t *testing.T) { t.Parallel(); conform(t, real(t, testobject.Azure, fast)) }
