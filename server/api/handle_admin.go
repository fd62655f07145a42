package api

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

func (a *API) pause(w http.ResponseWriter, r *request) error {
	st, err := a.b.Pause(r.Context(), r.id)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, st)
}

func (a *API) resume(w http.ResponseWriter, r *request) error {
	st, err := a.b.Resume(r.Context(), r.id)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, st)
}

func (a *API) status(w http.ResponseWriter, r *request) error {
	st, err := a.b.Status(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, st)
}

func (a *API) createSavepoint(w http.ResponseWriter, r *request) error {
	var body struct {
		Name string `json:"name"`
	}
	if err := decode(r, &body, true); err != nil {
		return err
	}
	sp, err := a.b.CreateSavepoint(r.Context(), r.id, body.Name)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, sp)
}

func (a *API) listSavepoints(w http.ResponseWriter, r *request) error {
	list, err := a.b.Savepoints(r.Context())
	if err != nil {
		return err
	}
	if list == nil {
		list = []Savepoint{}
	}
	return answer(w, http.StatusOK, map[string]any{"total": len(list), "savepoints": list})
}

func (a *API) deleteSavepoint(w http.ResponseWriter, r *request) error {
	if err := a.b.DropSavepoint(r.Context(), r.id, r.PathValue("id")); err != nil {
		if pgerr.Is(err, pgerr.UndefinedObject) {
			e := pgerr.From(err)
			return &Problem{Kind: NotFound, Detail: e.Message, Hint: e.Hint, SQLState: e.Code}
		}
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) checkpoint(w http.ResponseWriter, r *request) error {
	c, err := a.b.Checkpoint(r.Context(), r.id)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, c)
}

func (a *API) encryptionKeys(w http.ResponseWriter, r *request) error {
	keys, err := a.b.EncryptionKeys(r.Context())
	if err != nil {
		return err
	}
	if keys == nil {
		keys = []EncryptionKey{}
	}
	return answer(w, http.StatusOK, map[string]any{"keys": keys})
}

func (a *API) rotateEncryptionKey(w http.ResponseWriter, r *request) error {
	if err := a.b.RotateEncryptionKey(r.Context(), r.id); err != nil {
		return err
	}
	return a.encryptionKeys(w, r)
}

func (a *API) config(w http.ResponseWriter, r *request) error {
	c, err := a.b.Config(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{"settings": c})
}

func (a *API) supportBundle(w http.ResponseWriter, r *request) error {
	// Collected before the first byte goes out, so that an error is an answer. It
	// is bounded by its parts: stacks, log and profile by bytes, the rest by the
	// number of relations.
	var b bytes.Buffer
	if err := a.b.SupportBundle(r.Context(), &b); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/gzip")
	w.Header().Set("Content-Disposition", `attachment; filename="heliosdb-support.tar.gz"`)
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	_, err := w.Write(b.Bytes())
	return err
}

func (a *API) reload(w http.ResponseWriter, r *request) error {
	res, err := a.b.Reload(r.Context(), r.id)
	if err != nil {
		return err
	}
	if res.Changed == nil {
		res.Changed = []string{}
	}
	if res.Warnings == nil {
		res.Warnings = []string{}
	}
	return answer(w, http.StatusOK, res)
}
