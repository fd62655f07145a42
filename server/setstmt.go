package server

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// set executes SET and RESET.
func (x *session) set(st *ast.Set) (string, error) {
	tag := "SET"
	if st.Default && strings.HasPrefix(strings.ToLower(x.activity().Query), "reset") {
		tag = "RESET"
	}
	if st.Name == "all" && st.Default {
		x.settings.resetAll()
		return "RESET", nil
	}
	if st.Local && !x.tx.explicit && !x.tx.block {
		x.warn(warning(pgerr.NoActiveSQLTransaction, "SET LOCAL can only be used in transaction blocks"))
	}
	if st.Default {
		return tag, x.assign(st.Name, nil, st.Local)
	}
	value, err := settingValue(st)
	if err != nil {
		return "", err
	}
	return tag, x.assign(st.Name, &value, st.Local)
}

// settingValue joins the values of a list parameter.
func settingValue(st *ast.Set) (string, error) {
	p := parameters[strings.ToLower(st.Name)]
	if p != nil {
		switch p.kind.(type) {
		case identList:
			names := make([]string, len(st.Values))
			for i, v := range st.Values {
				names[i] = quoteIdent(v)
			}
			return strings.Join(names, ", "), nil
		case dateStyle:
			return strings.Join(st.Values, ", "), nil
		}
	}
	if len(st.Values) != 1 {
		return "", pgerr.New(pgerr.InvalidParameterValue, "SET %s takes only one argument", st.Name)
	}
	return st.Values[0], nil
}

// setTransaction executes SET TRANSACTION and SET SESSION CHARACTERISTICS.
func (x *session) setTransaction(st *ast.SetTransaction) error {
	if !st.Session {
		if !x.tx.explicit && !x.tx.block {
			x.warn(warning(pgerr.NoActiveSQLTransaction, "SET TRANSACTION can only be used in transaction blocks"))
		}
		return x.setModes(&st.Modes)
	}
	if m := st.Modes.Isolation; m != "" {
		if err := x.assign("default_transaction_isolation", &m, false); err != nil {
			return err
		}
	}
	for name, on := range map[string]*bool{"default_transaction_read_only": st.Modes.ReadOnly, "default_transaction_deferrable": st.Modes.Deferrable} {
		if on == nil {
			continue
		}
		v := onOff(*on)
		if err := x.assign(name, &v, false); err != nil {
			return err
		}
	}
	return nil
}

// discard executes DISCARD.
func (x *session) discard(st *ast.Discard) (string, error) {
	if st.What != "all" {
		return "DISCARD " + strings.ToUpper(st.What), nil // no temporary tables, no sequences, plans follow the catalog
	}
	if x.tx.explicit || x.tx.block {
		return "", pgerr.New(pgerr.ActiveSQLTransaction, "DISCARD ALL cannot run inside a transaction block")
	}
	for name := range x.cursors {
		x.closeCursor(name)
	}
	x.settings.resetAll()
	x.conn.Statements().DropAll()
	return "DISCARD ALL", nil
}
