package server

import "testing"

func TestCollectPercent(t *testing.T) {
	t.Parallel()
	for live, want := range map[int64]int{0: 400, 10 << 20: 400, 64 << 20: 400, 128 << 20: 200, 256 << 20: 100, 4 << 30: 25} {
		if got := collectPercent(live); got != want {
			t.Errorf("%d MB live: the heap may grow by %d %%, want %d %%", live>>20, got, want)
		}
	}
}
