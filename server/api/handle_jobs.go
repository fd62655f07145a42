package api

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Pages of GET /jobs.
const (
	defaultPage = 100
	maxPage     = 1000
)

// Lengths of what a job is made of.
const (
	maxNameBytes = 63 // as PostgreSQL's identifiers
	maxColumns   = 1600
)

func (a *API) createJob(w http.ResponseWriter, r *request) error {
	var j NewJob
	if err := decode(r, &j, false); err != nil {
		return err
	}
	if err := j.check(); err != nil {
		return err
	}
	made, err := a.b.CreateJob(r.Context(), r.id, j)
	if err != nil {
		p := problemOf(r.Context(), err, j.SQL)
		if p.Kind == Conflict && p.ID == "" {
			p.ID = a.idOf(r, j.Name)
		}
		return p
	}
	w.Header().Set("Location", basePath+"/jobs/"+url.PathEscape(made.Name))
	return answer(w, http.StatusCreated, made)
}

// idOf is the id of the job of a name; "" without one.
func (a *API) idOf(r *request, name string) string {
	if d, err := a.b.Job(r.Context(), r.id, name); err == nil && d.Name == name {
		return d.ID
	}
	return ""
}

// check refuses a body that describes no job.
func (j *NewJob) check() error {
	switch {
	case len(j.Name) > maxNameBytes:
		return problem(BadRequest, fmt.Sprintf("name is longer than %d bytes", maxNameBytes))
	case strings.ContainsRune(j.Name, 0) || !utf8.ValidString(j.Name):
		return problem(BadRequest, "name holds characters that a name cannot have")
	case j.Name != "" && strings.Trim(j.Name, "0123456789") == "":
		return problem(BadRequest, "name is a number, which calls on a job would take for the id of another one")
	case j.SQL != "" && (j.Source != "" || j.Config != nil):
		return problem(BadRequest, "give sql, or source and config, not both")
	case j.SQL != "":
		return nil
	case j.Name == "":
		return problem(BadRequest, "name is missing")
	case j.Source == "" && j.Config == nil:
		return &Problem{Kind: BadRequest, Detail: "source is missing",
			Hint: `A job is {"name","source":"kafka","config":{"topic"}} or {"name","sql"}.`}
	case j.Source != "kafka":
		return problem(BadRequest, "source "+quoted(j.Source)+" is not kafka")
	case j.Config == nil:
		return problem(BadRequest, "config is missing")
	}
	return j.Config.check()
}

func (c *JobConfig) check() error {
	switch {
	case c.Topic == "":
		return problem(BadRequest, "config.topic is missing")
	case c.Parallelism < 0:
		return problem(BadRequest, "config.parallelism is negative")
	case c.Format != "" && c.Format != "json":
		return problem(BadRequest, "config.format "+quoted(c.Format)+" is not json")
	case c.Start != "" && c.Start != "earliest" && c.Start != "latest":
		return problem(BadRequest, "config.start "+quoted(c.Start)+" is neither earliest nor latest")
	case len(c.Columns) > maxColumns:
		return problem(BadRequest, fmt.Sprintf("config.columns has more than %d columns", maxColumns))
	}
	for _, col := range c.Columns {
		switch {
		case col.Name == "" || len(col.Name) > maxNameBytes || strings.ContainsRune(col.Name, 0):
			return problem(BadRequest, fmt.Sprintf("config.columns: %s is no name of 1 to %d bytes", quoted(col.Name), maxNameBytes))
		case strings.TrimSpace(col.Type) == "":
			return problem(BadRequest, "config.columns: "+quoted(col.Name)+" has no type")
		}
	}
	if c.Columns == nil {
		return nil // to be inferred
	}
	return c.CheckEventTime()
}

// CheckEventTime sees that event_time is one of the columns.
func (c *JobConfig) CheckEventTime() error {
	named := func(col JobColumn) bool { return col.Name == c.EventTime }
	if c.EventTime != "" && !slices.ContainsFunc(c.Columns, named) {
		return problem(BadRequest, "config.event_time "+quoted(c.EventTime)+" is none of the columns")
	}
	return nil
}

// Columns are a job's columns in the order in which they were written: a JSON
// object of names and types.
type Columns []JobColumn

// UnmarshalJSON implements json.Unmarshaler.
func (c *Columns) UnmarshalJSON(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return problem(BadRequest, `config.columns is no object of the form {"NAME":"TYPE"}`)
	}
	*c = Columns{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		val, err := dec.Token()
		if err != nil {
			return err
		}
		name, t := key.(string), ""
		if t, _ = val.(string); t == "" {
			return problem(BadRequest, "config.columns: the type of "+quoted(name)+" is no text")
		}
		for _, have := range *c {
			if have.Name == name {
				return problem(BadRequest, "config.columns: "+quoted(name)+" is there twice")
			}
		}
		*c = append(*c, JobColumn{Name: name, Type: t})
	}
	return nil
}

func (a *API) listJobs(w http.ResponseWriter, r *request) error {
	q, err := parseQuery(r, "status", "name", "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := q.limit()
	if err != nil {
		return err
	}
	after, err := q.cursor()
	if err != nil {
		return err
	}
	all, err := a.b.Jobs(r.Context(), r.id)
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(x, y Job) int { return cmp.Compare(x.Name, y.Name) })
	page := struct {
		Active int    `json:"active_jobs"`
		Total  int    `json:"total"`
		Jobs   []Job  `json:"jobs"`
		Next   string `json:"next,omitempty"`
	}{Jobs: []Job{}}
	for i := range all {
		j := &all[i]
		if j.Active() {
			page.Active++
		}
		if q["status"] != "" && j.Status != q["status"] || !strings.HasPrefix(j.Name, q["name"]) {
			continue
		}
		page.Total++
		switch {
		case j.Name <= after:
		case len(page.Jobs) < limit:
			page.Jobs = append(page.Jobs, *j)
		case page.Next == "":
			page.Next = base64.RawURLEncoding.EncodeToString([]byte(page.Jobs[limit-1].Name))
		}
	}
	return answer(w, http.StatusOK, page)
}

// query is the query string: each parameter at most once.
type query map[string]string

func parseQuery(r *request, allowed ...string) (query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problem(BadRequest, "the query string is malformed")
	}
	q := query{}
	for name, v := range values {
		switch {
		case !slices.Contains(allowed, name):
			return nil, problem(BadRequest, "no parameter "+quoted(name)+"; there are "+strings.Join(allowed, ", "))
		case len(v) > 1:
			return nil, problem(BadRequest, "parameter "+name+" is given more than once")
		}
		q[name] = v[0]
	}
	return q, nil
}

func (q query) limit() (int, error) {
	s, ok := q["limit"]
	if !ok {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxPage {
		return 0, problem(BadRequest, fmt.Sprintf("limit is no number from 1 to %d", maxPage))
	}
	return n, nil
}

func (q query) cursor() (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(q["cursor"])
	if err != nil {
		return "", problem(BadRequest, "cursor is none that a list has given")
	}
	return string(b), nil
}

func (a *API) getJob(w http.ResponseWriter, r *request) error {
	j, err := a.b.Job(r.Context(), r.id, r.PathValue("job"))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, j)
}

func (a *API) pauseJob(w http.ResponseWriter, r *request) error {
	j, err := a.b.PauseJob(r.Context(), r.id, r.PathValue("job"))
	return jobAnswer(w, j, err)
}

func (a *API) resumeJob(w http.ResponseWriter, r *request) error {
	j, err := a.b.ResumeJob(r.Context(), r.id, r.PathValue("job"))
	return jobAnswer(w, j, err)
}

func (a *API) cancelJob(w http.ResponseWriter, r *request) error {
	j, err := a.b.CancelJob(r.Context(), r.id, r.PathValue("job"))
	return jobAnswer(w, j, err)
}

func jobAnswer(w http.ResponseWriter, j Job, err error) error {
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, j)
}
