package pgcatalog

import "strings"

func databases(w *writer, e *Env) {
	w.row(cells{
		"oid": databaseOID, "datname": e.Database, "datdba": ownerOID, "encoding": 6, "datlocprovider": "c", "datallowconn": true,
		"datconnlimit": -1, "dattablespace": defaultSpace, "datcollate": "C", "datctype": "C",
	})
}

func settings(w *writer, e *Env) {
	for _, s := range call(e.Settings) {
		source := "default"
		if s.Value != s.Boot {
			source = "session"
		}
		c := cells{
			"name": s.Name, "setting": s.Value, "unit": orNull(s.Unit), "category": "", "short_desc": s.Description,
			"context": s.Context, "vartype": s.Type, "source": source, "boot_val": s.Boot, "reset_val": s.Reset, "pending_restart": false,
		}
		if len(s.Values) > 0 {
			c["enumvals"] = s.Values
		}
		w.row(c)
	}
}

func activity(w *writer, e *Env) {
	for _, s := range call(e.Sessions) {
		if !e.SeesAll && s.User != e.User {
			s.Query, s.State = "<insufficient privilege>", ""
		}
		c := cells{
			"datid": databaseOID, "datname": e.Database, "pid": s.PID, "usesysid": e.userOID(s.User), "usename": s.User,
			"application_name": s.Application, "backend_start": s.Began, "xact_start": s.XactStart, "query_start": s.QueryStart,
			"state_change": s.StateChange, "state": orNull(s.State), "query": s.Query, "backend_type": "client backend",
		}
		if strings.HasPrefix(s.State, "idle") {
			c["wait_event_type"], c["wait_event"] = "Client", "ClientRead"
		}
		if host, port, ok := splitHostPort(s.Remote); ok {
			c["client_addr"], c["client_port"] = host, port
		} else {
			c["client_port"] = -1
		}
		w.row(c)
	}
}

func statDatabase(w *writer, e *Env) {
	w.row(cells{"datid": databaseOID, "datname": e.Database, "numbackends": len(call(e.Sessions)), "stats_reset": e.Started})
}

func statSSL(w *writer, e *Env) {
	for _, s := range call(e.Sessions) {
		c := cells{"pid": s.PID, "ssl": s.TLS != nil}
		if s.TLS != nil {
			c["version"], c["cipher"], c["bits"] = s.TLS.Version, s.TLS.Cipher, s.TLS.Bits
			c["client_dn"] = orNull(s.TLS.ClientDN)
		}
		w.row(c)
	}
}

// statTables: the engine keeps no statistics of scans; live rows are those of
// the job that keeps the relation.
func statTables(w *writer, e *Env) {
	rows := map[uint32]int64{}
	for _, j := range call(e.Jobs) {
		rows[j.Rel] = int64(j.Rows)
	}
	for _, r := range e.user(nil) {
		n, ok := rows[r.OID]
		if !ok {
			continue
		}
		w.row(cells{
			"relid": r.OID, "schemaname": r.Schema, "relname": r.Name, "seq_scan": 0, "seq_tup_read": 0, "idx_scan": 0, "idx_tup_fetch": 0,
			"n_tup_ins": 0, "n_tup_upd": 0, "n_tup_del": 0, "n_tup_hot_upd": 0, "n_live_tup": n, "n_dead_tup": 0,
			"n_mod_since_analyze": 0, "n_ins_since_vacuum": 0, "vacuum_count": 0, "autovacuum_count": 0, "analyze_count": 0, "autoanalyze_count": 0,
		})
	}
}

func cursors(w *writer, e *Env) {
	for _, c := range call(e.Cursors) {
		w.row(cells{
			"name": c.Name, "statement": c.Statement, "is_holdable": c.Hold, "is_binary": c.Binary, "is_scrollable": c.Scrollable,
			"creation_time": c.Created,
		})
	}
}

func statements(w *writer, e *Env) {
	for _, s := range call(e.Statements) {
		w.row(cells{
			"name": s.Name, "statement": s.Query, "prepare_time": s.Prepared, "parameter_types": s.Params, "from_sql": s.FromSQL,
			"generic_plans": 0, "custom_plans": 0,
		})
	}
}
