package numfmt

import (
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/num"
)

func FuzzFormat(f *testing.F) {
	for _, s := range []string{"FM9,999.00PR", "S999V9", "9.99EEEE", "RNth", `"a\"b"L9`, "MI0D0"} {
		f.Add(s, int64(-12345))
	}
	f.Fuzz(func(t *testing.T, template string, x int64) {
		p, err := Parse(template)
		if err != nil {
			return
		}
		_, _ = p.Int(x)
		_, _ = p.Numeric(num.FromUnscaled(x, 3))
		_, _ = p.Float(float64(x)/7, DoubleDigits)
	})
}
