package types

import "strconv"

// String is format_type(t.OID, t.Mod): the spelling psql shows.
func (t Type) String() string {
	in := byOID[t.OID]
	if in == nil {
		return "???"
	}
	if in.Elem != 0 {
		return Type{in.Elem, t.Mod}.String() + "[]"
	}
	if t.Mod < 0 {
		return in.SQLName
	}
	switch t.OID {
	case OIDNumeric:
		p, s := t.PrecisionScale()
		return "numeric(" + strconv.Itoa(p) + "," + strconv.Itoa(s) + ")"
	case OIDVarchar:
		return "character varying(" + strconv.Itoa(int(t.Mod-4)) + ")"
	case OIDTimestamp:
		return "timestamp(" + strconv.Itoa(int(t.Mod)) + ") without time zone"
	case OIDTimestamptz:
		return "timestamp(" + strconv.Itoa(int(t.Mod)) + ") with time zone"
	}
	return in.SQLName
}

// PrecisionScale decodes a numeric modifier; t.Mod must be ≥ 0.
func (t Type) PrecisionScale() (precision, scale int) {
	m := t.Mod - 4
	return int(m >> 16 & 0xffff), int((m&0x7ff)^1024) - 1024
}

// NumericOf is numeric(precision, scale).
func NumericOf(precision, scale int) Type {
	return Type{OIDNumeric, int32(precision<<16|scale&0x7ff) + 4}
}

// VarcharOf is varchar(n).
func VarcharOf(n int) Type { return Type{OIDVarchar, int32(n) + 4} }
