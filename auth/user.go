package auth

import (
	"context"
	"fmt"
	"strings"

	"github.com/firewarden/firewarden/auth/launch"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// User is a person who signs in.
type User struct {
	Name    string `json:"name"`    // what is typed; unique, compared as it is written
	Subject string `json:"subject"` // sub: never given to another user, also not one of the same name
	Display string `json:"display,omitempty"`
	// FHIRUser is the person's own resource: Practitioner/123, Patient/…, RelatedPerson/…, Person/…
	FHIRUser string `json:"fhirUser,omitempty"`
	Policy   string `json:"policy,omitempty"` // name of what the user may see; "" is nothing
	Password string `json:"password,omitempty"`
	// Administrator may change clients, users and keys, and see everybody's grants.
	Administrator bool `json:"administrator,omitempty"`
	Disabled      bool `json:"disabled,omitempty"`
	// Links are who the user is to outside issuers by which the user signs in; From is the issuer that has made the user
	// and says with every sign-in who that is in the record and what the policy is.
	Links []Link `json:"links,omitempty"`
	From  string `json:"from,omitempty"`
	// Contexts are what an app is launched with that asks for a context and brings none, when there is one choice.
	Contexts []launch.Context `json:"contexts,omitempty"`
}

// check refuses users that could not work.
func (u *User) check() error {
	if u.Name == "" || len(u.Name) > 100 || strings.TrimSpace(u.Name) != u.Name || strings.ContainsFunc(u.Name, func(r rune) bool { return r < ' ' }) {
		return fmt.Errorf("%q is no name of a user", u.Name)
	}
	if u.FHIRUser != "" {
		if typ, _ := u.person(); typ == "" {
			return fmt.Errorf("%q is no Practitioner, Patient, RelatedPerson or Person, as in Practitioner/123", u.FHIRUser)
		}
	}
	return nil
}

// person is the resource that the user is; "" if it is none of those that SMART knows.
func (u *User) person() (typ, id string) {
	ref := fhir.ParseReference(u.FHIRUser, "")
	switch ref.Type {
	case "Practitioner", "Patient", "RelatedPerson", "Person", "PractitionerRole":
		if ref.Local() && r4.IsResource(ref.Type) {
			return ref.Type, ref.ID
		}
	}
	return "", ""
}

// reference is the person's resource, the zero Reference if there is none.
func (u *User) reference() fhir.Reference {
	typ, id := u.person()
	return fhir.Reference{Type: typ, ID: id}
}

// display is the user for people.
func (u *User) display() string {
	if u.Display != "" {
		return u.Display
	}
	return u.Name
}

// users are those who can sign in.
type users struct{ table[User] }

// find gives a user who may be used.
func (t users) find(ctx context.Context, name string) (u User, version uint64, ok bool, err error) {
	if name == "" || len(name) > 100 {
		return u, 0, false, nil
	}
	u, version, ok, err = t.get(ctx, name)
	if err != nil {
		return u, 0, false, fmt.Errorf("find a user: %w", err)
	}
	return u, version, ok && !u.Disabled, nil
}
