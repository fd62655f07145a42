package remote

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/storage/object"
)

// TestLineage: a state that was put in the place of another one, as a restored savepoint is, does not follow from
// older checkpoints and the log. When its checkpoints are damaged, the bucket is damaged; nothing is mixed.
func TestLineage(t *testing.T) {
	t.Parallel()
	c := setup{bucket: object.NewMemory(), dir: t.TempDir(), opt: Options{Retained: 3, TakeOver: true, Lineage: func(meta []byte) uint64 {
		return uint64(bytes.Count(meta, []byte("restored")))
	}}}
	p, err := c.open(t, nil)
	must(t, err)
	must(t, p.write("old=1"))
	must(t, p.checkpoint())
	must(t, p.write("old=2"))
	must(t, p.checkpoint())
	if n := len(p.s.refs()); n != 2 {
		t.Fatalf("%d checkpoints", n)
	}
	meta := []byte("restored")
	commit := func() {
		t.Helper()
		w, err := p.s.Store().Begin()
		must(t, err)
		w.Drop(1)
		must(t, w.Run(1).Put([]byte("new"), []byte("1")))
		must(t, w.Commit(p.s.Log().LastPos(), meta))
		_, err = p.s.Checkpoint(t.Context())
		must(t, err)
	}
	commit()
	if refs := p.s.refs(); len(refs) != 1 || refs[0].Lineage != 1 {
		t.Fatalf("after a restore: %+v", refs)
	}
	p.log("after=1")
	meta = []byte("restored and gone on") // of the same lineage
	commit()
	refs := p.s.refs()
	if len(refs) != 2 {
		t.Fatalf("then: %+v", refs)
	}
	p.kill()
	// The newest of two may be damaged, both not.
	for i, ref := range refs {
		must(t, c.bucket.Delete(t.Context(), ref.Key))
		c.dir = t.TempDir()
		q, err := c.open(t, nil)
		if i == 0 {
			must(t, err)
			if q.table["old"] != "" || q.table["new"] != "1" || q.table["after"] != "1" {
				t.Errorf("from the checkpoint before: %v", q.table)
			}
			q.kill()
			continue
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Fatalf("without a checkpoint of the restored state: %v", err)
		}
	}
}

// TestReleasedAfterLostRenewal: a renewal that was given up when the process ends, and arrived nevertheless, does not
// keep the bucket from being released.
func TestReleasedAfterLostRenewal(t *testing.T) {
	t.Parallel()
	c := setup{bucket: object.NewMemory(), dir: t.TempDir(), opt: Options{Lease: time.Hour}}
	p, err := c.open(t, nil)
	must(t, err)
	o, version, err := readOwner(t.Context(), c.bucket)
	must(t, err)
	o.Renewed++
	_, err = writeOwner(t.Context(), c.bucket, o, version)
	must(t, err)
	must(t, p.s.Close(t.Context()))
	if o, _, err = readOwner(t.Context(), c.bucket); err != nil || !o.Released {
		t.Fatalf("%+v %v", o, err)
	}
}
