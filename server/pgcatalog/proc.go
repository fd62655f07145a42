package pgcatalog

import (
	"cmp"
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/bind"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// procsText is the part of PostgreSQL 15's pg_proc over the engine's types, for
// the OIDs of the functions that the engine has too, and what types name
// (typinput and so on). An empty prosrc is the function's own name.
//
//go:embed procs.txt
var procsText string

// proc is a row of pg_proc.
type proc struct {
	oid, ret   uint32
	name, src  string
	args       []uint32
	kind       string // f, a, w
	volatility string
	strict     bool
	set        bool
	variadic   bool
}

// internalLanguage is pg_language's row for functions written in C inside.
const internalLanguage = 12

// firstProcOID is where functions that PostgreSQL lacks begin.
const firstProcOID = 15200

func parseProcs(text string) []*proc {
	var out []*proc
	for _, f := range parseTable(text) {
		p := &proc{
			oid: parseOID(f["oid"]), ret: parseOID(f["prorettype"]), name: f["proname"], src: f["prosrc"],
			kind: f["prokind"], volatility: f["provolatile"], strict: f["proisstrict"] == "t", set: f["proretset"] == "t",
		}
		if p.src == "" {
			p.src = p.name
		}
		for a := range strings.FieldsSeq(f["proargtypes"]) {
			p.args = append(p.args, parseOID(a))
		}
		out = append(out, p)
	}
	return out
}

var postgresProcs = parseProcs(procsText)

// procOID is the OID of one of the functions that types name; "-": none.
func procOID(name string) uint32 {
	for _, p := range postgresProcs {
		if p.name == name {
			return p.oid
		}
	}
	return 0
}

// signature identifies a function.
func (p *proc) signature() string {
	var b strings.Builder
	b.WriteString(p.name)
	for _, a := range p.args {
		b.WriteByte(' ')
		b.WriteString(strconv.FormatUint(uint64(a), 10))
	}
	return b.String()
}

// allProcs are the functions of pg_proc, by OID.
func allProcs() []*proc {
	known := map[string]*proc{}
	for _, p := range postgresProcs {
		known[p.signature()] = p
	}
	ours := enginesProcs()
	slices.SortFunc(ours, func(a, b *proc) int { return cmp.Compare(a.signature(), b.signature()) })
	have := map[uint32]bool{}
	next := uint32(firstProcOID)
	out := ours[:0]
	for _, p := range ours {
		if k := known[p.signature()]; k != nil {
			p.oid, p.src = k.oid, k.src
		} else {
			p.oid = next
			next++
		}
		if !have[p.oid] {
			have[p.oid] = true
			out = append(out, p)
		}
	}
	sets := map[string]bool{}
	bind.SetFunctions(func(name string, args []types.Type) {
		sets[(&proc{name: name, args: typeOIDs(args)}).signature()] = true
	})
	for _, p := range postgresProcs {
		if !have[p.oid] && (sets[p.signature()] || usedByTypes[p.oid]) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *proc) int { return cmp.Compare(a.oid, b.oid) })
	return out
}

// usedByTypes are the functions that the rows of pg_type name.
var usedByTypes = func() map[uint32]bool {
	m := map[uint32]bool{}
	for _, t := range typeTable {
		for _, f := range []string{"typinput", "typoutput", "typreceive", "typsend", "typmodin", "typmodout", "typanalyze", "typsubscript"} {
			m[procOID(t.fields[f])] = true
		}
	}
	return m
}()

// enginesProcs are the functions and aggregates of the registry.
func enginesProcs() []*proc {
	var out []*proc
	expr.EachFunction(func(name string, f *expr.Func) {
		out = append(out, &proc{
			name: name, src: f.ID, ret: f.Ret.OID, args: typeOIDs(f.Args), kind: "f",
			volatility: string(rune(f.Volatility)), strict: f.Strict, variadic: f.Variadic,
		})
	})
	expr.EachAggregate(func(a *expr.Aggregate) {
		out = append(out, &proc{name: a.Name, src: "aggregate_dummy", ret: a.Ret.OID, args: typeOIDs(a.Args), kind: "a", volatility: "i"})
	})
	return out
}

func typeOIDs(ts []types.Type) []uint32 {
	out := make([]uint32, len(ts))
	for i, t := range ts {
		out[i] = t.OID
	}
	return out
}

// procTable is pg_proc, with indexes.
type procTable struct {
	all    []*proc
	byOID  map[uint32]*proc
	byName map[string][]*proc
}

var procs = sync.OnceValue(func() *procTable {
	t := &procTable{all: allProcs(), byOID: map[uint32]*proc{}, byName: map[string][]*proc{}}
	for _, p := range t.all {
		t.byOID[p.oid] = p
		t.byName[p.name] = append(t.byName[p.name], p)
	}
	return t
})

// FunctionOID finds a function of pg_proc by its name; 0: none, or several.
func FunctionOID(name string) uint32 {
	if ps := procs().byName[name]; len(ps) == 1 {
		return ps[0].oid
	}
	return 0
}

// FunctionName is the name of a function of pg_proc.
func FunctionName(oid uint32) (string, bool) {
	p := procs().byOID[oid]
	if p == nil {
		return "", false
	}
	return p.name, true
}

// argumentList is what pg_get_function_arguments gives.
func (p *proc) argumentList() string {
	out := make([]string, len(p.args))
	for i, a := range p.args {
		out[i] = typeName(a)
		if p.variadic && i == len(p.args)-1 {
			out[i] = "VARIADIC " + out[i]
		}
	}
	return strings.Join(out, ", ")
}

func (p *proc) resultName() string {
	if p.set {
		return "SETOF " + typeName(p.ret)
	}
	return typeName(p.ret)
}

// typeName is format_type of a type, also of one the engine lacks.
func typeName(oid uint32) string {
	if types.Lookup(oid) != nil {
		return types.Type{OID: oid, Mod: -1}.String()
	}
	if t := typesByOID[oid]; t != nil {
		return t.fields["typname"]
	}
	return "???"
}

// ObjectText answers the functions that describe objects: see expr.Session.
func ObjectText(cat catalog.Reader, fn string, oid uint32, _ int) (string, bool) {
	switch fn {
	case "obj_description":
		r := cat.ByOID(oid)
		if r == nil || r.Comment == "" {
			return "", false
		}
		return r.Comment, true
	case "pg_get_function_arguments", "pg_get_function_identity_arguments":
		if p := procs().byOID[oid]; p != nil {
			return p.argumentList(), true
		}
	case "pg_get_function_result":
		if p := procs().byOID[oid]; p != nil {
			return p.resultName(), true
		}
	}
	return "", false // columns have no comments
}

func procRows(w *writer) {
	for _, p := range procs().all {
		variadic := uint32(0)
		if p.variadic && len(p.args) > 0 {
			variadic = p.args[len(p.args)-1]
		}
		w.row(cells{
			"oid": p.oid, "proname": p.name, "pronamespace": catalogNamespace, "proowner": ownerOID, "prolang": internalLanguage,
			"procost": 1.0, "prorows": 0.0, "provariadic": variadic, "prokind": p.kind, "proisstrict": p.strict,
			"proretset": p.set, "provolatile": p.volatility, "proparallel": "s", "pronargs": len(p.args), "prorettype": p.ret,
			"proargtypes": p.args, "prosrc": p.src,
		})
	}
}
