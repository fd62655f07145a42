package pgwire

import (
	"sort"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// PreparedStatement is a statement kept under a name.
type PreparedStatement struct {
	Name     string
	Query    string // the string it came in, for error positions and pg_prepared_statements
	Stmt     Statement
	Plan     Prepared // nil: an empty query
	Params   []uint32 // parameter OIDs as described to the client
	Prepared time.Time
	FromSQL  bool // by PREPARE, not by the protocol
}

// Statements holds the prepared statements of one connection: named ones up to
// a limit, and the protocol's unnamed one under "". Not safe for use by
// several goroutines.
type Statements struct {
	m                  map[string]*PreparedStatement
	maxCount, maxBytes int
	bytes              int
	mem                *budget
}

// NewStatements makes an empty registry of at most count named statements
// whose query texts and names add up to at most bytes.
func NewStatements(count, bytes int) *Statements {
	return &Statements{m: map[string]*PreparedStatement{}, maxCount: count, maxBytes: bytes}
}

// Get finds a statement by name.
func (s *Statements) Get(name string) (*PreparedStatement, error) {
	if p, ok := s.m[name]; ok {
		return p, nil
	}
	if name == "" {
		return nil, pgerr.New(pgerr.InvalidSQLStatementName, "unnamed prepared statement does not exist")
	}
	return nil, pgerr.New(pgerr.InvalidSQLStatementName, "prepared statement \"%s\" does not exist", name)
}

// Put stores p. A name in use is 42P05, except "", which is replaced; past a
// limit it is 54000, past what all clients may take 53200.
func (s *Statements) Put(p *PreparedStatement) error {
	if err := s.CheckNew(p.Name); err != nil {
		return err
	}
	s.Drop(p.Name)
	if p.Name != "" && s.named() >= s.maxCount {
		return pgerr.New(pgerr.ProgramLimitExceeded, "too many prepared statements").
			WithDetail("A connection keeps at most %d.", s.maxCount).WithHint("Use DEALLOCATE.")
	}
	if s.bytes+p.size() > s.maxBytes {
		return pgerr.New(pgerr.ProgramLimitExceeded, "prepared statements take too much memory").
			WithDetail("The texts of a connection's prepared statements add up to at most %d bytes.", s.maxBytes).
			WithHint("Use DEALLOCATE.")
	}
	if err := s.mem.take(p.size()); err != nil {
		return err
	}
	s.bytes += p.size()
	s.m[p.Name] = p
	return nil
}

// CheckNew reports 42P05 when name is taken; "" never is.
func (s *Statements) CheckNew(name string) error {
	if _, ok := s.m[name]; ok && name != "" {
		return pgerr.New(pgerr.DuplicatePreparedStatement, "prepared statement \"%s\" already exists", name)
	}
	return nil
}

// Drop forgets name and reports whether it was there.
func (s *Statements) Drop(name string) bool {
	p, ok := s.m[name]
	if ok {
		s.bytes -= p.size()
		s.mem.give(p.size())
		delete(s.m, name)
	}
	return ok
}

// DropAll forgets every statement (DEALLOCATE ALL, DISCARD ALL).
func (s *Statements) DropAll() {
	clear(s.m)
	s.mem.give(s.bytes)
	s.bytes = 0
}

// All are the named statements, by name.
func (s *Statements) All() []*PreparedStatement {
	all := make([]*PreparedStatement, 0, len(s.m))
	for name, p := range s.m {
		if name != "" {
			all = append(all, p)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

func (s *Statements) named() int {
	if _, ok := s.m[""]; ok {
		return len(s.m) - 1
	}
	return len(s.m)
}

func (p *PreparedStatement) size() int { return len(p.Query) + len(p.Name) }
