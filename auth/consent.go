package auth

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/store"
)

// consented is what a user has wished to be remembered about a client.
type consented struct {
	Subject  string    `json:"subject"`
	Scope    string    `json:"scope"`
	Redirect string    `json:"redirect"`
	At       time.Time `json:"at"`
	Params   uint64    `json:"params,omitempty"` // generation of the search parameters that Scope meant
}

// asks says whether consent asks about the scope: those of launches belong to the launch.
func asks(other string) bool {
	return other != "launch" && !strings.HasPrefix(other, "launch/")
}

// settleConsent grants what nobody has to be asked about: what an administrator has approved for the client, what the
// user has consented to before and wished to be remembered, and in the sandbox launches that say so.
func (s *Server) settleConsent(ctx context.Context, in *running) error {
	f := &in.flow
	if slices.Contains(f.Prompt, "consent") {
		return nil
	}
	want, _ := scope.Parse(f.Scope)
	before, _ := scope.Parse(in.client.AutoApprove)
	old, _, ok, err := s.consents.get(ctx, consentKey(in))
	if err != nil {
		return err
	}
	if ok && old.Subject == f.User && old.Redirect == f.Redirect {
		wished, _ := scope.Parse(old.Scope)
		wished, _ = wished.Available(s.params(), old.Params) // of what means something else now the user is asked again
		for _, word := range scopeWords(wished.Text()) {
			before = before.With(word)
		}
	}
	for _, o := range want.Other() {
		if !asks(o) {
			before = before.With(o)
		}
	}
	if before.Covers(want) || s.o.Sandbox && f.Ticket != nil && f.Ticket.SkipConsent {
		f.Granted, in.changed = want.Text(), true
		noteConsent(ctx, in, false, http.StatusOK)
	}
	return nil
}

func consentKey(in *running) string { return in.flow.User + "\n" + in.client.ID }

// remembers says whether consent may be remembered: of an app whose address nobody else can take (RFC 6819 §5.2.3.2).
func (s *Server) remembers(in *running) bool {
	return s.o.Sandbox || !in.client.public() || strings.HasPrefix(in.flow.Redirect, "https://")
}

// consentPage is the page of a flow, all ticked.
func (s *Server) consentPage(r *http.Request, in *running) (ConsentPage, error) {
	f := &in.flow
	want, _ := scope.Parse(f.Scope)
	auto, _ := scope.Parse(in.client.AutoApprove)
	p := ConsentPage{Frame: s.frame(r, in.visitor, &in.client), Cut: f.Cut, Raw: scopeWords(f.Asked), RedirectHost: hostOf(f.Redirect),
		Remember: s.remembers(in), Ends: f.Ends, AllRights: want.Has(allAuthorities)}
	if f.Launch.Patient != "" {
		a, err := s.pickable(r.Context(), &in.visitor.User)
		if err != nil {
			return p, err
		}
		res, ok, err := s.chart.shown().read(r.Context(), a, "Patient", f.Launch.Patient)
		if err != nil {
			return p, err
		}
		p.For = "one patient"
		if ok {
			p.For = patientText(res)
		}
	}
	lang := p.Language
	for _, d := range want.Data() {
		if auto.Covers(scope.Of(d)) {
			continue
		}
		item := ConsentItem{Value: d.Text(), Text: s.describe(lang, d.Text()), Writes: d.Writes(), Checked: true}
		for _, n := range d.Narrower() {
			item.Narrower = append(item.Narrower, ConsentItem{Value: n, Text: s.describe(lang, n), Writes: d.Writes()})
		}
		p.add(d.Type, item)
	}
	for _, o := range want.Other() {
		item := ConsentItem{Value: o, Text: s.describe(lang, o), Checked: true}
		switch {
		case !asks(o) || auto.Has(o):
		case o == "offline_access", o == "online_access" && p.Offline == nil:
			p.Offline = &item
		default:
			p.add("", item)
		}
	}
	return p, nil
}

func (p *ConsentPage) add(typ string, item ConsentItem) {
	if typ == "*" {
		typ = "Everything"
	}
	i := slices.IndexFunc(p.Groups, func(g ConsentGroup) bool { return g.Type == typ })
	if i < 0 {
		i = len(p.Groups)
		p.Groups = append(p.Groups, ConsentGroup{Type: typ})
	}
	p.Groups[i].Items = append(p.Groups[i].Items, item)
}

func (s *Server) showConsent(w http.ResponseWriter, r *http.Request, in *running, fault string) error {
	p, err := s.consentPage(r, in)
	if err != nil {
		return err
	}
	p.Form, p.Error = s.form(w, r, in, "consent"), fault
	s.show(w, r, http.StatusOK, p, leads(in.flow.Redirect)...)
	return nil
}

// describe is a scope in the person's words.
func (s *Server) describe(lang, word string) string {
	text, _ := s.o.Texts.Sentence(word, lang)
	return text
}

// consent takes the answer: what was ticked of what was asked, nothing else.
func (s *Server) consent(w http.ResponseWriter, r *http.Request) {
	in, form, _, ok := s.act(w, r, stepConsent)
	if !ok {
		return
	}
	granted, err := s.ticked(r, in, form)
	if err != nil {
		s.halt(w, r, in, err)
		return
	}
	if form.Get("action") != "allow" || len(granted.Data())+len(granted.Other()) == 0 {
		if err := s.showConsent(w, r, in, "Tick what the app may do, or deny all of it."); err != nil {
			s.halt(w, r, in, err)
		}
		return
	}
	in.flow.Granted = granted.Text()
	ctx := r.Context()
	if err := s.save(ctx, in); err != nil {
		s.halt(w, r, in, err)
		return
	}
	noteConsent(ctx, in, true, http.StatusOK)
	if form.Get("remember") == "yes" && s.remembers(in) {
		c := consented{in.flow.User, in.flow.Granted, in.flow.Redirect, s.now(), in.flow.Params}
		if _, err := s.consents.put(ctx, consentKey(in), c, store.AnyVersion, time.Time{}); err != nil {
			s.halt(w, r, in, err)
			return
		}
	}
	see(w, s.flowURL(in.id))
}

// ticked are the scopes of the answer: those of launches and those that are approved anyway, and of the items those
// that are ticked, an item with ticked parts as its parts.
func (s *Server) ticked(r *http.Request, in *running, form url.Values) (scope.Set, error) {
	p, err := s.consentPage(r, in)
	if err != nil {
		return scope.Set{}, err
	}
	want, _ := scope.Parse(in.flow.Scope)
	var items []ConsentItem
	for _, g := range p.Groups {
		items = append(items, g.Items...)
	}
	if p.Offline != nil {
		items = append(items, *p.Offline)
	}
	var granted scope.Set
	for _, word := range scopeWords(want.Text()) {
		i := slices.IndexFunc(items, func(c ConsentItem) bool { return c.Value == word })
		if i < 0 { // not asked about
			granted = granted.With(word)
			continue
		}
		parts := 0
		for _, n := range items[i].Narrower {
			if slices.Contains(form["narrow"], n.Value) {
				granted = granted.With(n.Value)
				parts++
			}
		}
		if parts == 0 && (items[i].Required || slices.Contains(form["scope"], word)) {
			granted = granted.With(word)
		}
	}
	if len(granted.Data()) == 0 && !slices.ContainsFunc(granted.Other(), asks) {
		return scope.Set{}, nil // what is left is a launch for nothing
	}
	return granted, nil
}

// hostOf is where a redirect URI leads, for people.
func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" {
		return source(uri)
	}
	return u.Host
}
