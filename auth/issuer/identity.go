package issuer

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Identity is what an issuer says of whom a token speaks for, validated.
type Identity struct {
	Subject  string
	Client   string // "" if it does not say
	Scope    string // as we write scopes
	Patient  string // id of a Patient of ours, "" if there is none
	FHIRUser fhir.Reference
	Roles    []string
	Expires  time.Time
	Claims   map[string]any
}

// identity reads claims by the names of the configuration.
func (i *Issuer) identity(claims map[string]any) Identity {
	n := &i.Claims
	id := Identity{Subject: text(claims["sub"]), Client: first(claims, n.Client, usual.Client), Scope: scopes(first(claims, n.Scope, usual.Scope)), Claims: claims}
	if p := first(claims, n.Patient, usual.Patient); fhir.ValidID(p) {
		id.Patient = p
	} else if ref := i.local(p); ref.Type == "Patient" {
		id.Patient = ref.ID
	}
	id.FHIRUser = i.local(first(claims, n.FHIRUser, usual.FHIRUser))
	id.Roles = words(value(claims, n.Roles, usual.Roles))
	if exp, ok := claims["exp"].(float64); ok {
		id.Expires = time.Unix(int64(exp), 0)
	}
	return id
}

// local is a reference to a resource of this server, the zero Reference for every other text.
func (i *Issuer) local(text string) fhir.Reference {
	for _, base := range i.bases {
		if ref := fhir.ParseReference(text, base); ref.Local() && ref.Type != "" && fhir.ValidID(ref.ID) {
			return fhir.Reference{Type: ref.Type, ID: ref.ID}
		}
	}
	return fhir.Reference{}
}

// value is the first claim of the names that is there.
func value(claims map[string]any, names, usual Names) any {
	if len(names) == 0 {
		names = usual
	}
	for _, name := range names {
		if v, ok := at(claims, name); ok {
			return v
		}
	}
	return nil
}

// at is the claim of a name, or what a name with dots leads to.
func at(claims map[string]any, name string) (any, bool) {
	if v, ok := claims[name]; ok {
		return v, true
	}
	head, rest, ok := strings.Cut(name, ".")
	inner, object := claims[head].(map[string]any)
	if !ok || !object {
		return nil, false
	}
	return at(inner, rest)
}

func first(claims map[string]any, names, usual Names) string {
	return strings.Join(words(value(claims, names, usual)), " ")
}

// words are the strings of a claim that is a string or a list of them.
func words(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var list []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// dotted is a scope of SMART as issuers write it whose scopes have neither slash nor star (Entra): patient.all.read.
var dotted = regexp.MustCompile(`^(patient|user|system)\.(all|[A-Z][A-Za-z]+)\.(.+)$`)

// scopes are scopes as we write them.
func scopes(claim string) string {
	list := strings.Fields(claim)
	for i, word := range list {
		if m := dotted.FindStringSubmatch(word); m != nil {
			if m[2] == "all" {
				m[2] = "*"
			}
			if m[3] == "all" {
				m[3] = "*"
			}
			list[i] = m[1] + "/" + m[2] + "." + m[3]
		}
	}
	return strings.Join(list, " ")
}

// audiences are those of a token.
func audiences(claims map[string]any) []string { return words(claims["aud"]) }

// object reads a JSON object.
func object(b []byte) (claims map[string]any, err error) {
	err = json.Unmarshal(b, &claims)
	return claims, err
}
