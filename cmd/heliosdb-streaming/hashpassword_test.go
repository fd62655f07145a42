package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestHashPassword(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, args, err string
		code          int
	}{
		{"correct horse battery\n", "", "", 0},
		{"correct horse battery", "", "", 0},
		{"correct horse\r\n", "", "", 0},
		{"short\n", "", "shorter than 8 bytes", 1},
		{strings.Repeat("x", 73), "", "longer than 72 bytes", 1},
		{strings.Repeat("x", 500), "", "longer than 72 bytes", 1},
		{"one line\nanother\n", "", "more than one line", 2},
		{"", "secretword", "is no argument", 2},
	} {
		var out, errOut strings.Builder
		args := append([]string{"hash-password"}, strings.Fields(c.args)...)
		code := run(args, stdio{strings.NewReader(c.in), &out, &errOut})
		if code != c.code || !strings.Contains(errOut.String(), c.err) {
			t.Errorf("%q: %d %s", c.in, code, errOut.String())
		}
		if c.code == 0 && !regexp.MustCompile(`^\$2[ab]\$12\$[./A-Za-z0-9]{53}\n$`).MatchString(out.String()) {
			t.Errorf("%q: not a hash: %s", c.in, out.String())
		}
	}
}
