package num

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestSmallAgreesWithAppend(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-300, 300), rapid.SampledFrom([]int64{0, 127, 128, -128, -129, math.MaxInt64, math.MinInt64})).Draw(t, "coef")
		scale := rapid.IntRange(0, MaxScale).Draw(t, "scale")
		want := Append(nil, FromUnscaled(x, scale))
		if got := AppendSmall(nil, x, scale); !bytes.Equal(got, want) {
			t.Fatalf("%d/10^%d: % x, want % x", x, scale, got, want)
		}
		if c, s, ok := DecodeSmall(want); !ok || c != x || s != scale {
			t.Fatalf("%d/10^%d came back as %d/10^%d, %v", x, scale, c, s, ok)
		}
	})
}
