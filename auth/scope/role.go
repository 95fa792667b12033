package scope

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// Role is a policy before it is known whose it is. The zero Role gives everybody the zero Policy.
type Role struct {
	letters  Letters
	patients func(user fhir.Reference) (Patients, error)
	since    uint64 // generation of own search parameters
}

// Placeholder stands in the search of a role for the user's own resource, as in Practitioner/1.
const Placeholder = "{user}"

var errNotThis = errors.New("the policy is not one for this kind of user")

// reads are the letters of who changes nothing.
const reads = Letters(1<<search.Read | 1<<search.Search)

// BuiltIn are the roles that every server has, by name.
func BuiltIn() map[string]Role {
	return map[string]Role{
		"all":       {letters: All, patients: everyone},
		"readonly":  {letters: reads, patients: everyone},
		"self":      {letters: All, patients: self},
		"related":   {letters: All, patients: related},
		"care-team": {letters: All, patients: careTeam},
	}
}

// ParseRole reads a policy of the configuration. Patients are all, none, or a search for Patients, in which {user} is
// the user's own resource; it sees what nobody has granted, so it may ask chains and _has:
//
//	Patient?general-practitioner={user}
//	Patient?_has:CareTeam:patient:participant={user}&active=true
//
// letters are those of a scope; "" is all.
func ParseRole(patients, letters string) (Role, error) {
	r := Role{letters: All}
	if letters != "" {
		var ok bool
		if r.letters, ok = parseLetters(letters); !ok {
			return Role{}, fmt.Errorf("%q are no letters in the order cruds", letters)
		}
	}
	switch patients {
	case "all":
		r.patients = everyone
		return r, nil
	case "none":
		return r, nil
	}
	typ, query, ok := strings.Cut(patients, "?")
	if !ok || typ != "Patient" {
		return Role{}, fmt.Errorf("%q is neither all, none nor a search as in Patient?general-practitioner=%s", patients, Placeholder)
	}
	var pairs []search.Pair
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || name == "" || value == "" {
			return Role{}, fmt.Errorf("%q is not name=value", part)
		}
		pairs = append(pairs, search.Pair{Name: name, Value: value})
	}
	if _, err := searched(pairs, fhir.Reference{Type: "Practitioner", ID: "1"}); err != nil {
		return Role{}, errors.New(why(err))
	}
	r.patients = func(user fhir.Reference) (Patients, error) { return searched(pairs, user) }
	return r, nil
}

// Since is the role as it was written with the own search parameters of a generation: one that has changed later makes it
// unavailable.
func (r Role) Since(generation uint64) Role {
	r.since = generation
	return r
}

// Fault says why the policy opens nothing with these search parameters (nil: R4's); nil if it can be evaluated.
func (r Role) Fault(params *parameters.Set) error {
	b, err := r.For(fhir.Reference{Type: "Practitioner", ID: "1"})
	if errors.Is(err, errNotThis) {
		return nil
	}
	return errors.Join(err, readRule(&b, params))
}

// searched is the rule with the user in it. What it asks by parameters that R4 does not have is read later.
func searched(pairs []search.Pair, user fhir.Reference) (Patients, error) {
	pairs = slices.Clone(pairs)
	for i, p := range pairs {
		if strings.Contains(p.Value, Placeholder) && (user.Type == "" || !fhir.ValidID(user.ID)) {
			return nil, errNotThis
		}
		pairs[i].Value = strings.ReplaceAll(p.Value, Placeholder, user.Type+"/"+user.ID)
	}
	q, err := parseRule(pairs, nil)
	if fhir.KindOf(err) == fhir.KindUnknownParam {
		return Rule{pairs: pairs}, nil
	}
	return Rule{Query: q}, err
}

// parseRule reads the search of a policy. It asks of Patients and nothing else: it has no includes or order.
func parseRule(pairs []search.Pair, params *parameters.Set) (search.Query, error) {
	q, err := search.Parse("Patient", pairs, search.Options{Params: params})
	switch {
	case err != nil:
		return search.Query{}, err
	case q.Where == nil || q.Where == search.All:
		return search.Query{}, errors.New("the search names no parameter that Patients are found by")
	case q.Sort != nil || q.Include != nil || q.RevInclude != nil || q.Page != "" || q.Count >= 0 || q.CountOnly || q.Total != search.TotalNone:
		return search.Query{}, errors.New("the search of a policy has no includes, order or pages")
	}
	return search.Query{Type: "Patient", Where: q.Where}, nil
}

// For is the policy of the role for the user who is that resource, nothing if there is none; Unavailable if the role
// cannot be evaluated for such a user, and then err says why.
func (r Role) For(user fhir.Reference) (b Bound, err error) {
	if r.patients == nil {
		return Policy{Letters: r.letters}, nil
	}
	patients, err := r.patients(user)
	if err != nil {
		return Unavailable{err}, err
	}
	if rule, ok := patients.(Rule); ok {
		rule.since = r.since
		patients = rule
	}
	return Policy{patients, r.letters}, nil
}

func everyone(fhir.Reference) (Patients, error) { return Everyone{}, nil }

// self: a Patient, or the Patients that a Person is.
func self(user fhir.Reference) (Patients, error) {
	if !fhir.ValidID(user.ID) {
		return nil, errNotThis
	}
	switch user.Type {
	case "Patient":
		return Panel{search.NewPanel([]string{user.ID})}, nil
	case "Person":
		return has("Person", "patient", search.ID(user.ID)), nil
	}
	return nil, errNotThis
}

// related: the Patients to whom a RelatedPerson is related, unless that is over; a Person's own, too.
func related(user fhir.Reference) (Patients, error) {
	if !fhir.ValidID(user.ID) {
		return nil, errNotThis
	}
	switch user.Type {
	case "RelatedPerson":
		return has("RelatedPerson", "patient", search.And{search.ID(user.ID), still("RelatedPerson", "active:not=false")}), nil
	case "Person":
		link := search.Has{Source: "Person", P: r4.Lookup("Person", "relatedperson"), X: search.ID(user.ID)}
		rule := has("RelatedPerson", "patient", search.And{link, still("RelatedPerson", "active:not=false")})
		rule.Query.Where = search.Or{rule.Query.Where, has("Person", "patient", search.ID(user.ID)).Query.Where}
		return rule, nil
	}
	return nil, errNotThis
}

// careTeam: the Patients with a care team in force in which the user is.
func careTeam(user fhir.Reference) (Patients, error) {
	switch user.Type {
	case "Practitioner", "PractitionerRole", "RelatedPerson", "Patient", "Organization":
	default:
		return nil, errNotThis
	}
	if !fhir.ValidID(user.ID) {
		return nil, errNotThis
	}
	in := search.Param{P: r4.Lookup("CareTeam", "participant"), Any: []search.Value{{Raw: user.String(), Ref: user}}}
	return has("CareTeam", "patient", search.And{in, still("CareTeam", "status:not=proposed,suspended,inactive,entered-in-error")}), nil
}

// has is the rule that finds the Patients to whom some source in x refers.
func has(source, param string, x search.Expr) Rule {
	return Rule{Query: search.Query{Type: "Patient", Where: search.Has{Source: source, P: r4.Lookup(source, param), X: x}}}
}

// still is a condition of the built-in rules.
func still(typ, condition string) search.Expr {
	name, value, _ := strings.Cut(condition, "=")
	q, err := search.Parse(typ, []search.Pair{{Name: name, Value: value}}, search.Options{})
	if err != nil {
		return search.None
	}
	return q.Where
}
