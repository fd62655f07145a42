package api

import "net/http"

func (a *API) register(w http.ResponseWriter, r *request) error {
	var u NewUser
	if err := decode(r, &u, false); err != nil {
		return err
	}
	if err := required("username", u.Username, "password", u.Password); err != nil {
		return err
	}
	made, err := a.b.Register(r.Context(), r.id, u, r.RemoteAddr)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, made)
}

// required sees that members of a body are there: name, value, name, value …
func required(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			return problem(BadRequest, pairs[i]+" is missing")
		}
	}
	return nil
}

func (a *API) login(w http.ResponseWriter, r *request) error {
	var c struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := decode(r, &c, false); err != nil {
		return err
	}
	if err := required("username", c.Username, "password", c.Password); err != nil {
		return err
	}
	t, err := a.b.Login(r.Context(), c.Username, c.Password, r.RemoteAddr)
	if err != nil {
		return err
	}
	r.id = &Identity{Name: c.Username} // for the audit log
	return answer(w, http.StatusOK, t)
}

func (a *API) refresh(w http.ResponseWriter, r *request) error {
	t, err := a.b.Refresh(r.Context(), r.id)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, t)
}

func (a *API) logout(w http.ResponseWriter, r *request) error {
	if err := a.b.Logout(r.Context(), r.id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) me(w http.ResponseWriter, r *request) error {
	u := User{Username: r.id.Name, Roles: r.id.Roles, Enabled: true}
	for _, p := range r.id.Permissions {
		u.Permissions = append(u.Permissions, string(p))
	}
	if u.Roles == nil {
		u.Roles = []string{}
	}
	return answer(w, http.StatusOK, u)
}

func (a *API) listUsers(w http.ResponseWriter, r *request) error {
	users, err := a.b.Users(r.Context())
	if err != nil {
		return err
	}
	if users == nil {
		users = []User{}
	}
	return answer(w, http.StatusOK, map[string]any{"total": len(users), "users": users})
}

func (a *API) createUser(w http.ResponseWriter, r *request) error {
	var u NewUser
	if err := decode(r, &u, false); err != nil {
		return err
	}
	if u.SetupToken != "" {
		return problem(BadRequest, "setup_token belongs to "+basePath+"/auth/register")
	}
	if err := required("username", u.Username, "password", u.Password); err != nil {
		return err
	}
	made, err := a.b.Register(r.Context(), r.id, u, r.RemoteAddr)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, made)
}

func (a *API) getUser(w http.ResponseWriter, r *request) error {
	u, err := a.b.User(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, u)
}

func (a *API) updateUser(w http.ResponseWriter, r *request) error {
	var p UserPatch
	if err := decode(r, &p, false); err != nil {
		return err
	}
	if p.Enabled == nil && p.Roles == nil && p.Password == nil {
		return problem(BadRequest, "nothing to change: give enabled, roles or password")
	}
	u, err := a.b.UpdateUser(r.Context(), r.id, r.PathValue("name"), p)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, u)
}

func (a *API) deleteUser(w http.ResponseWriter, r *request) error {
	if err := a.b.DeleteUser(r.Context(), r.id, r.PathValue("name")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
