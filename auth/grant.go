package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/firewarden/firewarden/auth/launch"
	"github.com/firewarden/firewarden/store"
)

// Grant is what a user, or for a backend service its registration, has granted to a client. Every token depends on
// its grant: a revoked grant has none.
type Grant struct {
	ID      string         `json:"id"`
	Client  string         `json:"client"`
	User    string         `json:"user,omitempty"`    // name; "" for a backend service
	Subject string         `json:"subject,omitempty"` // of the user: another user of the same name inherits nothing
	Scope   string         `json:"scope"`
	Launch  launch.Context `json:"launch,omitzero"`
	Login   string         `json:"login,omitempty"` // key of the Login in which it was granted
	Online  bool           `json:"online,omitempty"`
	Offline bool           `json:"offline,omitempty"`

	Nonce    string    `json:"nonce,omitempty"`
	AuthTime time.Time `json:"authTime,omitzero"`
	Created  time.Time `json:"created"`
	Used     time.Time `json:"used,omitzero"` // when a token of it was issued last
	Ends     time.Time `json:"ends,omitzero"` // zero: with its revocation only
	Revoked  bool      `json:"revoked,omitempty"`
	Minted   bool      `json:"minted,omitempty"` // by an administrator: the registration does not bound it

	// Parameters is the generation of the server's own search parameters that the scopes were granted by: a constraint by
	// one that has been changed since grants nothing.
	Parameters uint64 `json:"parameters,omitempty"`

	// Of refresh tokens: the generation of the one that counts, and since when.
	Generation int       `json:"generation,omitempty"`
	Rotated    time.Time `json:"rotated,omitzero"`
}

// grants are kept under their id; byUser and byClient find them.
type grants struct {
	table[Grant]
	byUser, byClient table[struct{}] // keys: name, a line feed, the grant's id
}

func newGrants(kv store.KV) grants {
	return grants{table[Grant]{kv, "grant"}, table[struct{}]{kv, "grant-by-user"}, table[struct{}]{kv, "grant-by-client"}}
}

// errKnown says that a grant of this id is there, or was and is revoked.
var errKnown = errors.New("the grant is there already")

// add keeps a new grant. Only one of several who add the same id succeeds: so a code is redeemed once.
func (t grants) add(ctx context.Context, g Grant) error {
	if g.User != "" { // an index entry without its grant is harmless, a grant without its entry could not be withdrawn
		if err := t.index(ctx, g); err != nil {
			return err
		}
	}
	_, err := t.put(ctx, g.ID, g, 0, g.Ends)
	if errors.Is(err, store.ErrConflict) {
		return errKnown
	}
	return err
}

func (t grants) index(ctx context.Context, g Grant) error {
	if _, err := t.byUser.put(ctx, g.User+"\n"+g.ID, struct{}{}, store.AnyVersion, g.Ends); err != nil {
		return err
	}
	_, err := t.byClient.put(ctx, g.Client+"\n"+g.ID, struct{}{}, store.AnyVersion, g.Ends)
	return err
}

// live gives a grant that is not revoked.
func (t grants) live(ctx context.Context, id string) (g Grant, version uint64, ok bool, err error) {
	g, version, ok, err = t.get(ctx, id)
	if err != nil {
		return g, 0, false, fmt.Errorf("find a grant: %w", err)
	}
	return g, version, ok && !g.Revoked, nil
}

// revoke ends a grant with all its tokens. What stays of it for a day is that it was: its code is not redeemed later.
func (t grants) revoke(ctx context.Context, id string, now time.Time) error {
	gone := Grant{ID: id, Revoked: true, Created: now}
	old, err := t.change(ctx, id, func(g *Grant, ok bool) (bool, time.Time) {
		if ok && g.Revoked {
			return false, time.Time{}
		}
		gone.User, gone.Client = g.User, g.Client
		*g = gone
		return true, now.Add(24 * time.Hour)
	})
	if err != nil {
		return fmt.Errorf("revoke a grant: %w", err)
	}
	if old.User != "" {
		err = errors.Join(t.byUser.remove(ctx, old.User+"\n"+id, store.AnyVersion), t.byClient.remove(ctx, old.Client+"\n"+id, store.AnyVersion))
	}
	return err
}

// of gives the live grants of a user, of a client, or of both together; the other name is "".
func (t grants) of(ctx context.Context, user, client string) (list []Grant, err error) {
	index, name := t.byUser, user
	if user == "" {
		index, name = t.byClient, client
	}
	var ids []string
	err = index.each(ctx, name+"\n", func(key string, _ struct{}) bool {
		ids = append(ids, strings.TrimPrefix(key, name+"\n"))
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("list grants: %w", err)
	}
	for _, id := range ids {
		g, _, ok, err := t.live(ctx, id)
		if err != nil {
			return nil, err
		}
		if ok && (client == "" || g.Client == client) {
			list = append(list, g)
		}
	}
	return list, nil
}
