package num

import (
	"encoding/binary"
	"math/big"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Signs of PostgreSQL's binary numeric.
const (
	wirePos    = 0x0000
	wireNeg    = 0x4000
	wireNaN    = 0xC000
	wirePosInf = 0xD000
	wireNegInf = 0xF000

	infScale = 0x20 // what PostgreSQL sends as an infinity's scale
)

// AppendBinary appends the wire format of numeric_send: int16 digit count,
// weight, sign, display scale, then base-10000 digits, all big endian.
func (d Decimal) AppendBinary(dst []byte) []byte {
	u16 := binary.BigEndian.AppendUint16
	switch d.form {
	case nan:
		return append(dst, 0, 0, 0, 0, wireNaN>>8, 0, 0, 0)
	case posInf:
		return append(dst, 0, 0, 0, 0, wirePosInf>>8, 0, 0, infScale)
	case negInf:
		return append(dst, 0, 0, 0, 0, wireNegInf>>8, 0, 0, infScale)
	}
	groups, weight := d.groups()
	sign := uint16(wirePos)
	if d.neg {
		sign = wireNeg
	}
	dst = u16(dst, uint16(len(groups)))
	dst = u16(dst, uint16(weight))
	dst = u16(dst, sign)
	dst = u16(dst, d.scale)
	for _, g := range groups {
		dst = u16(dst, g)
	}
	return dst
}

// groups are the base-10000 digits, most significant first, without zero
// digits at either end; weight is the power of 10000 of the first.
func (d Decimal) groups() (g []uint16, weight int) {
	if d.IsZero() {
		return nil, 0
	}
	var buf [44]byte
	digs := buf[:0]
	if d.big != nil {
		digs = d.big.Append(nil, 10)
	} else {
		digs = d.mag.appendDigits(digs)
	}
	e := len(digs) - 1 - int(d.scale) // decimal exponent of digs[0]
	weight = floorDiv(e, 4)
	lead := 3 - (e - 4*weight) // zeros before digs[0] in its group
	for i := -lead; i < len(digs); i += 4 {
		var x uint16
		for j := i; j < i+4; j++ {
			x *= 10
			if j >= 0 && j < len(digs) {
				x += uint16(digs[j] - '0')
			}
		}
		g = append(g, x)
	}
	for len(g) > 0 && g[len(g)-1] == 0 {
		g = g[:len(g)-1]
	}
	return g, weight
}

func badBinary(what string) error {
	return pgerr.New(pgerr.InvalidBinaryRepresentation, "invalid %s in external \"numeric\" value", what)
}

// ParseBinary reads the wire format of numeric_recv. Digits beyond the display
// scale are truncated, as PostgreSQL does. Errors are 22P03 and 22003.
func ParseBinary(b []byte) (Decimal, error) {
	if len(b) < 8 {
		return Decimal{}, pgerr.New(pgerr.ProtocolViolation, "insufficient data left in message")
	}
	n := int(binary.BigEndian.Uint16(b))
	weight := int(int16(binary.BigEndian.Uint16(b[2:])))
	sign := binary.BigEndian.Uint16(b[4:])
	scale := int(binary.BigEndian.Uint16(b[6:]))
	b = b[8:]
	switch sign {
	case wirePos, wireNeg:
	case wireNaN:
		return NaN, nil
	case wirePosInf:
		return PosInf, nil
	case wireNegInf:
		return NegInf, nil
	default:
		return Decimal{}, badBinary("sign")
	}
	if scale > MaxScale {
		return Decimal{}, badBinary("scale")
	}
	if len(b) < 2*n {
		return Decimal{}, pgerr.New(pgerr.ProtocolViolation, "insufficient data left in message")
	}
	if len(b) > 2*n {
		return Decimal{}, pgerr.New(pgerr.InvalidBinaryRepresentation, "incorrect binary data format")
	}
	return fromGroups(b, n, weight, scale, sign == wireNeg)
}

func fromGroups(b []byte, n, weight, scale int, neg bool) (Decimal, error) {
	digs := make([]byte, 0, 4*n+1)
	for i := range n {
		g := binary.BigEndian.Uint16(b[2*i:])
		if g > 9999 {
			return Decimal{}, badBinary("digit")
		}
		digs = append(digs, byte('0'+g/1000), byte('0'+g/100%10), byte('0'+g/10%10), byte('0'+g%10))
	}
	// digs[0] stands at 10^(4*weight+3); cut or pad to scale decimals.
	frac := len(digs) - 4*(weight+1)
	if frac > scale {
		digs = digs[:max(len(digs)-(frac-scale), 0)]
		frac = scale
	}
	if len(digs) == 0 {
		return Decimal{scale: uint16(scale)}, nil
	}
	d, err := scaled(digs, neg, frac)
	if err != nil {
		return d, err
	}
	return d.setScale(scale, toZero)
}

// BigInt is the coefficient: d × 10^Scale; nil for special values.
func (d Decimal) BigInt() *big.Int {
	if d.form != finite {
		return nil
	}
	return d.signed()
}
