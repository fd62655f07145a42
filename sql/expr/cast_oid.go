package expr

import (
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// The reg types are OIDs that print as names. What the session does not know
// is read and printed as a number.

var regTypes = []types.Type{types.RegClass, types.RegType, types.RegProc, types.RegNamespace}

func isReg(t types.Type) bool {
	switch t.OID {
	case types.OIDRegClass, types.OIDRegType, types.OIDRegProc, types.OIDRegNamespace, types.OIDRegRole:
		return true
	}
	return false
}

func init() {
	unsigned := mapInt(func(x int64) int64 { return int64(uint32(x)) })
	toInt4 := mapInt(func(x int64) int64 { return int64(int32(x)) })
	same := mapInt(func(x int64) int64 { return x })
	fromInt8 := retInt(func(r *row) (int64, error) {
		if x := r.int(0); x < 0 || x > 1<<32-1 {
			return 0, pgerr.New(pgerr.NumericValueOutOfRange, "OID out of range")
		}
		return r.int(0), nil
	})
	oids := append([]types.Type{types.Oid}, regTypes...)
	for _, t := range oids {
		name := t.Info().Name
		cast("int2_"+name, types.Int2, t, ImplicitCast, unsigned)
		cast("int4_"+name, types.Int4, t, ImplicitCast, unsigned)
		cast("int8_"+name, types.Int8, t, ImplicitCast, fromInt8)
		cast(name+"_int4", t, types.Int4, AssignmentCast, toInt4)
		cast(name+"_int8", t, types.Int8, AssignmentCast, same)
		if t != types.Oid {
			registerCast(t, types.Oid, ImplicitCast, nil)
			registerCast(types.Oid, t, ImplicitCast, nil)
		}
	}
	for _, from := range []types.Type{types.Text, types.Varchar} {
		registerCast(from, types.RegClass, ImplicitCast, ioFromText)
	}
	for _, t := range []types.Type{types.RegClass, types.RegType, types.RegProc, types.RegNamespace} {
		name := "to_" + t.Info().Name
		def(name, name, t, retInt(func(r *row) (int64, error) {
			oid, err := r.c.parseReg(t, r.text(0))
			if err != nil {
				return 0, errNull
			}
			return int64(oid), nil
		}), types.Text).stable()
	}
}

// parseReg reads the text of a reg type: a number, '-' for none, or a name.
func (c *Ctx) parseReg(t types.Type, s string) (uint32, error) {
	if s == "-" {
		return 0, nil
	}
	if s != "" && strings.Trim(s, "0123456789") == "" {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return 0, pgerr.New(pgerr.NumericValueOutOfRange, "value \"%s\" is out of range for type oid", s)
		}
		return uint32(n), nil
	}
	if t.OID == types.OIDRegType {
		return parseRegType(s)
	}
	parts, err := splitIdentifier(s)
	if err != nil {
		return 0, err
	}
	schema, name := "", parts[len(parts)-1]
	if len(parts) > 1 {
		schema = parts[len(parts)-2]
	}
	switch t.OID {
	case types.OIDRegClass:
		if c.Session != nil {
			if oid := c.Session.RelationOID(schema, name); oid != 0 {
				return oid, nil
			}
		}
		return 0, pgerr.New(pgerr.UndefinedTable, "relation \"%s\" does not exist", strings.Join(parts, "."))
	case types.OIDRegNamespace:
		if c.Session != nil {
			if oid := c.Session.NamespaceOID(name); oid != 0 {
				return oid, nil
			}
		}
		return 0, pgerr.New(pgerr.InvalidSchemaName, "schema \"%s\" does not exist", name)
	}
	if c.Session != nil {
		if oid := c.Session.FunctionOID(name); oid != 0 {
			return oid, nil
		}
	}
	return 0, pgerr.New(pgerr.UndefinedFunction, "function \"%s\" does not exist", s)
}

// parseRegType reads a type's name as a cast does, modifiers ignored.
func parseRegType(s string) (uint32, error) {
	name := strings.ToLower(strings.TrimSpace(s))
	dims := 0
	for strings.HasSuffix(name, "[]") {
		name, dims = strings.TrimSpace(name[:len(name)-2]), dims+1
	}
	name = strings.TrimPrefix(name, "pg_catalog.")
	if i := strings.IndexByte(name, '('); i > 0 {
		name = strings.TrimSpace(name[:i])
	}
	t, ok := types.ByName(strings.Trim(name, `"`))
	if name == `"char"` {
		t, ok = types.Char, true
	}
	if ok && dims > 0 {
		t, ok = t.ArrayOf()
	}
	if !ok {
		return 0, pgerr.New(pgerr.UndefinedObject, "type \"%s\" does not exist", s)
	}
	return t.OID, nil
}

// regText is the output text of a reg value.
func (c *Ctx) regText(t types.Type, oid uint32) string {
	if oid == 0 {
		return "-"
	}
	switch t.OID {
	case types.OIDRegType:
		if types.Lookup(oid) != nil {
			return types.Type{OID: oid, Mod: -1}.String()
		}
	case types.OIDRegClass:
		if c.Session == nil {
			break
		}
		if schema, name, ok := c.Session.RelationName(oid); ok {
			if schema == "" || c.Session.Visible(oid) {
				return quoteIdent(name)
			}
			return quoteIdent(schema) + "." + quoteIdent(name)
		}
	case types.OIDRegNamespace:
		if c.Session == nil {
			break
		}
		if name, ok := c.Session.NamespaceName(oid); ok {
			return quoteIdent(name)
		}
	case types.OIDRegProc:
		if c.Session == nil {
			break
		}
		if name, ok := c.Session.FunctionName(oid); ok {
			return quoteIdent(name)
		}
	}
	return strconv.FormatUint(uint64(oid), 10)
}

// RegText is the output text of a reg* value, as the session names objects.
func RegText(s Session, t types.Type, oid uint32) string {
	c := Ctx{Session: s}
	return c.regText(t, oid)
}

// ParseReg reads the text of a reg* value.
func ParseReg(s Session, t types.Type, text string) (uint32, error) {
	c := Ctx{Session: s}
	return c.parseReg(t, text)
}

// splitIdentifier splits a possibly qualified, possibly quoted name and folds
// what is not quoted.
func splitIdentifier(s string) ([]string, error) {
	bad := pgerr.New(pgerr.InvalidName, "invalid name syntax")
	var parts []string
	rest := strings.TrimSpace(s)
	for {
		var part string
		if strings.HasPrefix(rest, `"`) {
			var b strings.Builder
			i := 1
			for ; ; i++ {
				if i >= len(rest) {
					return nil, bad
				}
				if rest[i] != '"' {
					b.WriteByte(rest[i])
					continue
				}
				if i+1 < len(rest) && rest[i+1] == '"' {
					b.WriteByte('"')
					i++
					continue
				}
				break
			}
			part, rest = b.String(), rest[i+1:]
		} else {
			i := strings.IndexAny(rest, `."`)
			if i < 0 {
				i = len(rest)
			}
			part, rest = strings.ToLower(strings.TrimSpace(rest[:i])), rest[i:]
		}
		if part == "" {
			return nil, bad
		}
		parts = append(parts, part)
		rest = strings.TrimSpace(rest)
		if rest == "" {
			return parts, nil
		}
		if rest[0] != '.' {
			return nil, bad
		}
		rest = strings.TrimSpace(rest[1:])
	}
}
