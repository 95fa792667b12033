package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is that of the software. What the sandbox seeds depends on it and on nothing else.
const version = "0.1.0"

func newVersion(*flag.FlagSet) runner {
	return func(_ context.Context, m *Main, _ *input, _ []string) error {
		fmt.Fprintf(m.Stdout, "firewarden %s%s %s %s/%s\n", version, revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return nil
	}
}

// revision is the commit that the binary was built from, where the build knows it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var commit, changed string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				changed = "+changes"
			}
		}
	}
	if commit == "" {
		return ""
	}
	return " (" + commit + changed + ")"
}
