package server

import (
	"context"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// txn is an open transaction: implicit around statements outside a block, or
// explicit from BEGIN to COMMIT.
type txn struct {
	explicit bool
	block    bool // implicit, but of several statements of one string
	failed   bool

	isolation  string
	readOnly   bool
	deferrable bool
	began      int64 // what now() gives
	queried    bool  // a statement has run: the modes are settled

	reads  *reads  // nil: nothing read yet
	writes *writes // nil: nothing written yet
	saves  []txSavepoint
}

// reads is the one step of each graph on which a transaction reads. Results
// that outlive the transaction keep it.
type reads struct {
	snap   *exec.Snapshot
	refs   int
	warned map[uint32]bool // stale relations that the client was told of
}

func newReads() *reads { return &reads{snap: exec.NewSnapshot(), refs: 1, warned: map[uint32]bool{}} }

func (r *reads) release() {
	if r.refs--; r.refs == 0 {
		r.snap.Release()
	}
}

// microsOf is t in microseconds since 2000-01-01 UTC, the epoch of timestamps.
func microsOf(t time.Time) int64 { return t.UnixMicro() - 946_684_800_000_000 }

// Begin implements pgwire.Session.
func (x *session) Begin(_ context.Context, block bool) error {
	if x.tx == nil {
		x.openTx(false)
	}
	x.tx.block = x.tx.block || block
	return nil
}

func (x *session) openTx(explicit bool) {
	iso, _ := x.settings.get("default_transaction_isolation")
	x.tx = &txn{
		explicit: explicit, isolation: iso, began: microsOf(time.Now()),
		readOnly: x.settings.on("default_transaction_read_only"), deferrable: x.settings.on("default_transaction_deferrable"),
	}
	x.settings.wire.Text.Now = x.tx.began
}

// Commit implements pgwire.Session.
func (x *session) Commit(ctx context.Context) error {
	if x.tx == nil || x.tx.explicit {
		x.resting()
		return nil
	}
	err := x.commitTx(ctx)
	x.resting()
	return err
}

// Abort implements pgwire.Session.
func (x *session) Abort() {
	if x.tx != nil {
		if x.tx.explicit {
			x.tx.failed = true
			if len(x.tx.saves) == 0 {
				x.tx.drop()
			}
		} else {
			x.endTx(false)
		}
	}
	x.resting()
}

// TxStatus implements pgwire.Session.
func (x *session) TxStatus() byte {
	switch {
	case x.tx == nil:
		return 'I'
	case x.tx.failed:
		return 'E'
	case x.tx.explicit, x.tx.block:
		return 'T'
	}
	return 'I'
}

// drop releases what the transaction read and wrote.
func (t *txn) drop() {
	if t.reads != nil {
		t.reads.release()
		t.reads = nil
	}
	if t.writes != nil {
		t.writes.mem.Release()
		t.writes = nil
	}
}

// endTx ends the transaction without writing anything.
func (x *session) endTx(commit bool) {
	if x.tx == nil {
		return
	}
	x.tx.drop()
	x.tx = nil
	x.settings.end(commit)
	x.endCursors()
}

// commitTx makes the transaction's writes durable and ends it. After an error
// it is rolled back.
func (x *session) commitTx(ctx context.Context) error {
	if w := x.tx.writes; w != nil {
		if err := x.commitWrites(ctx, w); err != nil {
			x.endTx(false)
			return err
		}
	}
	x.endTx(true)
	return nil
}

// transaction executes BEGIN, COMMIT and their kin.
func (x *session) transaction(c *call, st *ast.Transaction) (string, error) {
	switch st.Kind {
	case ast.Begin:
		if x.tx.explicit {
			x.warn(warning(pgerr.ActiveSQLTransaction, "there is already a transaction in progress"))
		} else {
			x.tx.explicit = true
		}
		if word := c.p.stmt.SQL; len(word) > 5 && strings.EqualFold(word[:5], "start") {
			return "START TRANSACTION", x.setModes(&st.Modes)
		}
		return "BEGIN", x.setModes(&st.Modes)
	case ast.Commit, ast.Rollback:
		return x.finish(c.ctx, st)
	}
	return x.savepoints(st)
}

// finish executes COMMIT and ROLLBACK.
func (x *session) finish(ctx context.Context, st *ast.Transaction) (string, error) {
	tag := "ROLLBACK"
	if !x.tx.explicit {
		if st.Chain {
			return "", pgerr.New(pgerr.NoActiveSQLTransaction, "%s AND CHAIN can only be used in transaction blocks", map[ast.TxKind]string{ast.Commit: "COMMIT", ast.Rollback: "ROLLBACK"}[st.Kind])
		}
		x.warn(warning(pgerr.NoActiveSQLTransaction, "there is no transaction in progress"))
	}
	old := *x.tx
	if st.Kind == ast.Commit && !x.tx.failed {
		tag = "COMMIT"
		if err := x.commitTx(ctx); err != nil {
			return "", err
		}
	} else {
		if st.Kind == ast.Commit {
			tag = "ROLLBACK"
		}
		x.endTx(false)
	}
	if st.Chain {
		x.openTx(true)
		x.tx.isolation, x.tx.readOnly, x.tx.deferrable = old.isolation, old.readOnly, old.deferrable
	}
	return tag, nil
}

// setModes sets the characteristics of the open transaction. All isolation
// levels read one step of each graph, as "repeatable read" promises.
func (x *session) setModes(m *ast.TxModes) error {
	if m.Isolation != "" {
		if x.tx.queried && m.Isolation != x.tx.isolation {
			return pgerr.New(pgerr.ActiveSQLTransaction, "SET TRANSACTION ISOLATION LEVEL must be called before any query")
		}
		x.tx.isolation = m.Isolation
	}
	if m.ReadOnly != nil {
		if x.tx.queried && x.tx.readOnly && !*m.ReadOnly {
			return pgerr.New(pgerr.ActiveSQLTransaction, "transaction read-write mode must be set before any query")
		}
		x.tx.readOnly = *m.ReadOnly
	}
	if m.Deferrable != nil {
		x.tx.deferrable = *m.Deferrable
	}
	return nil
}

// writable refuses a statement that changes something in a read-only
// transaction.
func (x *session) writable(command string) error {
	if x.tx.readOnly {
		return pgerr.New(pgerr.ReadOnlySQLTransaction, "cannot execute %s in a read-only transaction", command)
	}
	return nil
}

// schemaChange prepares for DDL: it takes effect by itself, so it cannot be part
// of a block; in a string of several statements what was written before it is
// committed first.
func (x *session) schemaChange(ctx context.Context, command string) error {
	if err := x.writable(command); err != nil {
		return err
	}
	if x.tx.explicit {
		return pgerr.New(pgerr.FeatureNotSupported, "%s in a transaction block is not supported", command).
			WithHint("Run it outside BEGIN … COMMIT: each statement of this kind is atomic and durable by itself.")
	}
	if w := x.tx.writes; w != nil {
		if err := x.commitWrites(ctx, w); err != nil {
			return err
		}
		x.tx.drop()
	}
	if x.tx.reads != nil {
		x.tx.reads.release()
		x.tx.reads = nil
	}
	return nil
}
