package server

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/server/pgcatalog"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// exprSession is what functions and casts may ask of the session.
type exprSession struct{ x *session }

var (
	_ expr.Session   = exprSession{}
	_ values.Objects = exprSession{}
)

func (x *session) exprSession() expr.Session { return exprSession{x} }

// Setting implements expr.Session.
func (e exprSession) Setting(name string) (string, bool) { return e.x.setting(name) }

// setting is the value of a parameter as SHOW gives it.
func (x *session) setting(name string) (string, bool) {
	name = strings.ToLower(name)
	if x.tx != nil {
		switch name {
		case "transaction_isolation":
			return x.tx.isolation, true
		case "transaction_read_only":
			return onOff(x.tx.readOnly), true
		case "transaction_deferrable":
			return onOff(x.tx.deferrable), true
		}
	}
	return x.settings.show(name)
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

// ObjectName implements values.Objects.
func (e exprSession) ObjectName(t types.Type, oid uint32) string { return expr.RegText(e, t, oid) }

// ObjectOID implements values.Objects.
func (e exprSession) ObjectOID(t types.Type, name string) (uint32, error) {
	return expr.ParseReg(e, t, name)
}

// SetSetting implements expr.Session.
func (e exprSession) SetSetting(name, value string, local bool) error {
	return e.x.assign(name, &value, local)
}

// assign sets a parameter; those of the transaction are its own.
func (x *session) assign(name string, value *string, local bool) error {
	low := strings.ToLower(name)
	if value != nil && x.tx != nil {
		v, err := checkSetting(name, *value)
		if err != nil {
			return err
		}
		on := v == "on"
		switch low {
		case "transaction_isolation":
			return x.setModes(&ast.TxModes{Isolation: v})
		case "transaction_read_only":
			return x.setModes(&ast.TxModes{ReadOnly: &on})
		case "transaction_deferrable":
			return x.setModes(&ast.TxModes{Deferrable: &on})
		case "role":
			if v, err = x.checkRole(v); err != nil {
				return err
			}
			value = &v
		case "session_authorization":
			if v != x.id.Name {
				return pgerr.New(pgerr.InsufficientPrivilege, "permission denied to set session authorization \"%s\"", v).
					WithHint("Connect as that user, or SET ROLE.")
			}
		}
	}
	return x.settings.set(name, value, local)
}

func (e exprSession) User() string     { return e.x.currentUser() }
func (e exprSession) Database() string { return databaseName }

// SessionUser implements expr.Session.
func (e exprSession) SessionUser() string { return e.x.id.Name }

// SearchPath implements expr.Session.
func (e exprSession) SearchPath() []string { return e.x.path() }

// TimeZone implements expr.Session.
func (e exprSession) TimeZone() string {
	v, _ := e.x.settings.get("timezone")
	return v
}

func (e exprSession) BackendPID() int32 { return e.x.pid }

// RelationOID implements expr.Session.
func (e exprSession) RelationOID(schema, name string) uint32 {
	return pgcatalog.RelationOID(e.x.s.catalog(), schema, name, e.x.path())
}

// RelationName implements expr.Session.
func (e exprSession) RelationName(oid uint32) (schema, name string, ok bool) {
	schema, name, ok = pgcatalog.RelationName(e.x.s.catalog(), oid)
	if ok && e.Visible(oid) {
		schema = ""
	}
	return schema, name, ok
}

// Visible implements expr.Session.
func (e exprSession) Visible(oid uint32) bool {
	cat := e.x.s.catalog()
	_, name, ok := pgcatalog.RelationName(cat, oid)
	return ok && pgcatalog.RelationOID(cat, "", name, e.x.path()) == oid
}

// ViewDefinition implements expr.Session.
func (e exprSession) ViewDefinition(oid uint32) (string, bool) {
	r := e.x.s.catalog().ByOID(oid)
	if r == nil || r.Kind != catalog.View && r.Kind != catalog.MaterializedView {
		return "", false
	}
	return " " + strings.TrimSpace(r.Query) + ";", true
}

// RelationBytes implements expr.Session.
func (e exprSession) RelationBytes(oid uint32) (int64, bool) {
	if oid == 0 {
		return e.x.s.pool.Bytes(), true
	}
	if e.x.s.catalog().ByOID(oid) == nil {
		return 0, false
	}
	for _, j := range e.x.s.engine.Jobs() {
		if j.Rel == oid {
			return j.Bytes, true
		}
	}
	return 0, true
}

// NamespaceName implements expr.Session.
func (e exprSession) NamespaceName(oid uint32) (string, bool) { return pgcatalog.NamespaceName(oid) }

// NamespaceOID implements expr.Session.
func (e exprSession) NamespaceOID(name string) uint32 { return pgcatalog.NamespaceOID(name) }

// IndexDefinition implements expr.Session.
func (e exprSession) IndexDefinition(oid uint32, column int) (string, bool) {
	return pgcatalog.IndexDefinition(e.x.s.catalog(), oid, column)
}

// ConstraintDefinition implements expr.Session.
func (e exprSession) ConstraintDefinition(oid uint32) (string, bool) {
	return pgcatalog.ConstraintDefinition(e.x.s.catalog(), oid)
}

// ObjectText implements expr.Session.
func (e exprSession) ObjectText(fn string, oid uint32, sub int) (string, bool) {
	return pgcatalog.ObjectText(e.x.s.catalog(), fn, oid, sub)
}

// FunctionOID implements expr.Session.
func (e exprSession) FunctionOID(name string) uint32 { return pgcatalog.FunctionOID(name) }

// FunctionName implements expr.Session.
func (e exprSession) FunctionName(oid uint32) (string, bool) { return pgcatalog.FunctionName(oid) }
