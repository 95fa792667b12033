package auth

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/store/audit"
)

// manage shows people what they have granted, and takes it back.
func (s *Server) manage(w http.ResponseWriter, r *http.Request) {
	v, ok := s.member(w, r, "/auth/manage")
	if !ok {
		return
	}
	ctx, done := r.Context(), ""
	if r.Method == http.MethodPost {
		form, err := s.posted(r, "manage")
		if err == nil {
			err = s.withdraw(ctx, v, url.Values(form).Get("grant"))
		}
		do := audit.Do(ctx, audit.Act{Code: audit.Revoke, Query: "POST /auth/manage"})
		if err != nil {
			do.End(oauth(err).status())
			s.stop(w, r, err)
			return
		}
		do.End(http.StatusOK)
		done = "It is withdrawn."
	} else {
		audit.Do(ctx, audit.Act{Code: audit.Look, Query: "GET /auth/manage"}).End(http.StatusOK)
	}
	p := ManagePage{Frame: s.frame(r, &v, nil), Done: done, Form: Form{s.url("manage"), []Field{{"csrf", s.CSRF(w, r, "manage")}}},
		SignOut: Form{s.url("logout"), []Field{{"csrf", s.CSRF(w, r, "logout")}}}}
	var err error
	if p.Grants, err = s.granted(ctx, v, p.Language); err != nil {
		s.stop(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, p)
}

// member is who has signed in; anybody else is sent to sign in, and then back to a path of ours.
func (s *Server) member(w http.ResponseWriter, r *http.Request, back string) (Visitor, bool) {
	v, ok, err := s.Visitor(r)
	if err != nil {
		s.stop(w, r, err)
		return v, false
	}
	if !ok {
		see(w, s.url("login")+"?next="+url.QueryEscape(back))
	} else {
		audit.By(r.Context(), v.User.who())
	}
	return v, ok
}

// withdraw ends a grant of the user, with what was remembered of the consent to it.
func (s *Server) withdraw(ctx context.Context, v Visitor, id string) error {
	g, _, ok, err := s.grants.live(ctx, id)
	if err != nil {
		return err
	}
	if !ok || g.Subject != v.User.Subject {
		return nil // it is gone, or was never theirs
	}
	if err := s.grants.revoke(ctx, id, s.now()); err != nil {
		return err
	}
	in := &running{flow: flow{User: g.Subject}, client: Client{ID: g.Client}}
	return s.consents.remove(ctx, consentKey(in), ^uint64(0))
}

// granted are the live grants of a user in words, the newest first.
func (s *Server) granted(ctx context.Context, v Visitor, lang string) ([]GrantSummary, error) {
	list, err := s.grants.of(ctx, v.User.Name, "")
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b Grant) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.ID, b.ID))
	})
	a, err := s.pickable(ctx, &v.User)
	if err != nil {
		return nil, err
	}
	var out []GrantSummary
	for _, g := range list {
		if g.Subject != v.User.Subject {
			continue
		}
		c, _, _, err := s.clients.find(ctx, g.Client)
		if err != nil {
			return nil, err
		}
		c.ID = g.Client
		one := GrantSummary{ID: g.ID, App: c.app(), Raw: g.Scope, Since: g.Created, LastUsed: g.Used, Ends: g.Ends, Offline: g.Offline}
		set, _ := scope.Parse(g.Scope)
		for _, word := range scopeWords(set.Text()) {
			one.Scopes = append(one.Scopes, s.describe(lang, word))
		}
		if g.Launch.Patient != "" {
			res, ok, err := s.chart.shown().read(ctx, a, "Patient", g.Launch.Patient)
			if err != nil {
				return nil, err
			}
			if ok {
				one.For = patientText(res)
			}
		}
		out = append(out, one)
	}
	return out, nil
}
