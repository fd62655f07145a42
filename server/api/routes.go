package api

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// basePath is where the API begins.
const basePath = "/api/v1"

// Permission is what a user may do; the roles of package auth give them.
type Permission string

// The permissions, and two words for routes that need none of them.
const (
	Read    Permission = "Read"
	Write   Permission = "Write"
	Execute Permission = "Execute"
	Delete  Permission = "Delete"
	Admin   Permission = "Admin"
	Cancel  Permission = "Cancel"
	Manage  Permission = "Manage"

	Public        Permission = "public"        // no token is needed
	Authenticated Permission = "authenticated" // any user; the handler or the session decides
)

// Permissions lists all permissions, for an Admin.
var Permissions = []Permission{Read, Write, Execute, Delete, Admin, Cancel, Manage}

// route is one operation.
type route struct {
	Method  string
	Path    string // below basePath
	Op      string // operationId in openapi.yaml, label of metrics, action in the audit log
	Allow   Permission
	Class   class
	Timeout time.Duration
	Audited bool // kept in the audit log; refusals are in any case. Package auth keeps what it does itself
	handle  func(a *API, w http.ResponseWriter, r *request) error
}

// runsSQL reports whether the client sends SQL there.
func (rt *route) runsSQL() bool { return rt.Op == "sql" || rt.Op == "createJob" }

// Time that requests may take.
const (
	quick    = 30 * time.Second
	creation = 90 * time.Second // a job is created, after a look at its topic
	lengthy  = 15 * time.Minute // a savepoint is written
)

// routes is everything that is served.
var routes = []route{
	{"GET", "/openapi.json", "openapi", Public, classDefault, quick, false, (*API).openapi},

	{"POST", "/auth/register", "register", Public, classPassword, quick, false, (*API).register},
	{"POST", "/auth/login", "login", Public, classPassword, quick, false, (*API).login},
	{"POST", "/auth/refresh", "refresh", Authenticated, classDefault, quick, false, (*API).refresh},
	{"POST", "/auth/logout", "logout", Authenticated, classDefault, quick, false, (*API).logout},
	{"GET", "/auth/me", "me", Authenticated, classDefault, quick, false, (*API).me},
	{"GET", "/auth/users", "listUsers", Admin, classDefault, quick, true, (*API).listUsers},
	{"POST", "/auth/users", "createUser", Admin, classPassword, quick, false, (*API).createUser},
	{"GET", "/auth/users/{name}", "getUser", Admin, classDefault, quick, true, (*API).getUser},
	{"PATCH", "/auth/users/{name}", "updateUser", Admin, classPassword, quick, false, (*API).updateUser},
	{"DELETE", "/auth/users/{name}", "deleteUser", Admin, classDefault, quick, false, (*API).deleteUser},

	{"GET", "/jobs", "listJobs", Read, classDefault, quick, false, (*API).listJobs},
	{"POST", "/jobs", "createJob", Execute, classCreate, creation, true, (*API).createJob},
	{"GET", "/jobs/{job}", "getJob", Read, classDefault, quick, false, (*API).getJob},
	{"DELETE", "/jobs/{job}", "deleteJob", Cancel, classCreate, creation, true, (*API).cancelJob},
	{"POST", "/jobs/{job}/cancel", "cancelJob", Cancel, classCreate, creation, true, (*API).cancelJob},
	{"POST", "/jobs/{job}/pause", "pauseJob", Manage, classCreate, creation, true, (*API).pauseJob},
	{"POST", "/jobs/{job}/resume", "resumeJob", Manage, classCreate, creation, true, (*API).resumeJob},

	{"POST", "/admin/pause", "pause", Manage, classCreate, creation, true, (*API).pause},
	{"POST", "/admin/resume", "resume", Manage, classCreate, creation, true, (*API).resume},
	{"GET", "/admin/status", "status", Read, classDefault, quick, false, (*API).status},
	{"POST", "/admin/savepoint", "createSavepoint", Execute, classLengthy, lengthy, true, (*API).createSavepoint},
	{"GET", "/admin/savepoints", "listSavepoints", Read, classDefault, quick, false, (*API).listSavepoints},
	{"DELETE", "/admin/savepoints/{id}", "deleteSavepoint", Delete, classLengthy, lengthy, true, (*API).deleteSavepoint},
	{"POST", "/admin/checkpoint", "checkpoint", Manage, classLengthy, lengthy, true, (*API).checkpoint},
	{"GET", "/admin/encryption/keys", "encryptionKeys", Manage, classDefault, quick, true, (*API).encryptionKeys},
	{"POST", "/admin/encryption/rotate", "rotateEncryptionKey", Manage, classCreate, creation, true, (*API).rotateEncryptionKey},
	{"GET", "/admin/config", "config", Manage, classDefault, quick, true, (*API).config},
	{"GET", "/admin/support-bundle", "supportBundle", Manage, classLengthy, creation, true, (*API).supportBundle},
	{"POST", "/admin/reload", "reload", Admin, classDefault, quick, true, (*API).reload},

	{"POST", "/sql", "sql", Authenticated, classSQL, 0, false, (*API).sql},
}

// Route is an operation as others list it.
type Route struct {
	Call       string // "METHOD /path"
	Operation  string // operationId
	Permission Permission
}

// Routes lists everything that is served.
func Routes() []Route {
	out := make([]Route, len(routes))
	for i, rt := range routes {
		out[i] = Route{Call: rt.Method + " " + basePath + rt.Path, Operation: rt.Op, Permission: rt.Allow}
	}
	return out
}

// methodsOf lists the methods of a path, for 405's Allow.
func methodsOf(path string) string {
	var ms []string
	for _, rt := range routes {
		if rt.Path != path {
			continue
		}
		ms = append(ms, rt.Method)
		if rt.Method == http.MethodGet {
			ms = append(ms, http.MethodHead)
		}
	}
	slices.Sort(ms)
	return strings.Join(ms, ", ")
}
