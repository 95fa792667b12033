package model

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Log takes in an event of the audit log as the server tells it.
func (m *Model) Log(id string, body []byte) (*Version, error) {
	v := &Version{Type: "AuditEvent", ID: id, Number: 1, Method: http.MethodPost, Logged: true, Text: string(body), JSON: decoded(string(body))}
	var err error
	if v.At, err = time.Parse(time.RFC3339, text(v.JSON["recorded"])); err != nil {
		return nil, fmt.Errorf("%s: %w", body, err)
	}
	m.add(v)
	return v, nil
}

// Act is an interaction that the log is to tell of.
type Act struct {
	Code     string // of the FHIR interaction
	Type, ID string
	Query    string
	Status   int
	Saw      []*Version // what the answer holds, as it was stored
	Wrote    *Version
}

// Writes are the acts by which versions were written.
func Writes(written []*Version) (acts []Act) {
	for _, v := range written {
		a := Act{Code: "update", Type: v.Type, ID: v.ID, Status: http.StatusOK, Wrote: v}
		switch {
		case v.Deleted:
			a.Code = "delete"
		case v.Number == 1:
			a.Code = "create"
		case v.Method == http.MethodPatch:
			a.Code = "patch"
		}
		acts = append(acts, a)
	}
	return acts
}

// Told are the events of an act, one in a line: of one about several patients one for each, and one that holds what was
// asked and is about nobody.
func (m *Model) Told(a Act) (lines []string) {
	whom := m.whom(a)
	what := ""
	if a.ID != "" {
		what = a.Type + "/" + a.ID
	}
	count := len(a.Saw)
	if a.Wrote != nil {
		what += "/_history/" + number(a.Wrote)
	}
	outcome := "0"
	if a.Status >= 400 {
		outcome = "4"
	}
	if a.Status >= 500 {
		outcome = "8"
	}
	query := ""
	if a.Query != "" || a.ID == "" {
		query = fmt.Sprintf("%s%q count %d", a.Type, Pairs(a.Query), count)
	}
	line := func(patient, query string) {
		lines = append(lines, strings.Join([]string{a.Code, outcome, what, "patient " + patient, query}, "; "))
	}
	if len(whom) == 1 {
		line(whom[0], query)
		return lines
	}
	line("", query)
	for _, id := range whom {
		line(id, "")
	}
	return lines
}

// whom are the patients that an act is about: those in whose compartment is what was read or written, before and after,
// and those that the request names by id.
func (m *Model) whom(a Act) (ids []string) {
	versions := a.Saw
	if w := a.Wrote; w != nil {
		if !w.Deleted {
			versions = append(versions, w)
		}
		for _, v := range m.of[w.Type+"/"+w.ID] {
			if v.Number == w.Number-1 && !v.Deleted {
				versions = append(versions, v)
			}
		}
	}
	for _, v := range versions {
		if !v.Deleted {
			ids = append(ids, m.patients(v)...)
		}
	}
	for _, p := range Pairs(a.Query) {
		for value := range strings.SplitSeq(p[1], ",") {
			typ, id, typed := strings.Cut(strings.TrimPrefix(value, m.Base+"/"), "/")
			switch name := p[0]; {
			case name == "patient", name == "patient:Patient", name == "subject:Patient", name == "_id" && a.Type == "Patient":
				if !typed {
					typ, id = "Patient", typ
				}
			case name != "subject" && name != "_in" || !typed:
				continue
			}
			if typ == "Patient" {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Line is an event of the log as Told has it.
func (v *Version) Line() string {
	first := func(path string) string { return text(append(v.at(path), "")[0]) }
	what, patient, query := "", "", ""
	for _, x := range v.at("entity") {
		e := decoded(encoded(x))
		to := text(append(values(e, "what", "reference"), "")[0])
		switch append(values(e, "role", "code"), "")[0] {
		case "1":
			patient = strings.TrimPrefix(to, "Patient/")
		case "4":
			what = to
		case "24":
			asked, err := base64.StdEncoding.DecodeString(text(e["query"]))
			if err != nil {
				return err.Error()
			}
			typ, rest, _ := strings.Cut(string(asked), "?")
			query = fmt.Sprintf("%s%q count %s", typ, Pairs(rest), text(append(values(e, "detail", "valueString"), "")[0]))
		}
	}
	return strings.Join([]string{first("subtype.code"), first("outcome"), what, "patient " + patient, query}, "; ")
}

// By is who has asked, as an event says: the name of a user, else the client.
func (v *Version) By() string {
	for _, x := range append(v.at("agent.altId"), v.at("agent.who.identifier.value")...) {
		return text(x)
	}
	return ""
}
