package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// sandboxPassword is that of the sandbox's users; everybody knows it.
const sandboxPassword = "sandbox"

// appScopes are what the sandbox's apps may ask for: everything of people.
const appScopes = "openid fhirUser profile launch launch/* offline_access online_access patient/*.cruds user/*.cruds " +
	"fhircast/Patient-open.read fhircast/Patient-open.write fhircast/Patient-close.read fhircast/Patient-close.write"

// SandboxKeys are the public keys of the sandbox's clients that use keys: a URL, or a JWK Set.
type SandboxKeys struct {
	URL string
	Set json.RawMessage
}

// FillSandbox makes the sandbox's fixed users and clients as they are documented, and leaves everything else. Users are
// linked to people of the record: a Practitioner, a Patient, a RelatedPerson.
func (s *Server) FillSandbox(ctx context.Context, practitioner, patient, related string, k SandboxKeys) error {
	hash, err := s.sandboxHash(ctx)
	if err != nil {
		return fmt.Errorf("fill the sandbox: %w", err)
	}
	as := map[string]User{
		"practitioner":  {FHIRUser: practitioner, Policy: "all"},
		"patient":       {FHIRUser: patient, Policy: "self"},
		"relatedperson": {FHIRUser: related, Policy: "related"},
		"admin":         {Policy: "all", Administrator: true},
	}
	for _, d := range DemoUsers() {
		u := as[d.Name]
		u.Name, u.Display = d.Name, d.Display
		if err := s.checkUser(ctx, &u); err != nil {
			return fmt.Errorf("fill the sandbox: %w", err)
		}
		_, err := s.users.change(ctx, u.Name, func(have *User, ok bool) (bool, time.Time) {
			u.Subject, u.Password, u.Links = have.Subject, hash, have.Links
			if !ok {
				u.Subject = s.id()
			}
			*have = u
			return true, time.Time{}
		})
		if err != nil {
			return fmt.Errorf("fill the sandbox: %w", err)
		}
	}
	apps := []string{grantCode, grantRefresh}
	for _, c := range []Client{
		{ID: "sandbox-public", Metadata: Metadata{Name: "Sandbox app (public)", AuthMethod: authNone, GrantTypes: apps, Scope: appScopes}},
		{ID: "sandbox-secret", Metadata: Metadata{Name: "Sandbox app (secret)", AuthMethod: authBasic, GrantTypes: apps, Scope: appScopes}, Introspects: true},
		{ID: "sandbox-key", Metadata: Metadata{Name: "Sandbox app (key)", AuthMethod: authKey, GrantTypes: apps, Scope: appScopes}, Introspects: true},
		{ID: "sandbox-backend", Metadata: Metadata{Name: "Sandbox backend service", AuthMethod: authKey, GrantTypes: []string{grantCredentials}, Scope: "system/*.cruds"}, Introspects: true},
	} {
		c.AnyLoopback, c.By, c.SMARTVersion = true, "sandbox", ""
		secret := ""
		if c.ID == "sandbox-secret" {
			secret = "sandbox-secret"
		}
		if c.AuthMethod == authKey {
			if err := s.sandboxKeys(ctx, &c, k); err != nil {
				return err
			}
		}
		if err := s.PutClient(ctx, c, secret); err != nil {
			return fmt.Errorf("fill the sandbox: %w", err)
		}
	}
	return nil
}

// sandboxHash is one hash for the password that all of the sandbox's users have: it protects nothing.
func (s *Server) sandboxHash(ctx context.Context) (string, error) {
	u, _, ok, err := s.users.find(ctx, "practitioner")
	if err != nil {
		return "", err
	}
	if ok {
		if same, err := s.passwords.Check(ctx, u.Password, sandboxPassword); err == nil && same {
			return u.Password, nil
		}
	}
	return s.passwords.Hash(ctx, sandboxPassword)
}

// sandboxKeys gives a client the keys of this start, or those that it had, or a set of which nobody has the key.
func (s *Server) sandboxKeys(ctx context.Context, c *Client, k SandboxKeys) error {
	old, _, _, err := s.clients.get(ctx, c.ID)
	if err != nil {
		return err
	}
	switch {
	case k.URL != "":
		c.JWKSURI = k.URL
	case len(k.Set) > 0:
		c.JWKS = k.Set
	case old.JWKSURI != "" || len(old.JWKS) > 0:
		c.JWKSURI, c.JWKS = old.JWKSURI, old.JWKS
	default: // a key that nobody has: client or --sandbox-jwks sets another
		private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			return fmt.Errorf("fill the sandbox: %w", err)
		}
		set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: "none"}}}
		if c.JWKS, err = json.Marshal(set); err != nil {
			return fmt.Errorf("fill the sandbox: %w", err)
		}
	}
	return nil
}

// DemoUsers are the users whose password is no secret: FillSandbox makes them.
func DemoUsers() []DemoUser {
	return []DemoUser{
		{Name: "practitioner", Password: sandboxPassword, Display: "Demo practitioner", Role: "sees all patients"},
		{Name: "patient", Password: sandboxPassword, Display: "Demo patient", Role: "is the first patient, sees their own record"},
		{Name: "relatedperson", Password: sandboxPassword, Display: "Demo related person", Role: "cares for one patient, sees that record"},
		{Name: "admin", Password: sandboxPassword, Display: "Demo administrator", Role: "sees all, changes users and clients"},
	}
}

// demo are those of the login page.
func (s *Server) demo() []DemoUser {
	if !s.o.Sandbox {
		return nil
	}
	return DemoUsers()
}
