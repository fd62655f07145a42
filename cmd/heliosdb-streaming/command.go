package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// command is one word of the command line. A new one is a file of its own with
// a variable of this type, and a line in commands.
type command struct {
	name    string // "" is serving
	summary string // one line, for the program's help
	usage   string // the arguments, for example "--data-dir DIR"
	text    string // paragraphs for the command's own help, after the flags
	// define declares the flags, and returns what runs once they are parsed.
	define func(f *flags) action
}

// action does a command's work with the arguments that are no flags. Its error
// is printed; see usageError for those of the command line.
type action func(args []string, std stdio) error

// usageError is an error that asks for another command line.
type usageError struct{ error }

// configError is one that asks for another configuration; each of its lines
// says where.
type configError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errFailed is a failure that was already explained on the output.
var errFailed = errors.New("failed")

// main parses args and runs the command; it returns the exit code.
func (c *command) main(args []string, std stdio) int {
	f := newFlags()
	act := c.define(f)
	name := strings.TrimSpace("heliosdb-streaming " + c.name)
	words, err := parseMixed(f.set, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.help(std.out, f)
		return exitOK
	case err != nil:
		err = usageError{err}
	default:
		err = act(words, std)
	}
	var usage usageError
	var config configError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errFailed):
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintf(std.err, "%s: %v\nTry: %s --help\n", name, err, name)
		return exitUsage
	case errors.As(err, &config):
		fmt.Fprintln(std.err, err)
		return exitUsage
	}
	fmt.Fprintf(std.err, "%s: %v\n", name, err)
	return exitFailed
}

func (c *command) help(out io.Writer, f *flags) {
	if c.name == "" {
		fmt.Fprint(out, introduction)
		for _, other := range commands() {
			fmt.Fprintf(out, "  %-16s %s\n", other.name, other.summary)
		}
	} else {
		fmt.Fprintf(out, "%s\n\nUsage:\n  heliosdb-streaming %s %s\n", c.summary, c.name, c.usage)
	}
	if len(f.docs) > 0 {
		fmt.Fprint(out, "\nFlags:\n")
		f.print(out)
	}
	if c.text != "" {
		fmt.Fprintf(out, "\n%s\n", strings.TrimSpace(c.text))
	}
}

// flags are a command's flags, with their help in the order of declaration.
type flags struct {
	set  *flag.FlagSet
	docs []flagDoc
}

type flagDoc struct{ name, value, help string }

func newFlags() *flags {
	f := &flags{set: flag.NewFlagSet("", flag.ContinueOnError)}
	f.set.SetOutput(io.Discard)
	return f
}

func (f *flags) doc(name, value, help string) {
	f.docs = append(f.docs, flagDoc{name, value, help})
}

// text declares --name VALUE; p holds the default.
func (f *flags) text(p *string, name, value, help string) {
	f.set.StringVar(p, name, *p, "")
	f.doc(name, value, help)
}

// list declares --name VALUE, which may be repeated.
func (f *flags) list(p *[]string, name, value, help string) {
	f.set.Func(name, "", func(s string) error {
		*p = append(*p, s)
		return nil
	})
	f.doc(name, value, help)
}

// number declares --name N; p holds the default.
func (f *flags) number(p *float64, name, value, help string) {
	f.set.Float64Var(p, name, *p, "")
	f.doc(name, value, help)
}

// yes declares --name.
func (f *flags) yes(p *bool, name, help string) {
	f.set.BoolVar(p, name, *p, "")
	f.doc(name, "", help)
}

// given reports whether a flag stands on the command line.
func (f *flags) given(name string) (yes bool) {
	f.set.Visit(func(g *flag.Flag) { yes = yes || g.Name == name })
	return yes
}

// print writes one flag a line, help texts of several lines under each other.
func (f *flags) print(out io.Writer) {
	width := 0
	for _, d := range f.docs {
		width = max(width, len(d.name)+len(d.value))
	}
	for _, d := range f.docs {
		left := strings.TrimSpace("--" + d.name + " " + d.value)
		help := strings.ReplaceAll(d.help, "\n", "\n"+strings.Repeat(" ", width+7))
		fmt.Fprintf(out, "  %-*s  %s\n", width+3, left, help)
	}
}

// parseMixed parses flags that stand before, between and behind words, and
// returns the words; behind -- all are words.
func parseMixed(set *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := set.Parse(args); err != nil {
			return nil, err
		}
		rest := set.Args()
		if len(rest) == 0 {
			return words, nil
		}
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			return append(words, rest...), nil
		}
		words, args = append(words, rest[0]), rest[1:]
	}
}
