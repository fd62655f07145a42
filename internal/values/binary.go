package values

import (
	"encoding/binary"
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/jsonb"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// AppendBinary appends the binary wire form of row i, which is not NULL.
func AppendBinary(dst []byte, v *delta.Vec, i int) []byte {
	return appendScalarBinary(dst, v.T, load(v, i))
}

func appendScalarBinary(dst []byte, t types.Type, a scalar) []byte {
	be := binary.BigEndian
	switch t.OID {
	case types.OIDBool:
		return append(dst, byte(a.x))
	case types.OIDInt2:
		return be.AppendUint16(dst, uint16(a.x))
	case types.OIDInt8, types.OIDTimestamp, types.OIDTimestamptz:
		return be.AppendUint64(dst, a.x)
	case types.OIDFloat8:
		if f := a.float(); f != f {
			return be.AppendUint64(dst, 0x7FF8<<48)
		}
		return be.AppendUint64(dst, a.x)
	case types.OIDFloat4:
		if f := a.float(); f != f {
			return be.AppendUint32(dst, 0x7FC0<<16)
		}
		return be.AppendUint32(dst, math.Float32bits(float32(a.float())))
	case types.OIDNumeric:
		return num.Decode(a.s).AppendBinary(dst)
	case types.OIDInterval:
		iv := pgtime.DecodeInterval(a.s)
		dst = be.AppendUint64(dst, uint64(iv.Micros))
		return be.AppendUint32(be.AppendUint32(dst, uint32(iv.Days)), uint32(iv.Months))
	case types.OIDJSONB:
		return append(append(dst, 1), a.s...)
	}
	if t.Phys() == types.Int64 { // int4, oid, reg*, date
		return be.AppendUint32(dst, uint32(a.x))
	}
	if et, ok := t.Elem(); ok {
		return appendArrayBinary(dst, et, a.s)
	}
	return append(dst, a.s...)
}

func appendArrayBinary(dst []byte, et types.Type, a []byte) []byte {
	be := binary.BigEndian
	n, nulls := 0, uint32(0)
	for it := delta.IterArray(a); it.Next(); n++ {
		if it.Null {
			nulls = 1
		}
	}
	if n == 0 {
		return be.AppendUint32(append(dst, 0, 0, 0, 0, 0, 0, 0, 0), et.OID)
	}
	dst = be.AppendUint32(be.AppendUint32(append(dst, 0, 0, 0, 1), nulls), et.OID)
	dst = be.AppendUint32(be.AppendUint32(dst, uint32(n)), 1)
	for it := delta.IterArray(a); it.Next(); {
		e, ok := elem(et, it.Elem)
		if it.Null || !ok {
			dst = be.AppendUint32(dst, math.MaxUint32)
			continue
		}
		at := len(dst)
		dst = appendScalarBinary(append(dst, 0, 0, 0, 0), et, e)
		be.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst
}

func shortMessage() error {
	return pgerr.New(pgerr.ProtocolViolation, "insufficient data left in message")
}

func badBinary() error {
	return pgerr.New(pgerr.InvalidBinaryRepresentation, "incorrect binary data format")
}

// ParseBinary appends the value of type t in the binary wire form b to out. b
// may be anything; errors are 22P03, 08P01 or the type's range errors, and then
// out is unchanged.
func ParseBinary(t types.Type, b []byte, out *delta.Vec) error {
	if t.Phys() != types.Bytes {
		x, err := parseFixedBinary(t, b)
		if err == nil {
			store(out, x)
		}
		return err
	}
	lo := len(out.Data)
	data, err := parseBytesBinary(out.Data, t, b)
	if err != nil {
		return err
	}
	out.Data = data
	storeTail(out, lo)
	return nil
}

func parseFixedBinary(t types.Type, b []byte) (uint64, error) {
	want := int(t.Info().Len)
	if len(b) < want {
		return 0, shortMessage()
	}
	if len(b) > want {
		return 0, badBinary()
	}
	be := binary.BigEndian
	switch t.OID {
	case types.OIDBool:
		return boolBit(b[0] != 0), nil
	case types.OIDInt2:
		return uint64(int16(be.Uint16(b))), nil
	case types.OIDInt4:
		return uint64(int32(be.Uint32(b))), nil
	case types.OIDInt8, types.OIDFloat8:
		return be.Uint64(b), nil
	case types.OIDFloat4:
		return math.Float64bits(float64(math.Float32frombits(be.Uint32(b)))), nil
	case types.OIDDate:
		d := int64(int32(be.Uint32(b)))
		return uint64(d), pgtime.CheckDate(d)
	case types.OIDTimestamp, types.OIDTimestamptz:
		ts := int64(be.Uint64(b))
		err := pgtime.CheckTimestamp(ts)
		return uint64(pgtime.RoundTo(ts, int(t.Mod))), err
	}
	return uint64(be.Uint32(b)), nil
}

func parseBytesBinary(dst []byte, t types.Type, b []byte) ([]byte, error) {
	be := binary.BigEndian
	switch t.OID {
	case types.OIDNumeric:
		d, err := num.ParseBinary(b)
		return appendNumeric(dst, t, d, err)
	case types.OIDInterval:
		if len(b) < 16 {
			return dst, shortMessage()
		}
		if len(b) > 16 {
			return dst, badBinary()
		}
		iv := pgtime.Interval{Micros: int64(be.Uint64(b)), Days: int32(be.Uint32(b[8:])), Months: int32(be.Uint32(b[12:]))}
		iv, err := pgtime.ApplyIntervalMod(iv, t.Mod)
		if err != nil {
			return dst, err
		}
		return iv.AppendEncoded(dst), nil
	case types.OIDJSONB:
		if len(b) == 0 {
			return dst, shortMessage()
		}
		if b[0] != 1 {
			return dst, pgerr.Internal("unsupported jsonb version number %d", b[0])
		}
		return jsonb.Parse(dst, b[1:])
	case types.OIDBytea:
		return append(dst, b...), nil
	case types.OIDChar:
		if len(b) == 0 {
			return dst, shortMessage()
		}
		if len(b) > 1 {
			return dst, badBinary()
		}
		return append(dst, b[0]), nil
	}
	if et, ok := t.Elem(); ok {
		return parseArrayBinary(dst, et, b)
	}
	return parseBytes(dst, t, b, &DefaultOpts)
}

func parseArrayBinary(dst []byte, et types.Type, b []byte) ([]byte, error) {
	be := binary.BigEndian
	if len(b) < 12 {
		return dst, shortMessage()
	}
	ndim, flags, oid := int32(be.Uint32(b)), be.Uint32(b[4:]), be.Uint32(b[8:])
	b = b[12:]
	switch {
	case ndim < 0 || flags > 1:
		return dst, pgerr.New(pgerr.InvalidBinaryRepresentation, "invalid array flags")
	case ndim > 1:
		return dst, pgerr.Unsupported(0, "an array of more than one dimension")
	case oid != et.OID:
		return dst, pgerr.New(pgerr.DatatypeMismatch, "wrong element type")
	}
	out := append(dst, 0, 0, 0, 0)
	if ndim == 0 {
		if len(b) > 0 {
			return dst, badBinary()
		}
		return out, nil
	}
	if len(b) < 8 {
		return dst, shortMessage()
	}
	n, lower := int32(be.Uint32(b)), int32(be.Uint32(b[4:]))
	b = b[8:]
	if n < 0 || n > delta.MaxArrayElems {
		return dst, pgerr.New(pgerr.ProgramLimitExceeded, "array size exceeds the maximum allowed (%d)", delta.MaxArrayElems)
	}
	if lower != 1 && n > 0 {
		return dst, pgerr.Unsupported(0, "an array whose lower bound is not 1")
	}
	binary.LittleEndian.PutUint32(out[len(dst):], uint32(n))
	var buf []byte
	for range n {
		if len(b) < 4 {
			return dst, shortMessage()
		}
		l := int32(be.Uint32(b))
		b = b[4:]
		if l == -1 {
			out = binary.LittleEndian.AppendUint32(out, math.MaxUint32)
			continue
		}
		if l < 0 || int(l) > len(b) {
			return dst, pgerr.New(pgerr.InvalidBinaryRepresentation, "insufficient data left in message")
		}
		var a scalar
		var err error
		if et.Phys() == types.Bytes {
			buf, err = parseBytesBinary(buf[:0], et, b[:l])
			a.s = buf
		} else {
			a.x, err = parseFixedBinary(et, b[:l])
		}
		if err != nil {
			return dst, err
		}
		out = appendElem(out, et, a)
		b = b[l:]
	}
	if len(b) > 0 {
		return dst, badBinary()
	}
	return out, nil
}
