package pgcatalog

import (
	"maps"
	"net"
	"slices"
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/internal/redact"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// Sources appear as foreign tables: the connector is the foreign-data wrapper
// and its one server, WITH (…) are the table's options.

// connectorOIDs are the OIDs of the connectors' wrappers; their servers' are one
// higher. A connector that is not listed has the last pair.
var connectorOIDs = []struct {
	name string
	oid  uint32
}{{"kafka", 15110}, {"nexmark", 15112}, {"", 15114}}

func connectorOID(r *catalog.Relation) (wrapper, server uint32) {
	for _, c := range connectorOIDs {
		if c.name == r.Options["connector"] || c.name == "" {
			return c.oid, c.oid + 1
		}
	}
	return 0, 0
}

// connectors gives one source for each connector in use.
func (e *Env) connectors() []*catalog.Relation {
	var out []*catalog.Relation
	seen := map[uint32]bool{}
	for _, r := range e.listed(catalog.Source) {
		if oid, _ := connectorOID(r); !seen[oid] {
			seen[oid] = true
			out = append(out, r)
		}
	}
	return out
}

func wrappers(w *writer, e *Env) {
	for _, r := range e.connectors() {
		oid, _ := connectorOID(r)
		w.row(cells{"oid": oid, "fdwname": r.Options["connector"], "fdwowner": ownerOID})
	}
}

func foreignServers(w *writer, e *Env) {
	for _, r := range e.connectors() {
		wrapper, server := connectorOID(r)
		w.row(cells{"oid": server, "srvname": r.Options["connector"], "srvowner": ownerOID, "srvfdw": wrapper})
	}
}

func foreignTables(w *writer, e *Env) {
	for _, r := range e.user(w.key) {
		if r.Kind != catalog.Source {
			continue
		}
		_, server := connectorOID(r)
		w.row(cells{"ftrelid": r.OID, "ftserver": server, "ftoptions": ShownOptions(r.Options)})
	}
}

// ShownOptions are WITH (…) options as NAME=VALUE, by name, secrets hidden.
func ShownOptions(options map[string]string) []string {
	out := []string{}
	for _, k := range slices.Sorted(maps.Keys(options)) {
		v := options[k]
		if redact.Name(k) || redact.Value(v) {
			v = redact.Hidden
		}
		out = append(out, k+"="+v)
	}
	return out
}

func splitHostPort(addr string) (host string, port int, ok bool) {
	h, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, false
	}
	n, err := strconv.Atoi(p)
	return h, n, err == nil
}
