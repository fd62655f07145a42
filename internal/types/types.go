// Package types describes the SQL types: their PostgreSQL identity (OID and
// type modifier) and how a vector stores their values.
package types

// OIDs of PostgreSQL's pg_type for the types the engine knows.
const (
	OIDBool         uint32 = 16
	OIDBytea        uint32 = 17
	OIDChar         uint32 = 18 // "char", one byte
	OIDName         uint32 = 19
	OIDInt8         uint32 = 20
	OIDInt2         uint32 = 21
	OIDInt4         uint32 = 23
	OIDRegProc      uint32 = 24
	OIDText         uint32 = 25
	OIDOid          uint32 = 26
	OIDJSON         uint32 = 114
	OIDFloat4       uint32 = 700
	OIDFloat8       uint32 = 701
	OIDUnknown      uint32 = 705
	OIDBPChar       uint32 = 1042
	OIDVarchar      uint32 = 1043
	OIDDate         uint32 = 1082
	OIDTime         uint32 = 1083
	OIDTimestamp    uint32 = 1114
	OIDTimestamptz  uint32 = 1184
	OIDInterval     uint32 = 1186
	OIDNumeric      uint32 = 1700
	OIDRegClass     uint32 = 2205
	OIDRegType      uint32 = 2206
	OIDRecord       uint32 = 2249
	OIDVoid         uint32 = 2278
	OIDUUID         uint32 = 2950
	OIDJSONB        uint32 = 3802
	OIDAny          uint32 = 2276
	OIDAnyArray     uint32 = 2277
	OIDAnyElement   uint32 = 2283
	OIDAnyNonArray  uint32 = 2776
	OIDRegNamespace uint32 = 4089
	OIDRegRole      uint32 = 4096
)

// Phys is how a vector stores a type's values.
type Phys uint8

// The physical kinds.
//
//	Bool    Vec.B
//	Int64   Vec.I: int2, int4, int8, oid and reg*; date as days since
//	        2000-01-01, timestamps as microseconds since 2000-01-01 00:00 UTC
//	        (both PostgreSQL's epoch; infinities are the int32/int64 extremes)
//	Float64 Vec.F
//	Bytes   Vec.S/Data: text family and "char", name: UTF-8; bytea: raw;
//	        numeric: internal/num's encoding; interval: 16 bytes, little
//	        endian: micros i64, days i32, months i32; jsonb: canonical text as
//	        internal/jsonb prints it; arrays: delta.AppendArray's encoding
const (
	Bool Phys = iota
	Int64
	Float64
	Bytes
)

// Type is a SQL type: an OID and PostgreSQL's type modifier (-1: none; numeric
// ((precision<<16)|scale)+4; varchar(n) n+4; timestamp precision).
type Type struct {
	OID uint32 `json:"oid"`
	Mod int32  `json:"mod"`
}

// The types without modifier.
var (
	Boolean      = Type{OIDBool, -1}
	Bytea        = Type{OIDBytea, -1}
	Char         = Type{OIDChar, -1}
	Name         = Type{OIDName, -1}
	Int2         = Type{OIDInt2, -1}
	Int4         = Type{OIDInt4, -1}
	Int8         = Type{OIDInt8, -1}
	Text         = Type{OIDText, -1}
	Oid          = Type{OIDOid, -1}
	Float4       = Type{OIDFloat4, -1}
	Float8       = Type{OIDFloat8, -1}
	Unknown      = Type{OIDUnknown, -1}
	Varchar      = Type{OIDVarchar, -1}
	Date         = Type{OIDDate, -1}
	Timestamp    = Type{OIDTimestamp, -1}
	Timestamptz  = Type{OIDTimestamptz, -1}
	Interval     = Type{OIDInterval, -1}
	Numeric      = Type{OIDNumeric, -1}
	JSONB        = Type{OIDJSONB, -1}
	RegClass     = Type{OIDRegClass, -1}
	RegType      = Type{OIDRegType, -1}
	RegProc      = Type{OIDRegProc, -1}
	RegNamespace = Type{OIDRegNamespace, -1}
	Void         = Type{OIDVoid, -1}
)

// The pseudo types that polymorphic functions declare: AnyElement and AnyArray
// of one call agree (T and T[]), AnyNonArray is AnyElement without arrays, and
// Any takes whatever comes, each argument by itself. No value has them.
var (
	Any         = Type{OIDAny, -1}
	AnyArray    = Type{OIDAnyArray, -1}
	AnyElement  = Type{OIDAnyElement, -1}
	AnyNonArray = Type{OIDAnyNonArray, -1}
)

// Info is the static description of one type.
type Info struct {
	OID       uint32
	Name      string // pg_type.typname
	SQLName   string // format_type's spelling without modifier
	Phys      Phys
	Len       int16  // pg_type.typlen
	Category  byte   // pg_type.typcategory
	Preferred bool   // pg_type.typispreferred
	Array     uint32 // OID of the array over it, 0: none
	Elem      uint32 // for arrays: OID of the element
}

var infos = []Info{
	{OIDBool, "bool", "boolean", Bool, 1, 'B', true, 1000, 0},
	{OIDBytea, "bytea", "bytea", Bytes, -1, 'U', false, 1001, 0},
	{OIDChar, "char", `"char"`, Bytes, 1, 'Z', false, 1002, 0},
	{OIDName, "name", "name", Bytes, 64, 'S', false, 1003, 0},
	{OIDInt8, "int8", "bigint", Int64, 8, 'N', false, 1016, 0},
	{OIDInt2, "int2", "smallint", Int64, 2, 'N', false, 1005, 0},
	{OIDInt4, "int4", "integer", Int64, 4, 'N', false, 1007, 0},
	{OIDRegProc, "regproc", "regproc", Int64, 4, 'N', false, 1008, 0},
	{OIDText, "text", "text", Bytes, -1, 'S', true, 1009, 0},
	{OIDOid, "oid", "oid", Int64, 4, 'N', true, 1028, 0},
	{OIDFloat4, "float4", "real", Float64, 4, 'N', false, 1021, 0},
	{OIDFloat8, "float8", "double precision", Float64, 8, 'N', true, 1022, 0},
	{OIDUnknown, "unknown", "unknown", Bytes, -2, 'X', false, 0, 0},
	{OIDVarchar, "varchar", "character varying", Bytes, -1, 'S', false, 1015, 0},
	{OIDDate, "date", "date", Int64, 4, 'D', false, 1182, 0},
	{OIDTimestamp, "timestamp", "timestamp without time zone", Int64, 8, 'D', false, 1115, 0},
	{OIDTimestamptz, "timestamptz", "timestamp with time zone", Int64, 8, 'D', true, 1185, 0},
	{OIDInterval, "interval", "interval", Bytes, 16, 'T', true, 1187, 0},
	{OIDNumeric, "numeric", "numeric", Bytes, -1, 'N', false, 1231, 0},
	{OIDRegClass, "regclass", "regclass", Int64, 4, 'N', false, 2210, 0},
	{OIDRegType, "regtype", "regtype", Int64, 4, 'N', false, 2211, 0},
	{OIDRegNamespace, "regnamespace", "regnamespace", Int64, 4, 'N', false, 4090, 0},
	{OIDVoid, "void", "void", Bytes, 4, 'P', false, 0, 0},
	{OIDRecord, "record", "record", Bytes, -1, 'P', false, 2287, 0},
	{OIDAny, "any", `"any"`, Bytes, 4, 'P', false, 0, 0},
	{OIDAnyArray, "anyarray", "anyarray", Bytes, -1, 'P', false, 0, 0},
	{OIDAnyElement, "anyelement", "anyelement", Bytes, 4, 'P', false, 0, 0},
	{OIDAnyNonArray, "anynonarray", "anynonarray", Bytes, 4, 'P', false, 0, 0},
	{OIDJSONB, "jsonb", "jsonb", Bytes, -1, 'U', false, 3807, 0},
}

var byOID = map[uint32]*Info{}
var byName = map[string]uint32{}

func init() {
	base := infos
	for i := range base {
		in := &base[i]
		byOID[in.OID] = in
		byName[in.Name] = in.OID
		if in.Array != 0 {
			byOID[in.Array] = &Info{OID: in.Array, Name: "_" + in.Name, SQLName: in.SQLName + "[]", Phys: Bytes, Len: -1, Category: 'A', Elem: in.OID}
			byName["_"+in.Name] = in.Array
		}
	}
	for alias, oid := range map[string]uint32{
		"boolean": OIDBool, "smallint": OIDInt2, "int": OIDInt4, "integer": OIDInt4, "bigint": OIDInt8,
		"real": OIDFloat4, "double precision": OIDFloat8, "decimal": OIDNumeric, "dec": OIDNumeric,
		"character varying": OIDVarchar, "string": OIDVarchar,
		"timestamp without time zone": OIDTimestamp, "timestamp with time zone": OIDTimestamptz,
	} {
		byName[alias] = oid
	}
}

// Lookup returns the description of oid, or nil.
func Lookup(oid uint32) *Info { return byOID[oid] }

// All calls fn for every known type, arrays included, in no set order.
func All(fn func(*Info)) {
	for _, in := range byOID {
		fn(in)
	}
}

// ByName finds a type by its pg_type name or SQL spelling (lower case).
func ByName(name string) (Type, bool) {
	oid, ok := byName[name]
	return Type{oid, -1}, ok
}

// Info returns t's description; t must be a known type.
func (t Type) Info() *Info { return byOID[t.OID] }

// Phys returns how t is stored.
func (t Type) Phys() Phys {
	switch t.OID {
	case OIDBool:
		return Bool
	case OIDInt2, OIDInt4, OIDInt8, OIDOid, OIDDate, OIDTimestamp, OIDTimestamptz,
		OIDRegClass, OIDRegType, OIDRegProc, OIDRegNamespace, OIDRegRole:
		return Int64
	case OIDFloat8, OIDFloat4:
		return Float64
	}
	return Bytes
}

// Elem is the element type of an array type; ok is false when t is no array.
func (t Type) Elem() (Type, bool) {
	in := byOID[t.OID]
	if in == nil || in.Elem == 0 {
		return Type{}, false
	}
	return Type{in.Elem, t.Mod}, true
}

// IsArray reports whether t is an array type.
func (t Type) IsArray() bool { in := byOID[t.OID]; return in != nil && in.Elem != 0 }

// ArrayOf is the array type over t; ok is false when there is none.
func (t Type) ArrayOf() (Type, bool) {
	in := byOID[t.OID]
	if in == nil || in.Array == 0 {
		return Type{}, false
	}
	return Type{in.Array, t.Mod}, true
}

// Base is t without its modifier.
func (t Type) Base() Type { return Type{t.OID, -1} }
