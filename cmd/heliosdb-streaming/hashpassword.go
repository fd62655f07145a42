package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/server/auth"
)

// maxPasswordInput bounds what is read: a password with its line end, and one
// byte to see that there is more.
const maxPasswordInput = auth.MaxPassword + 3

var hashPassword = command{
	name:    "hash-password",
	summary: "read a password, print its bcrypt hash for the RBAC file",
	usage:   "< FILE",
	text: fmt.Sprintf(`The password is one line of standard input, %d to %d bytes, so that it stands in no
list of processes and in no history:
  read -rs P; printf '%%s\n' "$P" | heliosdb-streaming hash-password
The hash is for password_hash in the file that [security] rbac_file names.`, auth.MinPassword, auth.MaxPassword),
	define: func(*flags) action {
		return func(args []string, std stdio) error {
			if len(args) > 0 {
				return usagef("the password is read from standard input and is no argument")
			}
			p, err := io.ReadAll(io.LimitReader(std.in, maxPasswordInput))
			if err != nil {
				return fmt.Errorf("reading the password: %w", err)
			}
			line, rest, _ := strings.Cut(string(p), "\n")
			if rest != "" {
				return usagef("there is more than one line on standard input")
			}
			hash, err := auth.HashPassword(strings.TrimSuffix(line, "\r"))
			if err != nil {
				return err
			}
			fmt.Fprintln(std.out, hash)
			return nil
		}
	},
}
