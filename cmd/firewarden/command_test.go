package main

import (
	"strings"
	"testing"
)

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	list := mustRun(t, "--help")
	for _, c := range commands {
		if !strings.Contains(list, "  "+c.name+" ") {
			t.Errorf("--help does not list %s", c.name)
		}
		out := mustRun(t, append(strings.Fields(c.name), "--help")...)
		for _, e := range c.example {
			if !strings.HasPrefix(e, c.name) || !strings.Contains(out, "For example\n") || !strings.Contains(out, "  firewarden "+e+"\n") {
				t.Errorf("the help of %s does not show %q:\n%s", c.name, e, out)
			}
		}
		if len(c.example) == 0 {
			t.Errorf("%s has no example", c.name)
		}
		for _, k := range c.keys {
			if !strings.Contains(out, "--"+k+" ") {
				t.Errorf("the help of %s does not show --%s", c.name, k)
			}
		}
		if again := mustRun(t, append([]string{"help"}, strings.Fields(c.name)...)...); again != out {
			t.Errorf("help %s differs from %s --help", c.name, c.name)
		}
	}
	for _, absent := range []string{"snapshot", "backup", "restore"} {
		if strings.Contains(list, "  "+absent+" ") {
			t.Errorf("--help lists %s, which is not there", absent)
		}
	}
	if out := mustRun(t, "version"); !strings.HasPrefix(out, "firewarden "+version) {
		t.Errorf("version: %s", out)
	}
}

func TestWrongUsage(t *testing.T) {
	f := file(t, "p.json", `{"resourceType":"Patient"}`)
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no command", nil, "a command is needed"},
		{"misspelled", []string{"sanbdox"}, "did you mean sandbox?"},
		{"unknown", []string{"fly"}, "firewarden --help"},
		{"half a command", []string{"config"}, "config needs one of: print, check"},
		{"half right", []string{"config", "prnt"}, "config needs one of: print, check"},
		{"misspelled flag", []string{"serve", "--stroe", "x"}, "there is no flag --stroe: did you mean --store?"},
		{"flag of another command", []string{"serve", "--public"}, "there is no flag --public"},
		{"flag without value", []string{"serve", "--store"}, "a value is needed for --store"},
		{"word too many", []string{"serve", "now"}, `serve takes no "now"`},
		{"wrong value", []string{"serve", "--listen", "here"}, "--listen"},
		{"scope that is none", []string{"serve", "--anonymous", "system/Obervation.rs"}, "--anonymous"},
		{"scope without effect", []string{"serve", "--anonymous", "user/*.rs"}, "only system/ scopes open anything"},
		{"public sandbox", []string{"sandbox", "--listen", "0.0.0.0:0", "--base-url", "http://x"}, "--public"},
		{"public server without base", []string{"serve", "--listen", "0.0.0.0:0"}, "base-url is required"},
		{"load of nothing", []string{"load"}, "files or folders"},
		{"load to both", []string{"load", "--to", "http://x", "--store", "y", f}, "not both"},
		{"load to no URL", []string{"load", "--to", "localhost:8080", f}, "is no URL of a server"},
		{"load into memory", []string{"load", "--store", "memory:", f}, "in memory"},
		{"load with no jobs", []string{"load", "--jobs", "0", f}, "--jobs"},
		{"load with a wrong number", []string{"load", "--jobs", "many", f}, "--jobs"},
		{"export to nowhere", []string{"export"}, "--out"},
		{"export of no type", []string{"export", "--type", "Patiet"}, "did you mean Patient?"},
		{"export from both", []string{"export", "--type", "Patient", "--store", "x", "--server", "http://y"}, "not both"},
		{"bench of nothing", []string{"bench", "--patients", "0"}, "above 0"},
		{"bench of no URL", []string{"bench", "--url", "localhost"}, "no http URL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, _, errs := run(t, tt.args...)
			if code != 2 || !strings.Contains(errs, tt.want) {
				t.Errorf("code %d, %q; want 2 and %q", code, errs, tt.want)
			}
		})
	}
}

func TestWhatFails(t *testing.T) {
	f := file(t, "p.json", `{"resourceType":"Patient"}`)
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no file":   {[]string{"load", "--store", t.TempDir(), "nowhere.json"}, "nowhere.json"},
		"no folder": {[]string{"load", "--store", t.TempDir(), t.TempDir()}, "holds no files"},
		"no server": {[]string{"load", "--to", "http://127.0.0.1:1", f}, "no server answers at http://127.0.0.1:1"},
	} {
		if code, _, errs := run(t, tt.args...); code != 1 || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: code %d, %q", name, code, errs)
		}
	}
}

func TestConfigPrint(t *testing.T) {
	path := file(t, "firewarden.yaml", "store: ./here\nadmin-key: correct-horse-battery\nanonymous: [system/Patient.rs, system/Observation.rs]\n")
	out := mustRun(t, "config", "print", "--config", path, "--log-level", "warn")
	for _, part := range []string{"store:", "./here", "# firewarden.yaml:1", "********", "warn", "# --log-level", "system/Patient.rs system/Observation.rs", "# default"} {
		if !strings.Contains(out, part) {
			t.Errorf("config print does not say %q:\n%s", part, out)
		}
	}
	if strings.Contains(out, "horse") {
		t.Errorf("the secret is shown:\n%s", out)
	}
	if out := mustRun(t, "config", "check", "--config", path); !strings.Contains(out, "valid") {
		t.Errorf("config check: %s", out)
	}
	if out := mustRun(t, "config", "print", "--sandbox"); !strings.Contains(out, "memory:") || strings.Contains(out, "sandbox-admin") {
		t.Errorf("config print --sandbox:\n%s", out)
	}
	path = file(t, "firewarden.yaml", "stroe: x\nload: []\nanonymous: nonsense system/Patient.rs?colour=red\n")
	code, _, errs := run(t, "config", "check", "--config", path)
	if code != 1 {
		t.Errorf("config check of faults ended with %d", code)
	}
	for _, part := range []string{"firewarden.yaml:1", `did you mean "store"?`, "firewarden.yaml:2", "not supported yet", `"nonsense"`, "colour"} {
		if !strings.Contains(errs, part) {
			t.Errorf("config check does not say %q:\n%s", part, errs)
		}
	}
}

func TestFlagsStandAnywhere(t *testing.T) {
	dir := t.TempDir() + "/store"
	f := file(t, "p.json", `{"resourceType":"Patient","id":"a"}`)
	mustRun(t, "load", f, "--store", dir, "--jobs=1")
	if out := mustRun(t, "export", "--type=Patient", "-store", dir); !strings.Contains(out, `"id":"a"`) {
		t.Errorf("export: %s", out)
	}
	if code, _, errs := run(t, "load", "--store", dir, "--", "--strict"); code != 1 || !strings.Contains(errs, "--strict: no such file") {
		t.Errorf("what follows --: %d %s", code, errs)
	}
}
