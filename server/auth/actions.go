package auth

// Action says what a permission covers: the first words of SQL statements, and
// calls of the HTTP API as "METHOD /path" with {name} for a variable part.
type Action struct {
	Permission Permission
	// Privilege on the relations concerned does instead of the permission.
	Privilege Privilege
	What      string
	SQL       []string
	HTTP      []string
}

// Actions is the whole table; documentation and tests read it. Statements that
// need no permission (BEGIN, SET, and the like) and calls that anybody may make
// are not in it.
var Actions = []Action{
	{Permission: Read, Privilege: Select, What: "read relations",
		SQL:  []string{"SELECT", "VALUES", "TABLE", "COPY TO", "DECLARE"},
		HTTP: []string{"POST /api/v1/sql"}},
	{Permission: Read, What: "see what there is and how it runs",
		SQL:  []string{"SHOW JOBS", "SHOW TABLES", "SHOW CREATE", "DESCRIBE", "SHOW STATE SAVEPOINTS", "EXPLAIN"},
		HTTP: []string{"GET /api/v1/jobs", "GET /api/v1/jobs/{job}", "GET /api/v1/admin/status", "GET /api/v1/admin/savepoints", "GET /metrics"}},
	{Permission: Write, Privilege: Insert, What: "add rows to a table", SQL: []string{"INSERT"}},
	{Permission: Write, Privilege: Update, What: "change rows of a table", SQL: []string{"UPDATE"}},
	{Permission: Write, Privilege: DeleteRows, What: "remove rows of a table", SQL: []string{"DELETE"}},
	{Permission: Execute, What: "make relations, jobs and savepoints",
		SQL: []string{"CREATE SOURCE", "CREATE TABLE", "CREATE VIEW", "CREATE MATERIALIZED VIEW", "CREATE SINK",
			"CREATE STATE SAVEPOINT", "FLUSH"},
		HTTP: []string{"POST /api/v1/jobs", "POST /api/v1/admin/savepoint"}},
	{Permission: Delete, What: "remove relations and savepoints",
		SQL:  []string{"DROP SOURCE", "DROP TABLE", "DROP VIEW", "DROP MATERIALIZED VIEW", "DROP SINK", "DROP STATE SAVEPOINT"},
		HTTP: []string{"DELETE /api/v1/admin/savepoints/{id}"}},
	{Permission: Cancel, What: "cancel a job, or another session's query",
		SQL:  []string{"SELECT pg_cancel_backend()", "SELECT pg_terminate_backend()"},
		HTTP: []string{"DELETE /api/v1/jobs/{job}", "POST /api/v1/jobs/{job}/cancel"}},
	{Permission: Manage, What: "pause, resume, checkpoint, alter, look inside",
		SQL: []string{"ALTER MATERIALIZED VIEW", "ALTER SINK", "ALTER SYSTEM ROTATE ENCRYPTION KEY", "SHOW ENCRYPTION KEYS",
			"PAUSE JOBS", "RESUME JOBS", "CHECKPOINT", "COMMENT"},
		HTTP: []string{"POST /api/v1/jobs/{job}/pause", "POST /api/v1/jobs/{job}/resume", "POST /api/v1/admin/pause",
			"POST /api/v1/admin/resume", "POST /api/v1/admin/checkpoint", "GET /api/v1/admin/config", "GET /api/v1/admin/support-bundle",
			"GET /api/v1/admin/encryption/keys", "POST /api/v1/admin/encryption/rotate"}},
	{Permission: Admin, What: "users, roles and grants; everything else too",
		SQL: []string{"CREATE USER", "CREATE ROLE", "ALTER USER", "ALTER ROLE", "DROP USER", "DROP ROLE", "GRANT", "REVOKE"},
		HTTP: []string{"POST /api/v1/auth/register", "GET /api/v1/auth/users", "POST /api/v1/auth/users", "GET /api/v1/auth/users/{name}",
			"PATCH /api/v1/auth/users/{name}", "DELETE /api/v1/auth/users/{name}", "POST /api/v1/admin/reload"}},
}
