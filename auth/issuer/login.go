package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"time"
)

// Pending is a sign-in on its way: what the browser has to come back with. It is kept where the browser does not reach.
type Pending struct {
	Issuer   string    `json:"issuer"` // ID
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`              // of PKCE
	Since    time.Time `json:"since,omitzero"`        // the person has to have proved who they are since then
	Client   string    `json:"clientID"`              // ours
	Back     string    `json:"redirect"`              // our redirect URI, one for each issuer (RFC 9700 §4.4.2)
	Names    bool      `json:"namesItself,omitempty"` // the issuer says that it names itself in its answers (RFC 9207)
}

// Begin gives where to send a browser so that somebody signs in, and what to keep until it comes back with state. With
// since, the issuer is told to ask again who it is; hint is who it probably is.
func (i *Issuer) Begin(ctx context.Context, state, back, hint string, since time.Time) (to string, p Pending, err error) {
	at, err := i.endpoint(ctx, i.Authorization, func(e *endpoints) string { return e.Authorization })
	if err != nil {
		return "", p, err
	}
	i.mu.Lock()
	p = Pending{Issuer: i.ID, Since: since, Client: i.Login.ClientID, Back: back, Names: i.found.SaysIssuer}
	i.mu.Unlock()
	for _, to := range []*string{&p.Nonce, &p.Verifier} {
		var b [32]byte
		if _, err := io.ReadFull(i.o.Random, b[:]); err != nil {
			return "", p, err
		}
		*to = base64.RawURLEncoding.EncodeToString(b[:])
	}
	sum := sha256.Sum256([]byte(p.Verifier))
	q := url.Values{"response_type": {"code"}, "client_id": {p.Client}, "redirect_uri": {back}, "scope": {i.loginScope()}, "state": {state}, "nonce": {p.Nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	if hint != "" {
		q.Set("login_hint", hint)
	}
	if !since.IsZero() {
		q.Set("prompt", "login")
	}
	u, err := url.Parse(at)
	if err != nil {
		return "", p, err
	}
	for name, values := range u.Query() {
		q[name] = values
	}
	u.RawQuery = q.Encode()
	return u.String(), p, nil
}

func (i *Issuer) loginScope() string {
	if i.Login.Scope == "" {
		return "openid profile fhirUser"
	}
	return i.Login.Scope
}

// Finish finds who has signed in, by what the browser came back with (OpenID Connect Core §3.1.3). ErrInvalid is
// everything that somebody else may have made up, and a person who has said no.
func (i *Issuer) Finish(ctx context.Context, p Pending, answer url.Values) (Identity, error) {
	said := answer.Get("iss")
	if p.Issuer != i.ID || said != "" && said != i.Config.Issuer || said == "" && p.Names || answer.Get("code") == "" {
		return Identity{}, ErrInvalid
	}
	at, err := i.endpoint(ctx, i.Endpoint, func(e *endpoints) string { return e.Token })
	if err != nil {
		return Identity{}, err
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {p.Back}, "code_verifier": {p.Verifier}}
	body, err := i.post(ctx, at, form, p.Client, i.Login.Secret, i.Login.AuthMethod)
	if err != nil {
		return Identity{}, fmt.Errorf("redeem a code at %s: %w", i.Config.Issuer, err)
	}
	var tokens struct {
		ID string `json:"id_token"`
	}
	if err := json.Unmarshal(body, &tokens); err != nil {
		return Identity{}, fmt.Errorf("redeem a code at %s: %w", i.Config.Issuer, err)
	}
	claims, err := i.verify(ctx, tokens.ID, "", "jwt")
	if err != nil {
		return Identity{}, err
	}
	id := i.identity(claims)
	aud := audiences(claims)
	azp, named := claims["azp"].(string)
	if id.Subject == "" || !slices.Contains(aud, p.Client) || len(aud) > 1 && !named || named && azp != p.Client || text(claims["nonce"]) != p.Nonce {
		return Identity{}, ErrInvalid
	}
	if at, ok := claims["auth_time"].(float64); ok && !p.Since.IsZero() && time.Unix(int64(at), 0).Before(p.Since.Add(-skew)) {
		return Identity{}, ErrInvalid // it has not asked again
	}
	return id, nil
}

// NameOf is what the user is called, by the claim that the configuration says.
func (i *Issuer) NameOf(id Identity) string {
	if i.Login.User == "" {
		return id.Subject
	}
	name, _ := at(id.Claims, i.Login.User)
	return text(name)
}
