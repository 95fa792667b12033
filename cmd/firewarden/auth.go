package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/issuer"
	"github.com/firewarden/firewarden/auth/keys"
	"github.com/firewarden/firewarden/internal/config"
	"github.com/firewarden/firewarden/internal/synth"
	"github.com/firewarden/firewarden/store/audit"
)

// authorization puts the authorization server together, with the users and clients that are declared.
func (s *site) authorization(ctx context.Context) error {
	c := &s.c.Auth
	issuers, err := declaredIssuers(s.c)
	if err != nil {
		return err
	}
	recheck := time.Second      // nobody else writes to a store of our own, and what we write counts at once
	if s.data.embedded == nil { // other servers may be on the database, and to ask it takes as long as to read a resource
		recheck = 400 * time.Millisecond
	}
	s.auth, err = auth.New(ctx, auth.Options{
		Base: s.base, Store: s.data.store, Indexer: s.data.service.Indexer, Params: s.data.service.Parameters.Set, Pages: s.pages, Texts: s.texts, Sandbox: s.sandbox,
		Registration: auth.Registration(c.Registration), OldScopesOnly: c.OldScopesOnly, DeleteNeedsScope: c.DeleteNeedsScope,
		AllAuthorities: c.AllAuthorities, Aliases: c.Aliases, OnlineIsOffline: c.OnlineIsOffline, FrameAncestors: c.FrameAncestors, StyleURL: c.StyleURL,
		Life: auth.Life{Access: c.AccessLife, Backend: c.BackendLife, Code: c.CodeLife, Refresh: c.RefreshLife, Grace: c.RefreshGrace,
			Login: c.LoginLife, Flow: c.FlowLife, Launch: c.LaunchLife, Key: c.KeyLife},
		KeySecret: c.KeySecret,
		Limits: auth.Limits{Login: auth.Rate(c.LoginLimit), User: auth.Rate(c.UserLimit), Address: auth.Rate(c.AddressLimit), Token: auth.Rate(c.TokenLimit),
			Registration: auth.Rate(c.RegistrationLimit), Authorize: auth.Rate(c.AuthorizeLimit)},
		Issuers: issuers, Recheck: recheck, Reach: reaches[c.Reach], Logger: s.log, Now: s.m.Now, Random: s.m.Random,
	})
	if err != nil {
		return err
	}
	if s.sandbox {
		own, err := s.sandboxKeys()
		if err != nil {
			return err
		}
		if err := s.auth.FillSandbox(ctx, "Practitioner/practitioner-01", "Patient/"+synth.PatientID(0), "RelatedPerson/"+synth.RelatedPersonID(), own); err != nil {
			return err
		}
	}
	if err := s.declare(ctx); err != nil || s.sandbox {
		return err
	}
	s.setup, err = s.auth.SetupLink(ctx)
	return err
}

// reaches are the values of the key reach.
var reaches = map[string]keys.Reach{"public": keys.Public, "loopback": keys.Loopback, "private": keys.Private}

// sandboxKeys are the keys that --sandbox-jwks names.
func (s *site) sandboxKeys() (k auth.SandboxKeys, err error) {
	at := s.c.SandboxJWKS
	if at == "" || strings.HasPrefix(at, "http://") || strings.HasPrefix(at, "https://") {
		return auth.SandboxKeys{URL: at}, nil
	}
	if k.Set, err = os.ReadFile(at); err != nil {
		return k, fmt.Errorf("sandbox-jwks: %w", err)
	}
	return k, nil
}

// declaredIssuers are those of the key issuers.
func declaredIssuers(c *config.Config) (list []issuer.Config, err error) {
	err = declared(c.Auth.Issuers, "issuers", func(i issuer.Config) error {
		list = append(list, i)
		return i.Check()
	})
	return list, err
}

// declare writes the policies, users and clients of the configuration. What it changes is in the audit log.
func (s *site) declare(ctx context.Context) error {
	trail := s.data.log.Begin(audit.Record{})
	trail.By(audit.Who{Client: "configuration"})
	ctx = trail.In(ctx)
	if err := errors.Join(s.declarePolicies(ctx), s.declareUsers(ctx), s.declareClients(ctx)); err != nil {
		return err
	}
	return trail.End(http.StatusOK, func() audit.Act { return audit.Act{} })
}

// declarePolicies writes those of the key policies.
func (s *site) declarePolicies(ctx context.Context) error {
	if s.c.Policies == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(s.c.Policies))
	d.DisallowUnknownFields()
	var entries map[string]auth.Policy
	if err := d.Decode(&entries); err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	for name, p := range entries {
		if err := s.auth.PutPolicy(ctx, name, p); err != nil {
			return fmt.Errorf("policies: %w", err)
		}
	}
	return nil
}

// declaredUser is an entry of the key users.
type declaredUser struct {
	auth.User
	Password string `json:"password"`
}

func (s *site) declareUsers(ctx context.Context) error {
	return declared(s.c.Users, "users", func(u declaredUser) error {
		return s.auth.PutUser(ctx, u.User, u.Password)
	})
}

// declaredClient is an entry of the key clients: the members of RFC 7591, and what only an administrator says.
type declaredClient struct {
	auth.Metadata
	ID          string   `json:"client_id"`
	Secret      string   `json:"client_secret"`
	Scopes      []string `json:"scopes"` // scope as a list
	Introspects bool     `json:"introspects"`
	AutoApprove string   `json:"autoApprove"`
}

func (s *site) declareClients(ctx context.Context) error {
	return declared(s.c.Clients, "clients", func(c declaredClient) error {
		c.Scope = strings.Join(append(strings.Fields(c.Scope), c.Scopes...), " ")
		return s.auth.PutClient(ctx, auth.Client{ID: c.ID, Metadata: c.Metadata, Introspects: c.Introspects, AutoApprove: c.AutoApprove,
			Verified: true, By: "configuration"}, c.Secret)
	})
}

// declared calls put for each entry of a list of the configuration. What is misspelt is refused.
func declared[T any](list json.RawMessage, key string, put func(T) error) error {
	if list == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(list))
	d.DisallowUnknownFields()
	var entries []T
	if err := d.Decode(&entries); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	for i, e := range entries {
		if err := put(e); err != nil {
			return fmt.Errorf("%s, entry %d: %w", key, i+1, err)
		}
	}
	return nil
}

// announceUsers says who can sign in to a sandbox, and by which clients.
func (s *site) announceUsers() {
	w := s.m.Stdout
	if s.sandbox {
		fmt.Fprintln(w, "\nUsers (password sandbox): practitioner, patient, relatedperson, admin")
		fmt.Fprintln(w, "Clients: sandbox-public, sandbox-secret (secret sandbox-secret), sandbox-key, sandbox-backend; any redirect URI on this machine")
	}
	if s.setup != "" {
		fmt.Fprintf(w, "\nNobody can sign in yet. Make the administrator here, within 30 minutes:\n  %s\n", s.setup)
	}
}
