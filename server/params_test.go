package server

import (
	"strings"
	"testing"
)

// FuzzSettings: no value makes a parameter panic, and a canonical value is
// canonical again and is shown.
func FuzzSettings(f *testing.F) {
	for _, v := range []string{"", "on", "5s", "1.5 h", `"a ""b", c`, "-7", "Europe/Berlin", "+05:30", "ISO, DMY", "UTF-8", "read only", "1e400", "NaN"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		for name, p := range parameters {
			if p.fixed {
				continue
			}
			c, err := checkSetting(name, v)
			if err != nil {
				continue
			}
			again, err := checkSetting(name, c)
			if err != nil || again != c {
				t.Errorf("%s: %q became %q, then %q %v", name, v, c, again, err)
			}
			_ = p.kind.show(c)
		}
		s := newSettings()
		s.now["search_path"] = v
		s.searchPath(func(string) bool { return true })
	})
}

func TestSplitIdents(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`"$user", public`: "$user|public", "Public,B": "public|b", `"A ""b"`: `A "b`, "": "", " a ": "a",
		"a,": "!", "a b": "!", `"a`: "!", ",": "!",
	} {
		names, ok := splitIdents(in)
		got := strings.Join(names, "|")
		if !ok {
			got = "!"
		}
		if got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}
