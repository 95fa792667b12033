package proof

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/server/why"
	"github.com/firewarden/firewarden/store/storetest"
)

// What an explanation says is what the server then does: of each resource of a world, for each letter. The scope that it
// names makes it so, and where it names none, no scope would.
func TestWhyIsSo(t *testing.T) {
	s, told := newSite(t), map[string]int{}
	seed, long := begins(t)
	long /= 4 // the law itself takes the rest
	var untold []string
	for begun, round := time.Now(), 1; ; seed, round = seed+stride, round+1 {
		check(t, seed, "60", func(rt *rapid.T) {
			d := drawing{T: rt}
			c := &Case{Token: d.token(), World: d.world(40)}
			if fault := s.whyIsSo(t, c, told); fault != "" {
				rt.Fatalf("%s\n\n%s", fault, c)
			}
		})
		untold = slices.DeleteFunc([]string{"r allowed", "r refused", "s allowed", "s refused", "c allowed", "c refused", "u allowed", "u refused", "d allowed", "d refused",
			"smallest", "smallest of several", "nothing would do", "Link subject", "Failed type", "Failed letter", "Failed context", "Failed constraint"},
			func(what string) bool { return told[what] > 0 })
		if time.Since(begun) >= long && (len(untold) == 0 || round >= 10) { // what is rare may have had bad luck
			break
		}
	}
	t.Log(told)
	if len(untold) > 0 {
		t.Errorf("never told: %q", untold)
	}
}

// whyIsSo asks why of each resource of a world.
func (s *site) whyIsSo(t *testing.T, c *Case, told map[string]int) string {
	st := storetest.NewMemory()
	defer st.Close()
	if err := errors.Join(s.fill(st, c.World), s.as(c.Token)); err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{}
	for _, o := range c.World {
		if o.Body != nil && !o.Skip {
			bodies[o.Type+"/"+o.ID] = string(o.Body)
		}
	}
	granted := s.caller
	for _, o := range c.World {
		at := o.Type + "/" + o.ID
		if bodies[at] == "" {
			continue
		}
		if fault := s.explained(granted, o.Type, o.ID, bodies[at], told); fault != "" {
			return at + ": " + fault
		}
		delete(bodies, at)
	}
	return ""
}

// explained asks why, letter by letter, and does what the letter is for; it says what is not as explained.
func (s *site) explained(granted *scope.Access, typ, id, body string, told map[string]int) string {
	asker := why.Asker{Service: s.service}
	path := "/" + typ + "/" + id
	for _, letter := range strings.Split("rscud", "") { // to delete comes last
		s.caller = granted
		answer, err := asker.Why(context.Background(), interaction.Caller{Access: granted}, typ, id)
		if err != nil {
			return err.Error()
		}
		if answer.State == why.Absent {
			return "is said to be absent"
		}
		l := answer.Letters[strings.Index("cruds", letter)]
		if l.Letter != letter || l.Allowed == (l.Reason != "") {
			return fmt.Sprintf("%+v", l)
		}
		count(l, told)
		if letter == "c" || letter == "u" || letter == "d" {
			if answer.State == why.Deleted || typ == "AuditEvent" {
				continue
			}
		} else if fault := s.scoped(granted, answer, l, path); fault != "" {
			return fault
		}
		got, err := s.letter(letter, path, body)
		if err != nil {
			return err.Error()
		}
		if got != l.Answer {
			return fmt.Sprintf("%s: the server answers %q, the explanation says %+v", letter, got, l)
		}
	}
	return ""
}

func count(l why.Letter, told map[string]int) {
	kind := l.Letter + " refused"
	if l.Allowed {
		kind = l.Letter + " allowed"
	}
	told[kind]++
	for _, one := range l.Scopes {
		if one.Failed != "" {
			told["Failed "+one.Failed]++
		}
		if one.Link != "" {
			told["Link "+one.Link]++
		}
	}
	switch {
	case l.Allowed:
	case len(l.Smallest) == 0:
		told["nothing would do"]++
	case len(l.Smallest) > 1:
		told["smallest of several"]++
	default:
		told["smallest"]++
	}
}

// scoped holds what is said of the scopes against what they open.
func (s *site) scoped(granted *scope.Access, answer why.Answer, l why.Letter, path string) string {
	some := slices.ContainsFunc(l.Scopes, func(one why.Scope) bool { return one.Matches })
	bounds := (l.User == nil || l.User.Holds) && (l.Client == nil || l.Client.Holds)
	if answer.State == why.Current && l.Allowed != (some && bounds) {
		return fmt.Sprintf("is allowed though no scope matches, or the other way round: %+v", l)
	}
	for _, one := range l.Scopes {
		if one.Matches != (one.Failed == "") || one.Matches != (one.Reason == "") {
			return fmt.Sprintf("%+v", one)
		}
	}
	if l.Allowed || answer.State == why.Deleted {
		return ""
	}
	try := func(words ...string) string {
		s.caller = granted
		for _, w := range words {
			s.caller = s.caller.With(w)
		}
		got, err := s.letter(l.Letter, path, "")
		s.caller = granted
		if err != nil {
			return err.Error()
		}
		return got
	}
	if len(l.Smallest) > 0 {
		if got := try(l.Smallest...); got != "200" {
			return fmt.Sprintf("with %v the server answers %q", l.Smallest, got)
		}
		for i := range l.Smallest {
			if got := try(slices.Delete(slices.Clone(l.Smallest), i, i+1)...); got == "200" {
				return fmt.Sprintf("%v: one of them is not needed", l.Smallest)
			}
		}
		return ""
	}
	for _, level := range granted.Levels() {
		if got := try(level.String() + "/*.cruds"); got == "200" {
			return fmt.Sprintf("no scope is said to do, but %s/*.cruds does", level)
		}
	}
	return ""
}

// letter does what the letter is for and says what is answered, as an explanation does.
func (s *site) letter(letter, path, body string) (string, error) {
	typ, id, _ := strings.Cut(path[1:], "/")
	r := Request{Method: http.MethodGet, Path: path}
	switch letter {
	case "c":
		r = Request{Method: http.MethodPost, Path: "/" + typ, Body: body}
	case "u":
		r = Request{Method: http.MethodPut, Path: path, Body: body}
	case "d":
		r = Request{Method: http.MethodDelete, Path: path}
	case "s":
		r.Path = "/" + typ + "?_id=" + id
	}
	if r.Body != "" {
		r.Header = map[string]string{"Content-Type": "application/fhir+json"}
	}
	a, err := s.send(r)
	if err != nil {
		return "", err
	}
	switch {
	case letter == "s" && a.status == 200 && !strings.Contains(a.body, `"fullUrl":"`+storetest.Base+path+`"`):
		return "200 without it", nil
	case letter == "d" && a.status == 204 && !strings.Contains(a.header, "Etag"):
		return "204, and nothing happens", nil
	}
	return fmt.Sprint(a.status), nil
}
