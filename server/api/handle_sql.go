package api

import (
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Bounds of POST /sql.
const (
	maxParams      = 65535 // as the PostgreSQL protocol's
	maxTimeoutSecs = 86400
	// holdBytes is how much of an answer is held back, so that an error that
	// comes early still decides the status.
	holdBytes = 64 << 10
	// writeTimeout is how long a client may take to read what is sent at once.
	writeTimeout = 30 * time.Second
)

// Media types of results.
const (
	mediaJSON   = "application/json"
	mediaNDJSON = "application/x-ndjson"
)

// statement is the body of POST /sql.
type statement struct {
	SQL     string            `json:"sql"`
	Params  []json.RawMessage `json:"params"`
	Timeout float64           `json:"timeout_secs"`
	MaxRows Whole             `json:"max_rows"`
	Format  string            `json:"format"`
}

func (s *statement) check() error {
	switch {
	case strings.TrimSpace(s.SQL) == "":
		return problem(BadRequest, "sql is missing")
	case len(s.Params) > maxParams:
		return problem(BadRequest, "params has more than "+strconv.Itoa(maxParams)+" values")
	case s.Timeout < 0 || s.Timeout > maxTimeoutSecs:
		return problem(BadRequest, "timeout_secs is not between 0 and "+strconv.Itoa(maxTimeoutSecs))
	case s.MaxRows < 0:
		return problem(BadRequest, "max_rows is negative")
	case s.Format != "" && s.Format != "json" && s.Format != "ndjson":
		return problem(BadRequest, "format "+quoted(s.Format)+" is neither json nor ndjson")
	}
	return nil
}

// media is the media type of the answer: format's, else what Accept prefers.
func (s *statement) media(r *request) (string, error) {
	switch s.Format {
	case "json":
		return mediaJSON, nil
	case "ndjson":
		return mediaNDJSON, nil
	}
	accept := r.Header.Get("Accept")
	if accept == "" {
		return mediaJSON, nil
	}
	best, most := "", 0.0
	for part := range strings.SplitSeq(accept, ",") {
		m, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		switch m {
		case mediaNDJSON:
		case mediaJSON, "*/*", "application/*":
			m = mediaJSON
		default:
			continue
		}
		if q := quality(params); q > most { // of equal ones the first
			best, most = m, q
		}
	}
	if best == "" {
		return "", problem(NotAcceptable, "rows are given as "+mediaJSON+" or "+mediaNDJSON)
	}
	return best, nil
}

// quality is how much a client wants a media type of Accept (RFC 9110, 12.4.2):
// 0 is not at all.
func quality(params map[string]string) float64 {
	text, ok := params["q"]
	if !ok {
		return 1
	}
	q, err := strconv.ParseFloat(text, 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 1
	}
	return q
}

func (a *API) sql(w http.ResponseWriter, r *request) error {
	var st statement
	if err := decode(r, &st, false); err != nil {
		return err
	}
	if err := st.check(); err != nil {
		return err
	}
	media, err := st.media(r)
	if err != nil {
		return err
	}
	rows, err := a.b.Query(r.Context(), r.id, Query{
		SQL: st.SQL, Params: st.Params, Remote: r.RemoteAddr,
		Timeout: time.Duration(st.Timeout * float64(time.Second)),
	})
	if err != nil {
		return problemOf(r.Context(), err, st.SQL)
	}
	defer rows.Close()
	out := &resultWriter{w: w, ctl: http.NewResponseController(w), lines: media == mediaNDJSON, media: media}
	out.begin(rows.Columns())
	if err := out.rows(r, rows, int64(st.MaxRows)); err != nil {
		p := problemOf(r.Context(), err, st.SQL)
		if !out.started {
			return p
		}
		// The rows that were sent are not all: the answer says so, and the
		// connection ends before the end of the body for who does not look.
		out.fail(p.body(r.URL.Path))
		panic(http.ErrAbortHandler)
	}
	return out.end(rows)
}

// resultWriter writes a result as it comes. As application/json it is
//
//	{"columns":[…],"rows":[[…],…],"row_count":n,"truncated":false,"command":"SELECT n","notices":[…]}
//
// and as x-ndjson an object with the columns, an array a row, and an object
// with what follows the rows. An error after rows were sent is "error" in place
// of the counts.
type resultWriter struct {
	w       http.ResponseWriter
	ctl     *http.ResponseController
	media   string
	lines   bool
	buf     []byte
	started bool
	n       int64
	cut     bool // there were more rows
}

type columnBody struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

func (o *resultWriter) begin(cols []Column) {
	list := make([]columnBody, len(cols))
	for i, c := range cols {
		list[i] = columnBody{c.Name, c.Type.String()}
	}
	b, _ := json.Marshal(list) // texts always can
	o.buf = append(append(o.buf, `{"columns":`...), b...)
	if o.lines {
		o.buf = append(o.buf, "}\n"...)
	} else {
		o.buf = append(o.buf, `,"rows":[`...)
	}
}

// rows writes rows to the end, or most of them; 0: all.
func (o *resultWriter) rows(r *request, rows Rows, most int64) error {
	for {
		b, err := rows.Next(r.Context())
		if err != nil || b == nil {
			return err
		}
		for i := range b.N {
			for range b.Weight(i) {
				if most > 0 && o.n == most {
					o.cut = true
					return rows.Stop(r.Context())
				}
				if o.n > 0 && !o.lines {
					o.buf = append(o.buf, ',')
				}
				o.n++
				o.buf = appendRow(o.buf, b, i, rows.Text())
				if o.lines {
					o.buf = append(o.buf, '\n')
				}
				if len(o.buf) >= holdBytes {
					if err := o.flush(); err != nil {
						return err
					}
				}
			}
		}
	}
}

func (o *resultWriter) flush() error {
	if !o.started {
		o.started = true
		o.w.Header().Set("Content-Type", o.media)
		o.w.WriteHeader(http.StatusOK)
	}
	// Where the connection has no deadlines (a test), there is nothing to set.
	_ = o.ctl.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := o.w.Write(o.buf)
	o.buf = o.buf[:0]
	return err
}

type resultEnd struct {
	Rows      int64        `json:"row_count"`
	Truncated bool         `json:"truncated"`
	Command   string       `json:"command"`
	Notices   []noticeBody `json:"notices"`
}

type noticeBody struct {
	Severity string `json:"severity"`
	SQLState string `json:"sqlstate"`
	Message  string `json:"message"`
	Detail   string `json:"detail,omitempty"`
	Hint     string `json:"hint,omitempty"`
}

func (o *resultWriter) end(rows Rows) error {
	e := resultEnd{Rows: o.n, Truncated: o.cut, Command: rows.Command(o.n), Notices: []noticeBody{}}
	for _, n := range rows.Notices() {
		e.Notices = append(e.Notices, noticeOf(n))
	}
	o.last(e)
	if err := o.flush(); err != nil {
		panic(http.ErrAbortHandler) // the client has gone, or reads too slowly
	}
	return nil
}

func noticeOf(n *pgerr.Error) noticeBody {
	severity := n.Severity
	if severity == "" {
		severity = "NOTICE"
	}
	return noticeBody{severity, n.Code, n.Message, n.Detail, n.Hint}
}

func (o *resultWriter) fail(p problemBody) {
	o.last(map[string]problemBody{"error": p})
	if o.flush() == nil {
		_ = o.ctl.Flush() // the connection ends next
	}
}

// last appends the members of v as what follows the rows.
func (o *resultWriter) last(v any) {
	b, _ := json.Marshal(v) // texts and numbers always can
	if o.lines {
		o.buf = append(append(o.buf, b...), '\n')
		return
	}
	o.buf = append(append(append(o.buf, "],"...), b[1:]...), '\n')
}
