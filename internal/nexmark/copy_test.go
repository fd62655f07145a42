package nexmark

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"
)

func TestCopyReader(t *testing.T) {
	t.Parallel()
	g := mustNew(t, Config{Seed: 5})
	const from, to = 37, 1000
	for kind := range numKinds {
		var want []byte
		var ev Event
		for i := uint64(from); i < to; i++ {
			if g.Fill(&ev, i); ev.Kind == kind {
				want = ev.AppendCopyText(want)
			}
		}
		if err := iotest.TestReader(g.CopyReader(kind, from, to), want); err != nil {
			t.Error(err)
		}
		got, err := io.ReadAll(iotest.OneByteReader(g.CopyReader(kind, from, to)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d, %v", kind, len(got), len(want), err)
		}
	}
}
