package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/firewarden/firewarden/auth/issuer"
	"github.com/firewarden/firewarden/auth/launch"
	"github.com/firewarden/firewarden/auth/scope"
)

// outside is who an access token of an outside issuer speaks for.
type outside struct {
	issuer *issuer.Issuer
	issuer.Identity
	until time.Time // then it has to be validated again
}

// stale says whether a token of an outside issuer has to be validated again: it may be revoked there.
func (b *bearer) stale(now time.Time) bool { return b.outside != nil && !now.Before(b.outside.until) }

func (s *Server) openIssuers() (list []*issuer.Issuer, err error) {
	known := map[string]bool{s.o.Base: true}
	for _, c := range s.o.Issuers {
		i, err := issuer.New(c, issuer.Options{FHIR: s.fhir, Reach: s.o.Reach, Now: s.o.Now, Random: s.o.Random})
		switch {
		case err != nil:
			return nil, err
		case known[c.Issuer] || c.ID != "" && known["id "+c.ID]:
			return nil, fmt.Errorf("issuer %s: there is another one of this issuer or id, or it is this server", c.Issuer)
		}
		known[c.Issuer], known["id "+c.ID] = true, true
		list = append(list, i)
	}
	return list, nil
}

// admitOutside validates a token that is none of ours by the issuer whose it may be.
func (s *Server) admitOutside(ctx context.Context, token string) (*bearer, error) {
	for _, i := range s.issuers {
		if !i.Takes(token) {
			continue
		}
		id, until, err := i.Token(ctx, token)
		if err == nil {
			return &bearer{claims: tokenClaims{Expires: id.Expires.Unix()}, outside: &outside{i, id, until}}, nil
		}
		if !errors.Is(err, issuer.ErrInvalid) { // it cannot be asked: what cannot be validated is not taken
			s.o.Logger.Warn("a token of an outside issuer cannot be validated", "issuer", i.Config.Issuer, "reason", err.Error())
		}
	}
	return nil, opensNothing("neither this server nor an issuer that it trusts has given it")
}

// findOutside makes the caller of an outside token: its scopes as far as the configuration lets the issuer open data,
// in the patient that it names, under the policy that its roles mean here. A constraint by a search parameter that only
// this server has opens nothing: which one the issuer meant when it granted nobody can say.
func (s *Server) findOutside(ctx context.Context, b *bearer) (*compiled, error) {
	out, o := &compiled{params: s.params()}, b.outside
	granted, refused := scope.Parse(o.Scope)
	most, _ := scope.Parse(o.issuer.Tokens.Scope)
	granted, _ = granted.Narrow(most)
	if s.o.OldScopesOnly {
		var old scope.Set
		for _, d := range granted.Data() {
			if oldScope(d.Text()) {
				old = old.With(d.Text())
			}
		}
		granted = old
	}
	within := scope.Context{Patient: o.Patient, Params: out.params, Refused: refused}
	if policy, bound := o.issuer.PolicyOf(o.Roles); bound {
		var err error
		if within.User, err = out.bind(ctx, s, policy, o.FHIRUser); err != nil {
			return nil, err
		}
	}
	granted = s.meaning(granted, within.User != nil)
	within.NoDelete = s.o.DeleteNeedsScope && !granted.Has("cdr_fhir_delete")
	out.caller = Caller{Access: granted.Access(within), Issuer: o.issuer.Config.Issuer, Client: o.Client, User: o.Identity.Subject, Subject: o.FHIRUser.String(), Scope: granted.String(), Scopes: granted, Ceiling: most, Launch: launch.Context{Patient: o.Patient},
		Expires: b.claims.Expires, Identity: strings.Join([]string{"outside", o.issuer.Config.Issuer, o.Client, o.Subject, o.Patient, o.FHIRUser.String(), granted.String()}, "\n")}
	return out, nil
}
