package json

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// loneSurrogate reports whether a JSON string has half of a surrogate pair.
func loneSurrogate(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if s[i+1] != 'u' || i+6 > len(s) {
			i++
			continue
		}
		u, _ := strconv.ParseUint(s[i+2:i+6], 16, 32)
		i += 5
		if u < 0xD800 || u > 0xDFFF {
			continue
		}
		if u >= 0xDC00 || i+7 > len(s) || s[i+1] != '\\' || s[i+2] != 'u' {
			return true
		}
		low, _ := strconv.ParseUint(s[i+3:i+7], 16, 32)
		if low < 0xDC00 || low > 0xDFFF {
			return true
		}
		i += 6
	}
	return false
}

// oracleWhole reads a number with a fraction or an exponent as an integer.
func oracleWhole(s string, bits int) (any, bool) {
	if at := strings.IndexAny(s, "eE"); at >= 0 {
		if e, err := strconv.Atoi(s[at+1:]); err != nil || e > 1000 || e < -1000 {
			return nil, false
		}
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return nil, false
	}
	x := r.Num().Int64()
	return x, bits == 64 || x == int64(int32(x))
}

// oracleFloat reads a JSON number as Go does, but that what is too small for a
// float64 is refused; a string means what PostgreSQL makes of it.
func oracleFloat(s string, isString bool) (any, bool) {
	if isString {
		v := delta.NewVec(types.Float8, 1)
		if values.ParseText(types.Float8, []byte(s), nil, v) != nil {
			return nil, false
		}
		return v.F[0], true
	}
	f, err := strconv.ParseFloat(s, 64)
	mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
	if err != nil || f == 0 && strings.ContainsAny(mantissa, "123456789") {
		return nil, false
	}
	return f, true
}
