package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/durable"
)

// Names in the local directory.
const (
	ownFolder   = "remote"     // of this package: state.json and a lock
	stateFile   = "state.json" // localState
	asideFolder = "aside"      // what was replaced by the bucket's contents last
)

// storeFolders are what epoch and wal keep in the local directory.
var storeFolders = []string{"epoch", "log"}

var crashMoved = crashpoint.Register("remote.restore.moved")

// localState says what the local directory is worth.
type localState struct {
	// Store is the bucket's id.
	Store string `json:"store"`
	// Instances are owners of which the directory has everything they did; none: it has to be made anew.
	Instances []string `json:"instances"`
	// Rebuilding: the store folders are unfinished copies of the bucket's.
	Rebuilding bool `json:"rebuilding,omitempty"`
}

func (s *State) readLocal() (*localState, error) {
	path := filepath.Join(s.opt.Dir, ownFolder, stateFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var l localState
	if err := json.Unmarshal(raw, &l); err != nil || l.Store == "" {
		return nil, fmt.Errorf("%s is damaged; remove the directory %s to make it anew from the bucket", path, s.opt.Dir)
	}
	return &l, nil
}

func (s *State) writeLocal(l localState) error {
	raw, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	return durable.Replace(filepath.Join(s.opt.Dir, ownFolder, stateFile), raw)
}

// hasData reports whether the local directory holds a store or a log.
func (s *State) hasData() (bool, error) {
	for _, name := range storeFolders {
		_, err := os.Stat(filepath.Join(s.opt.Dir, name))
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	return false, nil
}

// clear makes room for a copy of the bucket's contents. What was there is set aside, in the place of what was set aside
// before, unless it is itself only an unfinished copy.
func (s *State) clear(local *localState) error {
	has, err := s.hasData()
	if err != nil || !has {
		return err
	}
	aside := filepath.Join(s.opt.Dir, asideFolder)
	keep := local == nil || !local.Rebuilding
	if keep {
		if err := errors.Join(os.RemoveAll(aside), os.Mkdir(aside, 0o700)); err != nil {
			return err
		}
		s.opt.Logger.Warn("the local directory does not have what the bucket has; it is set aside and made anew",
			"directory", s.opt.Dir, "aside", aside)
	}
	for _, name := range storeFolders {
		from := filepath.Join(s.opt.Dir, name)
		if keep {
			err = os.Rename(from, filepath.Join(aside, name))
		} else {
			err = os.RemoveAll(from)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		crashpoint.Hit(crashMoved)
	}
	return durable.Sync(s.opt.Dir)
}
