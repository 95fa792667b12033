package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/config"
)

// A command is a word of the program, or two.
type command struct {
	name    string
	args    string // what may follow, for people
	does    string // one line
	more    string // paragraphs for --help
	example []string
	keys    []string // keys of the configuration that it takes as flags
	// new makes a run of the command, which takes its own flags from f.
	new func(f *flag.FlagSet) runner
}

// A runner is a command whose flags are read. args are the words that are no flags.
type runner func(ctx context.Context, m *Main, in *input, args []string) error

// input is what the configuration comes from.
type input struct {
	config.Input
}

func (m *Main) run(ctx context.Context) error {
	if len(m.Args) == 0 {
		writeHelp(m.Stderr)
		return usageError("a command is needed")
	}
	words := m.Args
	switch words[0] {
	case "help", "--help", "-help", "-h":
		words = words[1:]
		if len(words) == 0 {
			writeHelp(m.Stdout)
			return nil
		}
		words = append(slices.Clone(words), "--help")
	case "--version":
		words = []string{"version"}
	}
	c, rest := find(words)
	if c == nil {
		return unknown(words)
	}
	f := flag.NewFlagSet(c.name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // errors are ours to say
	in := &input{config.Input{Flags: map[string]string{}, Environ: m.Env}}
	run := c.new(f)
	if len(c.keys) > 0 {
		c.configuration(f, in)
	}
	args, err := parse(f, rest)
	if err == flag.ErrHelp {
		c.writeHelp(m.Stdout, f)
		return nil
	}
	if err != nil {
		return usagef("%s: %s (firewarden %s --help)", c.name, spell(err, f), c.name)
	}
	if c.args == "" && len(args) > 0 {
		return usagef("%s takes no %q (firewarden %s --help)", c.name, args[0], c.name)
	}
	return run(ctx, m, in, args)
}

// find is the command whose name words begin with, and what follows.
func find(words []string) (*command, []string) {
	for n := min(2, len(words)); n > 0; n-- {
		name := strings.Join(words[:n], " ")
		for i := range commands {
			if commands[i].name == name {
				return &commands[i], words[n:]
			}
		}
	}
	return nil, nil
}

func unknown(words []string) error {
	var names, parts []string
	for _, c := range commands {
		names = append(names, c.name)
		if first, second, ok := strings.Cut(c.name, " "); ok && first == words[0] {
			parts = append(parts, second)
		}
	}
	if parts != nil {
		return usagef("%s needs one of: %s", words[0], strings.Join(parts, ", "))
	}
	if near := config.Near(words[0], names); near != "" {
		return usagef("there is no command %q: did you mean %s?", words[0], near)
	}
	return usagef("there is no command %q: firewarden --help lists them", words[0])
}

// parse reads flags wherever they stand; what follows "--" is no flag.
func parse(f *flag.FlagSet, words []string) (args []string, err error) {
	for {
		if err := f.Parse(words); err != nil {
			return nil, err
		}
		rest := f.Args()
		if len(rest) == 0 {
			return args, nil
		}
		if read := len(words) - len(rest); read > 0 && words[read-1] == "--" {
			return append(args, rest...), nil
		}
		args = append(args, rest[0])
		words = rest[1:]
	}
}

// spell writes an error of package flag as the other errors are, with the near flag.
func spell(err error, f *flag.FlagSet) string {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		var names []string
		f.VisitAll(func(g *flag.Flag) { names = append(names, g.Name) })
		text = fmt.Sprintf("there is no flag --%s", strings.TrimPrefix(name, "-"))
		if near := config.Near(strings.TrimPrefix(name, "-"), names); near != "" {
			text += fmt.Sprintf(": did you mean --%s?", near)
		}
		return text
	}
	text = strings.Replace(text, "flag needs an argument: -", "a value is needed for --", 1)
	text = strings.Replace(text, "for flag -", "for --", 1)
	return text
}

// configuration defines a flag for each key of the configuration that the command takes, and --config.
func (c *command) configuration(f *flag.FlagSet, in *input) {
	f.StringVar(&in.File, "config", "", "`file` (YAML) with the keys of the configuration")
	for _, k := range config.Keys() {
		if !slices.Contains(c.keys, k.Name) || f.Lookup(k.Name) != nil {
			continue
		}
		set := func(v string) error {
			in.Flags[k.Name] = v
			return nil
		}
		usage := k.Usage
		if k.Default != "" && !k.Switch {
			usage += " (default " + k.Default + ")"
		}
		if k.Switch {
			f.BoolFunc(k.Name, usage, set)
		} else {
			f.Func(k.Name, usage, set)
		}
	}
}

func writeHelp(w io.Writer) {
	fmt.Fprintf(w, "Firewarden is a FHIR R4 server.\n\n  firewarden COMMAND [flags]\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-14s %s\n", c.name, c.does)
	}
	fmt.Fprintf(w, "\nBegin with\n  firewarden sandbox\n\nfirewarden COMMAND --help tells more of each.\n")
}

func (c *command) writeHelp(w io.Writer, f *flag.FlagSet) {
	fmt.Fprintf(w, "%s: %s\n\n  firewarden %s", c.name, c.does, c.name)
	if c.args != "" {
		fmt.Fprintf(w, " %s", c.args)
	}
	fmt.Fprintf(w, " [flags]\n")
	if c.more != "" {
		fmt.Fprintf(w, "\n%s\n", c.more)
	}
	fmt.Fprintf(w, "\nFor example\n")
	for _, e := range c.example {
		fmt.Fprintf(w, "  firewarden %s\n", e)
	}
	first := true
	f.VisitAll(func(g *flag.Flag) {
		if first {
			fmt.Fprintf(w, "\nFlags\n")
			first = false
		}
		value, usage := flag.UnquoteUsage(g)
		if b, ok := g.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			value = ""
		}
		if g.DefValue != "" && g.DefValue != "false" && g.DefValue != "0" && !strings.Contains(usage, "default") {
			usage += " (default " + g.DefValue + ")"
		}
		fmt.Fprintf(w, "  --%-22s %s\n", strings.TrimSpace(g.Name+" "+strings.ToUpper(value)), usage)
	})
	if len(c.keys) > 0 {
		fmt.Fprintf(w, "\nThe keys of the configuration (firewarden config print) are also read from the environment, as FIREWARDEN_%s,\nand from the file.\n",
			strings.ReplaceAll(strings.ToUpper(c.keys[0]), "-", "_"))
	}
}
