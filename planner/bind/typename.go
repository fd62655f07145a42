package bind

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// ResolveType finds the type that a type name means, its modifier checked.
func ResolveType(n ast.TypeName) (types.Type, error) {
	t, err := baseType(n)
	if err != nil {
		return t, err
	}
	if t.Mod, err = typeModifier(t, n); err != nil {
		return t, err
	}
	if n.Array > 0 {
		a, ok := t.ArrayOf()
		if !ok {
			return t, pgerr.New(pgerr.UndefinedObject, "type %q does not exist", typeText(n)+"[]").At(n.Position())
		}
		return a, nil
	}
	return t, nil
}

// typeText is the name as PostgreSQL's messages show it.
func typeText(n ast.TypeName) string { return strings.Join(n.Names, ".") }

func baseType(n ast.TypeName) (types.Type, error) {
	undefined := pgerr.New(pgerr.UndefinedObject, "type %q does not exist", typeText(n)).At(n.Position())
	name := n.Names[len(n.Names)-1]
	switch len(n.Names) {
	case 1:
	case 2:
		if n.Names[0] != "pg_catalog" {
			return types.Type{}, undefined
		}
	default:
		return types.Type{}, undefined
	}
	if t, ok := types.ByName(name); ok && t.OID != types.OIDUnknown {
		return t, nil
	}
	switch name {
	case "time", "time without time zone", "time with time zone", "timetz", "json", "uuid", "bpchar", "character", "char",
		"bit", "varbit", "bit varying", "money", "xml", "inet", "cidr", "macaddr", "point", "line", "lseg", "box", "path",
		"polygon", "circle", "tsvector", "tsquery", "xid", "cid", "tid", "regoper", "regprocedure", "regrole", "regconfig":
		return types.Type{}, pgerr.Unsupported(n.Position(), "type %s", typeText(n))
	}
	return types.Type{}, undefined
}

func typeModifier(t types.Type, n ast.TypeName) (int32, error) {
	if len(n.Mods) == 0 {
		return -1, nil
	}
	bad := func(format string, args ...any) (int32, error) {
		return -1, pgerr.New(pgerr.InvalidParameterValue, format, args...).At(n.Position())
	}
	m := n.Mods
	switch t.OID {
	case types.OIDNumeric:
		scale := int64(0)
		if len(m) == 2 {
			scale = m[1]
		}
		switch {
		case len(m) > 2:
			return bad("invalid NUMERIC type modifier")
		case m[0] < 1 || m[0] > 1000:
			return bad("NUMERIC precision %d must be between 1 and 1000", m[0])
		case scale < -1000 || scale > 1000:
			return bad("NUMERIC scale %d must be between -1000 and 1000", scale)
		}
		return types.NumericOf(int(m[0]), int(scale)).Mod, nil
	case types.OIDVarchar:
		switch {
		case len(m) > 1:
			return bad("invalid type modifier")
		case m[0] < 1:
			return bad("length for type varchar must be at least 1")
		case m[0] > 10485760:
			return bad("length for type varchar cannot exceed 10485760")
		}
		return types.VarcharOf(int(m[0])).Mod, nil
	case types.OIDTimestamp, types.OIDTimestamptz:
		if len(m) > 1 {
			return bad("invalid type modifier")
		}
		if m[0] < 0 {
			return bad("TIMESTAMP(%d)%s precision must not be negative", m[0], zoneText(t))
		}
		return int32(min(m[0], 6)), nil
	case types.OIDInterval:
		return -1, pgerr.Unsupported(n.Position(), "the precision of an interval")
	}
	return -1, pgerr.New(pgerr.SyntaxError, "type modifier is not allowed for type %q", typeText(n)).At(n.Position())
}

func zoneText(t types.Type) string {
	if t.OID == types.OIDTimestamptz {
		return " WITH TIME ZONE"
	}
	return ""
}
