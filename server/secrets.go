package server

import (
	"maps"

	"github.com/heliosdb/heliosdb-streaming/connectors/kafka"
	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/redact"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// Secrets in WITH (…) are kept in Relation.Options alone, which nothing shows
// without pgcatalog.ShownOptions; Relation.Definition, which is shown all over,
// never has them. The log and the epochs that hold the options are encrypted as
// all state is, with [state] encryption_enabled.

// keptDefinition is a statement with options as it is kept: without secrets.
func keptDefinition(env *ddlEnv, opts []ast.Option) string {
	text := definition(env)
	for _, o := range opts {
		if redact.Name(o.Name) || redact.Value(o.Value) {
			return auth.RedactSQL(text)
		}
	}
	return text
}

// renewSecrets is what applying a startup file again does when nothing but the
// secrets of a source are other ones: they take the place of the old, also for
// jobs that run. nil: there is nothing to change.
func (s *Server) renewSecrets(env *ddlEnv, c *change, st *ast.CreateSource) (*catalog.Relation, error) {
	if !env.IdempotentFile {
		return nil, nil
	}
	schema, err := targetSchema(c.cat, st.Name)
	if err != nil {
		return nil, err
	}
	r := c.cat.Lookup(schema, st.Name.Name, nil)
	options, err := optionMap(st.Options)
	if err != nil || r == nil || r.Kind != catalog.Source || maps.Equal(r.Options, options) {
		return nil, err
	}
	next := *r
	next.Options = options
	spec, err := s.newSpec(&next)
	if err != nil {
		return nil, err
	}
	spec.Close()
	c.cat.add(&next)
	c.rec.Replace = append(c.rec.Replace, &next)
	env.Notice(notice("source %q has new secrets", r.Name))
	return &next, nil
}

// kafkaOptions are a source's options over the [kafka] section.
func (s *Server) kafkaOptions(r *catalog.Relation, k *config.Kafka) (kafka.Options, error) {
	o, _, err := kafka.ParseOptions(r.Options, kafka.Options{
		Brokers: k.Brokers(), GroupID: k.GroupID,
		Startup: kafka.StartupMode(k.AutoOffsetReset), FetchMinBytes: k.FetchMinBytes, FetchMaxBytes: min(k.FetchMaxBytes, s.bufferBytes()),
		FetchMaxPartitionBytes: k.FetchMaxPartitionBytes, FetchMaxWait: k.FetchMaxWait,
		BufferBytes: s.bufferBytes(), Security: kafka.FromConfig(k), Logger: s.logger("kafka"),
	})
	return o, err
}

// renewAccess gives connected sources the user, password, token and files that
// their options and [kafka] name now.
func (s *Server) renewAccess(cfg *config.Config) error {
	s.specsMu.Lock()
	defer s.specsMu.Unlock()
	for oid, spec := range s.specs {
		r := s.catalog().ByOID(oid)
		k, ok := spec.(*kafka.Spec)
		if r == nil || !ok {
			continue
		}
		o, err := s.kafkaOptions(r, &cfg.Kafka)
		if err != nil {
			return err
		}
		if k.SetSecurity(o.Security) {
			s.logger("kafka").Info("source has new credentials", "source", r.Name)
		}
	}
	return nil
}
