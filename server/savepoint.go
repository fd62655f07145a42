package server

import (
	"maps"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// maxSavepoints bounds the open savepoints of a transaction.
const maxSavepoints = 1024

// txSavepoint is what a transaction can go back to.
type txSavepoint struct {
	name       string
	rows       map[uint32]int // of the write set, by table
	statements int
	settings   settingsMark
	cursors    map[string]*cursor
}

// savepoints executes SAVEPOINT, RELEASE and ROLLBACK TO.
func (x *session) savepoints(st *ast.Transaction) (string, error) {
	word := map[ast.TxKind]string{ast.Savepoint: "SAVEPOINT", ast.ReleaseSavepoint: "RELEASE SAVEPOINT", ast.RollbackTo: "ROLLBACK TO SAVEPOINT"}[st.Kind]
	if !x.tx.explicit {
		return "", pgerr.New(pgerr.NoActiveSQLTransaction, "%s can only be used in transaction blocks", word)
	}
	if st.Kind == ast.Savepoint {
		return "SAVEPOINT", x.savepoint(st.Name)
	}
	at := -1
	for i, s := range x.tx.saves {
		if s.name == st.Name {
			at = i
		}
	}
	if at < 0 {
		return "", pgerr.New("3B001", "savepoint \"%s\" does not exist", st.Name)
	}
	if st.Kind == ast.ReleaseSavepoint {
		x.tx.saves = x.tx.saves[:at]
		return "RELEASE", nil
	}
	x.tx.saves = x.tx.saves[:at+1]
	x.backTo(&x.tx.saves[at])
	return "ROLLBACK", nil
}

func (x *session) savepoint(name string) error {
	if len(x.tx.saves) >= maxSavepoints {
		return pgerr.New(pgerr.ProgramLimitExceeded, "too many savepoints").WithDetail("A transaction has at most %d.", maxSavepoints)
	}
	s := txSavepoint{name: name, rows: map[uint32]int{}, settings: x.settings.mark(), cursors: maps.Clone(x.cursors)}
	if w := x.tx.writes; w != nil {
		s.statements = w.statements
		for oid, d := range w.set.deltas {
			s.rows[oid] = d.N
		}
	}
	x.tx.saves = append(x.tx.saves, s)
	return nil
}

// backTo undoes what was done since the savepoint.
func (x *session) backTo(s *txSavepoint) {
	if w := x.tx.writes; w != nil {
		for _, oid := range slices.Collect(maps.Keys(w.set.deltas)) {
			w.backTo(mark{oid, s.rows[oid]})
		}
		w.statements = s.statements
	}
	x.settings.backTo(s.settings)
	for name, cur := range x.cursors {
		if s.cursors[name] != cur {
			x.closeCursor(name)
		}
	}
	x.tx.failed = false
}
