package ast

// Statement is one parsed statement. Text is its source, positions count from
// the start of the text given to the parser.
type Statement interface{ Position() int }

// ObjectName is [[catalog.]schema.]name of a relation.
type ObjectName struct {
	Pos
	Catalog, Schema, Name string
}

type (
	// SelectStmt is a query as a statement.
	SelectStmt struct {
		Pos
		Query *Query
	}
	// CreateSource is CREATE SOURCE … WITH (…) FORMAT … ENCODE ….
	CreateSource struct {
		Pos
		Name        ObjectName
		IfNotExists bool
		Columns     []ColumnDef
		Watermarks  []Watermark
		Includes    []Include
		Options     []Option
		Format      string // "plain"
		Encode      string // "json"
		EncodeOpts  []Option
		PrimaryKey  []string
	}
	// CreateTable is CREATE TABLE (…) [WITH (…)].
	CreateTable struct {
		Pos
		Name        ObjectName
		IfNotExists bool
		Columns     []ColumnDef
		PrimaryKey  []string
		PKPos       Pos
		Watermarks  []Watermark
		Options     []Option
	}
	// CreateView is CREATE [OR REPLACE] [MATERIALIZED] VIEW.
	CreateView struct {
		Pos
		Name         ObjectName
		Materialized bool
		OrReplace    bool
		IfNotExists  bool
		Columns      []string
		Options      []Option
		Query        *Query
		QueryText    string // the text of Query as written, for SHOW CREATE
	}
	// CreateSink is CREATE SINK name FROM rel | AS query WITH (…).
	CreateSink struct {
		Pos
		Name        ObjectName
		IfNotExists bool
		From        *ObjectName
		Query       *Query
		QueryText   string
		Options     []Option
	}
	// Drop is DROP kind name, … [CASCADE].
	Drop struct {
		Pos
		Kind     ObjectKind
		Names    []ObjectName
		IfExists bool
		Cascade  bool
	}
	// Show is SHOW what [FROM/LIKE …]: see ShowKind.
	Show struct {
		Pos
		Kind ShowKind
		Name string     // ShowParameter: the parameter
		Obj  ObjectName // ShowCreate, Describe; of a list Obj.Schema is FROM schema
		Of   ObjectKind // ShowCreate
		Like string
	}
	// Set is SET [SESSION|LOCAL] name {=|TO} value, …; Default for RESET and
	// TO DEFAULT; SET TIME ZONE arrives as "timezone"; RESET ALL as Name "all".
	Set struct {
		Pos
		Local   bool
		Name    string
		Values  []string
		Default bool
	}
	// SetTransaction is SET TRANSACTION/SET SESSION CHARACTERISTICS.
	SetTransaction struct {
		Pos
		Session bool
		Modes   TxModes
	}
	// Transaction is BEGIN, START TRANSACTION, COMMIT, END, ROLLBACK, ABORT.
	Transaction struct {
		Pos
		Kind  TxKind
		Modes TxModes
		Name  string // savepoint name
		Chain bool
	}
	// Insert is INSERT INTO t [(cols)] query|VALUES [ON CONFLICT …] [RETURNING …].
	Insert struct {
		Pos
		Table     ObjectName
		Alias     string
		Columns   []string
		ColPos    []Pos
		Query     *Query // nil with DefaultValues; a cell DEFAULT is Func{Name: "default", SQLForm}
		Default   bool
		Conflict  *OnConflict
		Returning []SelectItem
	}
	// OnConflict is ON CONFLICT [(cols)] DO NOTHING | DO UPDATE SET … [WHERE …].
	OnConflict struct {
		Pos
		Columns []string
		Nothing bool
		Set     []Assignment
		Where   Expr
	}
	// Update is UPDATE t SET … [FROM …] [WHERE …] [RETURNING …].
	Update struct {
		Pos
		Table     ObjectName
		Alias     string
		Set       []Assignment
		From      []TableExpr
		Where     Expr
		Returning []SelectItem
	}
	// Assignment is column = expression.
	Assignment struct {
		Pos
		Column string
		X      Expr
	}
	// Delete is DELETE FROM t [USING …] [WHERE …] [RETURNING …].
	Delete struct {
		Pos
		Table     ObjectName
		Alias     string
		Using     []TableExpr
		Where     Expr
		Returning []SelectItem
	}
	// Explain is EXPLAIN [(options)] statement.
	Explain struct {
		Pos
		Options []Option
		Stmt    Statement
	}
	// AlterJob is ALTER MATERIALIZED VIEW | SINK name PAUSE | RESUME.
	AlterJob struct {
		Pos
		Kind     ObjectKind
		Name     ObjectName
		IfExists bool
		Pause    bool
	}
	// PauseJobs is PAUSE JOBS and RESUME JOBS.
	PauseJobs struct {
		Pos
		Resume bool
	}
	// RotateKey is ALTER SYSTEM ROTATE ENCRYPTION KEY.
	RotateKey struct{ Pos }
	// StateSavepoint is CREATE STATE SAVEPOINT [name] and DROP STATE SAVEPOINT id.
	// It has nothing to do with a transaction's SAVEPOINT.
	StateSavepoint struct {
		Pos
		Drop bool
		Name string // the name to give, or the id to drop
	}
	// Checkpoint is CHECKPOINT.
	Checkpoint struct{ Pos }
	// Flush is FLUSH.
	Flush struct{ Pos }
	// Copy is COPY t|(query) TO STDOUT / FROM STDIN.
	Copy struct {
		Pos
		Table   ObjectName
		Columns []string
		Query   *Query
		From    bool
		Target  string // "stdout", "stdin", or with Server a file name or program
		Server  bool
		Options []Option
	}
	// Declare is DECLARE name [options] CURSOR [WITH HOLD] FOR query.
	Declare struct {
		Pos
		Name                             string
		Binary, Scroll, NoScroll, Insens bool
		Hold                             bool
		Query                            *Query
	}
	// Fetch is FETCH/MOVE direction FROM name.
	Fetch struct {
		Pos
		Move      bool
		Name      string
		Direction string // "next","prior","first","last","absolute","relative","forward","backward"
		Count     int64
		All       bool
	}
	// CloseCursor is CLOSE name|ALL.
	CloseCursor struct {
		Pos
		Name string
		All  bool
	}
	// Prepare, Execute, Deallocate are the SQL-level prepared statements.
	Prepare struct {
		Pos
		Name  string
		Types []TypeName
		Stmt  Statement
		Text  string
	}
	Execute struct {
		Pos
		Name string
		Args []Expr
	}
	Deallocate struct {
		Pos
		Name string
		All  bool
	}
	// Discard is DISCARD ALL|PLANS|TEMP|SEQUENCES.
	Discard struct {
		Pos
		What string
	}
	// Comment is COMMENT ON kind name IS text.
	Comment struct {
		Pos
		Kind   ObjectKind
		Obj    ObjectName
		Column string
		Text   *string
	}
)

// ColumnDef is name type [NOT NULL] [PRIMARY KEY] [DEFAULT x].
type ColumnDef struct {
	Pos
	Name       string
	Type       TypeName
	NotNull    bool
	PrimaryKey bool
	Default    Expr
	// Generated is AS (expression): computed from the other columns.
	Generated Expr
}

// Watermark is WATERMARK FOR column AS expression.
type Watermark struct {
	Pos
	Column string
	X      Expr
	Text   string // X as written
}

// Include is INCLUDE key|partition|offset|timestamp|header ['h'] [AS name].
type Include struct {
	Pos
	What, Header, As string
}

// Option is one name = value; values keep what was written, unquoted.
type Option struct {
	Pos
	Name  string
	Value string
}

// ObjectKind is a kind of catalog object.
type ObjectKind uint8

const (
	KindTable ObjectKind = iota
	KindSource
	KindView
	KindMaterializedView
	KindSink
	KindIndex
	KindSchema
	KindColumn
)

// ShowKind is what SHOW shows.
type ShowKind uint8

const (
	ShowParameter ShowKind = iota
	ShowAll
	ShowSources
	ShowTables
	ShowViews
	ShowMaterializedViews
	ShowSinks
	ShowJobs
	ShowEncryptionKeys
	ShowStateSavepoints
	ShowCreate
	Describe
)

// TxKind is the kind of a Transaction statement.
type TxKind uint8

const (
	Begin TxKind = iota
	Commit
	Rollback
	Savepoint
	ReleaseSavepoint
	RollbackTo
)

// TxModes are transaction modes; nil: not given.
type TxModes struct {
	Isolation  string
	ReadOnly   *bool
	Deferrable *bool
}
