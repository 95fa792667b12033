package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/server/why"
)

func newTokenExplain(f *flag.FlagSet) runner {
	asJSON := f.Bool("json", false, "print what the server answers")
	return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
		if len(args) == 0 || args[0] == "" {
			return usageError("token explain needs a token")
		}
		token, refs := args[0], args[1:]
		if token == "-" {
			text, err := io.ReadAll(io.LimitReader(m.Stdin, 1<<20))
			if err != nil {
				return err
			}
			token = string(text)
		}
		path, question := "tokens/explain", map[string]any{"token": strings.TrimSpace(token)}
		if len(refs) > 0 {
			path, question["ref"] = "why", refs
		}
		var answer json.RawMessage
		if err := a.call(ctx, "POST", path, question, &answer); err != nil {
			return err
		}
		switch {
		case *asJSON:
			return m.printJSON(answer)
		case len(refs) > 0:
			return m.tellWhy(answer)
		}
		return m.tellToken(answer)
	})
}

// tellToken says what a token may see.
func (m *Main) tellToken(answer json.RawMessage) error {
	var e auth.Explanation
	if err := json.Unmarshal(answer, &e); err != nil {
		return err
	}
	if !e.Active {
		return errors.New("the token opens nothing: it is expired, revoked, or not one of this server")
	}
	rows := [][2]string{{"client", e.Client}, {"issuer", e.Issuer}, {"user", e.User}, {"who is", e.FHIRUser}, {"policy", e.Policy}, {"patient", e.Patient},
		{"until", time.Unix(e.Expires, 0).UTC().Format(time.RFC3339)}}
	if e.Launch != nil {
		rows = append(rows, [2]string{"encounter", e.Launch.Encounter}, [2]string{"intent", e.Launch.Intent})
		for _, r := range e.Launch.FHIRContext {
			rows = append(rows, [2]string{"context", r.Reference})
		}
	}
	if claims, ok := e.Claims.(map[string]any); ok {
		rows = append(rows, [2]string{"jti", fmt.Sprint(claims["jti"])}, [2]string{"sub", fmt.Sprint(claims["sub"])}, [2]string{"iss", fmt.Sprint(claims["iss"])})
	}
	for _, r := range rows {
		if r[1] != "" {
			fmt.Fprintf(m.Stdout, "%-10s%s\n", r[0], r[1])
		}
	}
	fmt.Fprintln(m.Stdout)
	if err := m.table("SCOPE\tMEANS", len(e.Scopes), func(i int) string { return e.Scopes[i].Scope + "\t" + e.Scopes[i].Text }); err != nil {
		return err
	}
	for _, s := range e.Cut {
		fmt.Fprintf(m.Stdout, "%s opens nothing: the client is not registered for it\n", s)
	}
	for _, s := range e.Faults {
		fmt.Fprintln(m.Stdout, s)
	}
	fmt.Fprintln(m.Stdout)
	var sets []string
	for _, t := range e.Types {
		for _, letters := range alike(t.Sets) {
			sets = append(sets, t.Type+"\t"+letters+"\t"+t.Sets[letters[:1]])
		}
	}
	if err := m.table("TYPE\tMAY\tWHERE", len(sets), func(i int) string { return sets[i] }); err != nil {
		return err
	}
	if len(e.Nothing) > 0 {
		fmt.Fprintf(m.Stdout, "\nNothing of %d other types.\n", len(e.Nothing))
	}
	return nil
}

// tellWhy says why a token may see resources or not.
func (m *Main) tellWhy(answer json.RawMessage) error {
	var e struct{ Answers []why.Answer }
	if err := json.Unmarshal(answer, &e); err != nil {
		return err
	}
	for i, a := range e.Answers {
		if i > 0 {
			fmt.Fprintln(m.Stdout)
		}
		if a.State == why.Absent {
			fmt.Fprintf(m.Stdout, "%s does not exist\n", a.Ref)
			continue
		}
		fmt.Fprintf(m.Stdout, "%s, version %d, %s\n", a.Ref, a.Version, a.State)
		for _, fault := range a.Faults {
			fmt.Fprintln(m.Stdout, fault)
		}
		for _, l := range a.Letters {
			m.tellLetter(l)
		}
	}
	return nil
}

func (m *Main) tellLetter(l why.Letter) {
	may := map[bool]string{true: "yes", false: "no"}[l.Allowed]
	fmt.Fprintf(m.Stdout, "\n%s  %s: %s, the server answers %s\n", l.Letter, l.Interaction, may, l.Answer)
	say := func(format string, args ...any) { fmt.Fprintf(m.Stdout, "     "+format+"\n", args...) }
	if !l.Allowed {
		say("%s", l.Reason)
	}
	for _, s := range l.Scopes {
		text := s.Scope + " matches"
		if s.Link != "" {
			text += ", linked to the patient by " + s.Link
		}
		if s.Matches {
			say("%s", text)
		} else if reason := s.Scope + ": " + s.Reason; reason != l.Reason && s.Failed != "type" {
			say("%s", reason)
		}
	}
	if len(l.Smallest) > 0 {
		more := ""
		if l.Unregistered() {
			more = " (the client is not registered for it)"
		}
		say("would do: %s%s", strings.Join(l.Smallest, " "), more)
	}
}

// alike are the letters of equal sets together, in the order of cruds.
func alike(sets map[string]string) (groups []string) {
	for _, l := range strings.Split("cruds", "") {
		set, ok := sets[l]
		if !ok {
			continue
		}
		found := false
		for i, g := range groups {
			if sets[g[:1]] == set {
				groups[i], found = g+l, true
			}
		}
		if !found {
			groups = append(groups, l)
		}
	}
	return groups
}
