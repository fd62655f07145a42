package server

import (
	"slices"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/connectors/kafka"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// right is one thing that a statement needs: a permission, or a grant on each of
// the relations. A statement that reads and writes needs two.
type right struct {
	need    auth.Permission
	objects []auth.Object
}

// who is the identity that statements run as: the client's, or with SET ROLE
// somebody of the same name who has that role alone.
func (x *session) who() auth.Identity {
	id := x.id
	if r := x.role(); r != "" {
		id.External, id.Roles = true, nil
		// Who had the role when it was SET need not have it now.
		if _, err := x.checkRole(r); err == nil {
			id.Roles = []string{r}
		}
	}
	return id
}

// permit checks what a statement needs, each time it is executed: a user's roles
// and grants may have changed since it was prepared.
// sql is for the audit log.
func (x *session) permit(rights []right, sql string) error {
	if end := x.id.Expires; !end.IsZero() && time.Now().After(end) {
		return fatal(pgerr.InvalidAuthorization, "terminating connection because its token has expired").
			WithHint("Log in again for a new token.")
	}
	if x.s.auth.TokenEnded(x.id) {
		return fatal(pgerr.InvalidAuthorization, "terminating connection because its token was logged out or its user changed").
			WithHint("Log in again for a new token.")
	}
	id := x.who()
	for _, r := range rights {
		if err := x.s.auth.AuthorizeStatement(id, sql, r.need, r.objects...); err != nil {
			return err
		}
	}
	return nil
}

// onlyAdmins are the system relations that show what is nobody else's business.
var onlyAdmins = map[string]bool{
	"pg_catalog.pg_authid": true, "pg_catalog.pg_shadow": true, catalog.HeliosSchema + ".users": true,
}

// toRead is what reading relations needs. The catalogs that PostgreSQL shows to
// everybody are free.
func toRead(cat *catalogView, oids []uint32) []right {
	var objects []auth.Object
	var rights []right
	for _, oid := range oids {
		r := cat.ByOID(oid)
		switch {
		case r == nil: // dropped meanwhile: the statement will not find it either
		case onlyAdmins[r.Schema+"."+r.Name]:
			rights = append(rights, right{auth.Admin, []auth.Object{object(r, auth.Select)}})
		case r.Schema == catalog.PgCatalog, r.Schema == catalog.InfoSchema:
		default:
			objects = append(objects, object(r, auth.Select))
		}
	}
	if len(objects) > 0 {
		rights = append(rights, right{auth.Read, objects})
	}
	return rights
}

func object(r *catalog.Relation, p auth.Privilege) auth.Object {
	kind := lowerWord(r.Kind)
	if r.Kind == catalog.Virtual {
		kind = "view"
	}
	return auth.Object{OID: r.OID, Kind: kind, Name: r.Name, Need: auth.Privileges(p)}
}

// toWrite is what a statement needs that writes a table and, besides, reads.
func toWrite(cat *catalogView, st ast.Statement, w *planner.Write) []right {
	var rights []right
	rel, reads := w.Rel, w.Reads
	looks := w.Looks // at rows of the table itself
	add := func(p auth.Privilege) {
		rights = append(rights, right{auth.Write, []auth.Object{object(rel, p)}})
	}
	switch st := st.(type) {
	case *ast.Insert:
		add(auth.Insert)
		looks = len(st.Returning) > 0
		if st.Conflict != nil {
			looks = looks || len(st.Conflict.Columns) > 0
			if !st.Conflict.Nothing {
				add(auth.Update)
			}
		}
	case *ast.Update:
		add(auth.Update)
		looks = looks || len(st.Returning) > 0 || st.Where != nil || len(st.From) > 0
	case *ast.Delete:
		add(auth.DeleteRows)
		looks = len(st.Returning) > 0 || st.Where != nil || len(st.Using) > 0
	}
	if looks {
		reads = append([]uint32{rel.OID}, reads...)
	}
	return append(rights, toRead(cat, reads)...)
}

// toRun is what a statement needs before it is bound; what reads and writes
// relations says more then. One that is not listed is for administrators:
// forgetting it here must not open it.
func toRun(st ast.Statement) []right {
	need := auth.Admin
	switch st := st.(type) {
	case *ast.Transaction, *ast.SetTransaction, *ast.Set, *ast.Fetch, *ast.CloseCursor, *ast.Prepare, *ast.Deallocate, *ast.Discard:
		return nil
	case *ast.Execute:
		return nil // what it executes is checked as itself
	case *ast.CreateRole, *ast.AlterRole, *ast.DropRole, *ast.Grant, *ast.GrantRole:
		return nil // package auth decides: users may change their own password
	case *ast.CreateSource:
		rights := []right{{need: auth.Execute}}
		if slices.ContainsFunc(st.Options, func(o ast.Option) bool { return kafka.NamesFile(strings.ToLower(o.Name)) }) {
			rights = append(rights, right{need: auth.Manage}) // the server reads it, not the user
		}
		return rights
	case *ast.CreateTable, *ast.CreateView, *ast.CreateSink, *ast.Flush:
		need = auth.Execute
	case *ast.Drop:
		need = auth.Delete
	case *ast.StateSavepoint:
		if need = auth.Execute; st.Drop {
			need = auth.Delete
		}
	case *ast.Comment, *ast.AlterJob, *ast.PauseJobs, *ast.RotateKey, *ast.Checkpoint:
		need = auth.Manage
	}
	return []right{{need: need}}
}

// toShow is what SHOW and DESCRIBE need: parameters are free, as drivers ask for
// them.
func (x *session) toShow(st *ast.Show) []right {
	switch st.Kind {
	case ast.ShowParameter, ast.ShowAll:
		return nil
	case ast.ShowEncryptionKeys:
		return []right{{need: auth.Manage}}
	case ast.ShowCreate, ast.Describe:
		if r, err := x.named(st.Obj); err == nil {
			return toRead(x.s.catalog(), []uint32{r.OID})
		}
	}
	return []right{{need: auth.Read}}
}

// mayRead is permit for relations that a definition reads.
func (x *session) mayRead(oids []uint32) error { return x.permit(toRead(x.s.catalog(), oids), "") }

// shown is a statement's text as others may see it: without passwords.
func shown(st ast.Statement, text string) string {
	switch st.(type) {
	case *ast.SelectStmt, *ast.Insert, *ast.Update, *ast.Delete, *ast.Transaction, *ast.Fetch, *ast.Show:
		return text
	}
	if !strings.Contains(text, "'") && !strings.Contains(text, "$") {
		return text
	}
	return auth.RedactSQL(text)
}
