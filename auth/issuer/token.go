package issuer

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// ErrInvalid is every token that an issuer does not stand for, whatever is wrong with it.
var ErrInvalid = errors.New("the token is not one of the issuer's")

// Takes says whether a token may be one of this issuer's access tokens: its iss says so, or it is no JWT and the issuer
// is asked about such. Nothing is believed by that.
func (i *Issuer) Takes(token string) bool {
	if i.Tokens == nil || len(token) > 16<<10 {
		return false
	}
	iss, ok := Claimed(token)
	if !ok {
		return i.Tokens.Validate == ByIntrospection
	}
	return iss == i.Config.Issuer
}

// Claimed is the iss of a JWT that nobody has verified; ok is false of what is no JWT.
func Claimed(token string) (iss string, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	err = json.Unmarshal(b, &claims)
	return claims.Issuer, err == nil
}

// Token validates an access token of the issuer. until is when it has to be validated again.
func (i *Issuer) Token(ctx context.Context, token string) (id Identity, until time.Time, err error) {
	if i.Tokens == nil {
		return id, until, ErrInvalid
	}
	now, believe := i.o.Now(), fresh
	var claims map[string]any
	if i.Tokens.Validate == ByIntrospection {
		believe = i.believe
		claims, err = i.introspect(ctx, token)
	} else {
		claims, err = i.verify(ctx, token, "", "jwt", "at+jwt")
	}
	if err != nil {
		return id, until, err
	}
	if id = i.identity(claims); !i.admits(claims, &id) {
		return id, until, ErrInvalid
	}
	until = now.Add(believe)
	if id.Expires.IsZero() { // an introspection without exp
		id.Expires = until.Add(time.Second)
	}
	return id, until, nil
}

// admits holds a token to whom it is for and of which client it is. A token without scopes is none for access: so is
// an id token, whatever its aud.
func (i *Issuer) admits(claims map[string]any, id *Identity) bool {
	want := i.Tokens.Audience
	if len(want) == 0 {
		want = Names{i.o.FHIR}
	}
	meant := slices.ContainsFunc(audiences(claims), func(a string) bool { return slices.Contains(want, a) })
	if _, nonce := claims["nonce"]; nonce || !meant || id.Scope == "" {
		return false
	}
	return len(i.Tokens.Clients) == 0 || slices.Contains(i.Tokens.Clients, id.Client)
}

// introspect asks the issuer about a token (RFC 7662).
func (i *Issuer) introspect(ctx context.Context, token string) (map[string]any, error) {
	at, err := i.endpoint(ctx, i.Introspection, func(e *endpoints) string { return e.Introspection })
	if err != nil {
		return nil, err
	}
	select {
	case i.asking <- struct{}{}:
		defer func() { <-i.asking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	body, err := i.post(ctx, at, url.Values{"token": {token}, "token_type_hint": {"access_token"}}, i.Tokens.ClientID, i.Tokens.Secret, "client_secret_basic")
	if err != nil {
		return nil, fmt.Errorf("introspect at %s: %w", i.Config.Issuer, err)
	}
	claims, err := object(body)
	if err != nil {
		return nil, fmt.Errorf("introspect at %s: %w", i.Config.Issuer, err)
	}
	if active, _ := claims["active"].(bool); !active {
		return nil, ErrInvalid
	}
	if typ, said := claims["token_type"].(string); said && !strings.EqualFold(typ, "Bearer") {
		return nil, ErrInvalid
	}
	// iss and exp may be left out (RFC 7662 §2.2): it is the issuer who answers.
	if claims["iss"] == nil {
		claims["iss"] = i.Config.Issuer
	}
	if claims["exp"] == nil {
		claims["exp"] = float64(i.o.Now().Add(i.believe + time.Minute).Unix())
	}
	if !i.current(claims) {
		return nil, ErrInvalid
	}
	return claims, nil
}
