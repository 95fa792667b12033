package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/firewarden/firewarden/auth/launch"
	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
)

// flow is an authorization request on its way from an app's link to the code.
type flow struct {
	Client    string    `json:"client"`
	Redirect  string    `json:"redirect"`
	State     string    `json:"state"`
	Nonce     string    `json:"nonce,omitempty"`
	Challenge string    `json:"challenge,omitempty"`
	Prompt    []string  `json:"prompt,omitempty"`
	Since     time.Time `json:"since,omitzero"` // an earlier login does not do
	Hint      string    `json:"hint,omitempty"` // who will probably sign in

	Asked  string   `json:"asked"` // scopes as the app wrote them
	Scope  string   `json:"scope"` // what can be granted of them
	Cut    []string `json:"cut,omitempty"`
	Params uint64   `json:"params,omitempty"` // generation of the search parameters that Scope was checked by
	Ticket *Ticket  `json:"ticket,omitempty"` // of an EHR launch

	Browser string         `json:"browser,omitempty"` // digest of the cookie of the one browser that goes on
	User    string         `json:"user,omitempty"`    // subject of whose choices follow
	Launch  launch.Context `json:"launch,omitzero"`   // what was chosen
	Without []string       `json:"without,omitempty"` // types of which nothing was chosen
	Granted string         `json:"granted,omitempty"` // scopes that consent was given to

	Begun time.Time `json:"begun"`
	Ends  time.Time `json:"ends"`
}

// step is what a flow needs next.
type step uint8

const (
	stepLogin step = iota
	stepPick
	stepConsent
	stepCode
)

// next is the step that the flow needs, decided from what is stored and nothing else. Type is that of stepPick.
func (f *flow) next(v *Visitor) (s step, typ string) {
	if v == nil || v.Login.At.Before(f.Since) {
		return stepLogin, ""
	}
	for _, typ := range f.contexts() {
		if f.chosen(typ) == "" && !slices.Contains(f.Without, typ) {
			return stepPick, typ
		}
	}
	if f.Granted == "" {
		return stepConsent, ""
	}
	return stepCode, ""
}

// contexts are the types of which the app gets one resource: the patient first, for the others may depend on it.
func (f *flow) contexts() (types []string) {
	set, _ := scope.Parse(f.Scope)
	if set.NeedsPatient() || set.Has("launch/patient") {
		types = append(types, "Patient")
	}
	for _, o := range set.Other() {
		word, ok := strings.CutPrefix(o, "launch/")
		if typ := launch.Type(word); ok && typ != "" && !slices.Contains(types, typ) {
			types = append(types, typ)
		}
	}
	return types
}

// needed says whether the app gets nothing without a resource of the type.
func (f *flow) needed(typ string) bool {
	set, _ := scope.Parse(f.Scope)
	return typ == "Patient" && set.NeedsPatient()
}

// chosen is the id of the context of a type, "" if there is none yet.
func (f *flow) chosen(typ string) string {
	switch typ {
	case "Patient":
		return f.Launch.Patient
	case "Encounter":
		return f.Launch.Encounter
	}
	return f.Launch.Others[strings.ToLower(typ)]
}

func (f *flow) choose(typ, id string) {
	switch typ {
	case "Patient":
		f.Launch.Patient = id
	case "Encounter":
		f.Launch.Encounter = id
	default:
		if f.Launch.Others == nil {
			f.Launch.Others = map[string]string{}
		}
		f.Launch.Others[strings.ToLower(typ)] = id
	}
}

// running is a flow in the hands of a request.
type running struct {
	id      string // its key
	flow    flow
	version uint64
	client  Client
	visitor *Visitor // nil: nobody has signed in
	changed bool     // flow has to be saved
}

var (
	errOver      = errorf(invalidRequest, "this request has come to its end: go back to the app and begin again")
	errElsewhere = errorf(invalidRequest, "this request was begun in another browser: go back to the app and begin again").
			hint("the browser has to keep cookies between the pages")
)

// open finds the flow of a request, its client, and who is in front of the browser.
func (s *Server) open(w http.ResponseWriter, r *http.Request, text string) (*running, error) {
	ctx := r.Context()
	id, ok := s.signed("flow", text)
	if !ok {
		return nil, errOver
	}
	f, version, ok, err := s.flows.get(ctx, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errOver
	}
	c, _, ok, err := s.clients.find(ctx, f.Client)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errOver
	}
	browser := digest(s.browser(w, r))
	if f.Browser != "" && f.Browser != browser {
		return nil, errElsewhere
	}
	in := &running{id: id, flow: f, version: version, client: c}
	v, ok, err := s.Visitor(r)
	if err != nil {
		return nil, err
	}
	if ok {
		in.visitor = &v
		who := v.User.who()
		who.Client = c.ID
		audit.By(ctx, who)
	}
	if f.Browser == "" {
		in.flow.Browser = browser
		return in, s.save(ctx, in)
	}
	return in, nil
}

// save keeps what a step has decided. Of two at once one is told to look again.
func (s *Server) save(ctx context.Context, in *running) (err error) {
	in.version, err = s.flows.put(ctx, in.id, in.flow, in.version, in.flow.Ends)
	if errors.Is(err, store.ErrConflict) {
		return errLook
	}
	return err
}

// errLook sends the browser to look at the flow again.
var errLook = errors.New("the request has gone on meanwhile")

// goOn is the dispatcher: it shows the page of the next step, or sends the app its code.
func (s *Server) goOn(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(r)
	if err != nil {
		s.stop(w, r, err)
		return
	}
	in, err := s.open(w, r, form.Get("request"))
	if err == nil {
		err = s.settle(r.Context(), w, in)
	}
	if err != nil {
		s.halt(w, r, in, err)
		return
	}
	kind, typ := in.flow.next(in.visitor)
	if slices.Contains(in.flow.Prompt, "none") && kind != stepCode {
		s.halt(w, r, in, errorf([...]string{stepLogin: loginRequired, stepPick: "interaction_required", stepConsent: "consent_required"}[kind],
			"this needs somebody to answer, and prompt is none"))
		return
	}
	switch kind {
	case stepLogin:
		s.showLogin(w, r, in, "", "")
	case stepPick:
		err = s.showPicker(w, r, in, typ, form.Get("q"), "")
	case stepConsent:
		err = s.showConsent(w, r, in, "")
	case stepCode:
		err = s.finish(w, r, in)
	}
	if err != nil {
		s.halt(w, r, in, err)
	}
}

// halt ends a request that cannot go on: the app is told where we know that it is the app.
func (s *Server) halt(w http.ResponseWriter, r *http.Request, in *running, err error) {
	switch {
	case errors.Is(err, errLook) && in != nil:
		see(w, s.flowURL(in.id))
	case in == nil:
		s.stop(w, r, err)
	default:
		if err := s.flows.remove(r.Context(), in.id, store.AnyVersion); err != nil {
			s.report(r.Context(), r.URL.Path, oauth(err))
		}
		s.refuse(w, r, in.flow.Redirect, in.flow.State, err)
	}
}

// settle decides what nobody has to be asked: who the user is where a launch says so in the sandbox, contexts that
// are clear, consent that was given before.
func (s *Server) settle(ctx context.Context, w http.ResponseWriter, in *running) error {
	f, t := &in.flow, in.flow.Ticket
	if t != nil && t.SkipLogin && s.o.Sandbox && in.visitor == nil {
		u, _, ok, err := s.users.find(ctx, t.User)
		if err != nil || !ok {
			return errors.Join(err, errorf(accessDenied, "the launch is for a user who is not there"))
		}
		v, err := s.enter(ctx, w, u, nil)
		if err != nil {
			return err
		}
		in.visitor = &v
	}
	if kind, _ := f.next(in.visitor); kind == stepLogin {
		return nil
	}
	v := in.visitor
	if t != nil && t.User != "" && t.User != v.User.Name {
		return errorf(accessDenied, "the launch is for another user than the one who has signed in")
	}
	if f.User != v.User.Subject { // what somebody else has chosen counts no more
		in.changed = true
		f.User, f.Without, f.Granted, f.Launch = v.User.Subject, nil, "", launch.Context{}
		if t != nil {
			f.Launch = t.Context
		}
	}
	if err := s.settleContexts(ctx, in); err != nil {
		return err
	}
	if kind, _ := f.next(v); kind == stepConsent {
		if err := s.settleConsent(ctx, in); err != nil {
			return err
		}
	}
	if !in.changed {
		return nil
	}
	return s.save(ctx, in)
}

// settleContexts takes contexts from where they are clear: what the user is working with in this browser, then the
// user's defaults if there is one, then the one resource that there is to choose from.
func (s *Server) settleContexts(ctx context.Context, in *running) error {
	for {
		kind, typ := in.flow.next(in.visitor)
		if kind != stepPick {
			return nil
		}
		id, err := s.clear(ctx, in, typ)
		if err != nil {
			return err
		}
		switch {
		case id != "":
			in.flow.choose(typ, id)
			in.changed = true
		case slices.Contains(in.flow.Without, typ): // decided by clear
		default:
			return nil
		}
	}
}

// clear is the id of a context that needs no question, "" if it has to be asked for.
func (s *Server) clear(ctx context.Context, in *running, typ string) (string, error) {
	a, err := s.pickable(ctx, &in.visitor.User)
	if err != nil {
		return "", err
	}
	here := flow{Launch: in.visitor.Login.Context}
	ids := []string{here.chosen(typ)}
	if ids[0] == "" {
		ids = nil
		for _, c := range in.visitor.User.Contexts {
			one := flow{Launch: c}
			if id := one.chosen(typ); id != "" && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 1 {
		found, _, err := s.chart.search(ctx, a, typ, append(in.flow.about(typ), search.Pair{Name: "_id", Value: ids[0]}), 1)
		if err != nil || len(found) == 1 {
			return ids[0], err
		}
	}
	if len(ids) > 1 {
		return "", nil
	}
	found, more, err := s.chart.search(ctx, a, typ, in.flow.about(typ), 2)
	if err != nil || more {
		return "", err
	}
	switch len(found) {
	case 1:
		if own, id := in.visitor.User.person(); typ == "Patient" && (own != "Patient" || id != found[0].ID) && in.visitor.User.Policy != "related" {
			return "", nil // the only patient of a clinic is chosen by a person all the same
		}
		return found[0].ID, nil
	case 0:
		if !in.flow.needed(typ) {
			in.flow.Without = append(in.flow.Without, typ)
			in.changed = true
			return "", nil
		}
		return "", errorf(accessDenied, "this user can choose no patient")
	}
	return "", nil
}

// about are the search parameters that hold a context of the type to the patient.
func (f *flow) about(typ string) []search.Pair {
	if typ == "Encounter" && f.Launch.Patient != "" {
		return []search.Pair{{Name: "patient", Value: "Patient/" + f.Launch.Patient}}
	}
	return nil
}

// finish sends the app its code, once.
func (s *Server) finish(w http.ResponseWriter, r *http.Request, in *running) error {
	ctx := r.Context()
	if _, ok, err := s.flows.take(ctx, in.id); err != nil || !ok {
		return errors.Join(err, errOver)
	}
	code, err := s.issue(ctx, &in.flow, &in.client, in.visitor, in.flow.Granted)
	if err != nil {
		return err
	}
	see(w, s.answer(in.flow.Redirect, in.flow.State, url.Values{"code": {code}}))
	return nil
}

// act begins the handler of a posted step: the flow, if the form is ours and the step is the next one.
func (s *Server) act(w http.ResponseWriter, r *http.Request, want step) (in *running, form url.Values, typ string, ok bool) {
	form, err := s.posted(r, "flow", "scope", "narrow")
	if err != nil {
		s.stop(w, r, err)
		return nil, nil, "", false
	}
	in, err = s.open(w, r, form.Get("request"))
	if err != nil {
		s.halt(w, r, in, err)
		return nil, nil, "", false
	}
	if form.Get("action") == "cancel" || form.Get("action") == "deny" {
		if in.visitor != nil {
			noteConsent(r.Context(), in, true, http.StatusForbidden)
		}
		s.halt(w, r, in, errorf(accessDenied, "the user has said no"))
		return nil, nil, "", false
	}
	kind, typ := in.flow.next(in.visitor)
	if kind != want || in.visitor != nil && kind != stepLogin && in.flow.User != in.visitor.User.Subject {
		see(w, s.flowURL(in.id)) // sent twice, or the browser went back
		return nil, nil, "", false
	}
	return in, form, typ, true
}

// form is where the page of a step goes.
func (s *Server) form(w http.ResponseWriter, r *http.Request, in *running, step string) Form {
	return Form{s.url("flow/" + step), []Field{{"request", s.sign("flow", in.id)}, {"csrf", s.CSRF(w, r, "flow")}}}
}

// showLogin asks who it is.
func (s *Server) showLogin(w http.ResponseWriter, r *http.Request, in *running, name, fault string) {
	p := LoginPage{Frame: s.frame(r, nil, &in.client), Form: s.form(w, r, in, "login"), Name: name, Error: fault, Cancel: true}
	if name == "" {
		p.Name = in.flow.Hint
	}
	if t := in.flow.Ticket; t != nil && name == "" && t.User != "" {
		p.Name = t.User
	}
	p.Demo, p.Outside = s.demo(), s.outsideLogins(Field{"request", s.sign("flow", in.id)})
	s.show(w, r, http.StatusOK, p, leads(in.flow.Redirect)...)
}

// login takes a user name and a password.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	in, form, _, ok := s.act(w, r, stepLogin)
	if !ok {
		return
	}
	ctx := r.Context()
	u, fault, err := s.signIn(ctx, r, form.Get("name"), form.Get("password"))
	if err != nil {
		s.halt(w, r, in, err)
		return
	}
	if fault != "" {
		s.showLogin(w, r, in, form.Get("name"), fault)
		return
	}
	if _, err := s.enter(ctx, w, u, nil); err != nil {
		s.halt(w, r, in, err)
		return
	}
	see(w, s.flowURL(in.id))
}
