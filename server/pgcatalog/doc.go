// Package pgcatalog computes the system relations: pg_catalog and
// information_schema as PostgreSQL 15 has them, and schema heliosdb with what
// only a streaming engine has. Their rows are made in Go when they are read,
// from a snapshot of the catalog and from what the server knows of its jobs and
// sessions (Env); queries over them run like queries over any relation.
//
// How the engine's relations appear: tables as 'r' (table), views as 'v',
// materialized views as 'm', sources as 'f' (foreign table, with their
// connector as foreign server and their WITH options as FDW options, secrets
// hidden). A sink holds no rows and is not in pg_class; heliosdb.jobs shows it.
// The derived key of a materialized view appears as a unique index NAME_key.
package pgcatalog
