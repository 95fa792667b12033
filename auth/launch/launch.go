package launch

import (
	"errors"
	"fmt"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Context is what an app gets to know of where it was launched. The zero Context tells nothing.
type Context struct {
	Patient   string `json:"patient,omitempty"`   // id
	Encounter string `json:"encounter,omitempty"` // id
	// Others are resources of other types that the app asked for by launch/type, by the type in lower case: their ids.
	Others      map[string]string `json:"others,omitempty"`
	FHIRContext []Resource        `json:"fhirContext,omitempty"`
	// NeedPatientBanner says whether the app has to show whose data it is; nil is not said.
	NeedPatientBanner *bool  `json:"needPatientBanner,omitempty"`
	Intent            string `json:"intent,omitempty"`
	StyleURL          string `json:"styleURL,omitempty"`
	Tenant            string `json:"tenant,omitempty"`
}

// Resource is an element of fhirContext: one of Reference, Canonical and Identifier.
type Resource struct {
	Reference  string      `json:"reference,omitempty"` // Type/id
	Canonical  string      `json:"canonical,omitempty"`
	Identifier *Identifier `json:"identifier,omitempty"`
	Type       string      `json:"type,omitempty"`
	Role       string      `json:"role,omitempty"` // a URI; "" is "launch"
}

// Identifier is FHIR's.
type Identifier struct {
	System string `json:"system,omitempty"`
	Value  string `json:"value,omitempty"`
}

// Parameters are those of the token answer. Patient and Encounter are parameters of their own and never part of
// fhirContext (unless with a role); other types that were asked for are both, as apps of SMART 1 and 2 look in
// different places.
func (c Context) Parameters() map[string]any {
	p := map[string]any{}
	set(p, "patient", c.Patient)
	set(p, "encounter", c.Encounter)
	set(p, "intent", c.Intent)
	set(p, "smart_style_url", c.StyleURL)
	set(p, "tenant", c.Tenant)
	if c.NeedPatientBanner != nil {
		p["need_patient_banner"] = *c.NeedPatientBanner
	}
	list := append([]Resource(nil), c.FHIRContext...)
	for _, typ := range r4.Resources() { // in an order of its own
		id, ok := c.Others[strings.ToLower(typ)]
		if !ok {
			continue
		}
		p[strings.ToLower(typ)] = id
		list = append(list, Resource{Reference: typ + "/" + id})
	}
	if len(list) > 0 {
		p["fhirContext"] = list
	}
	return p
}

func set(p map[string]any, name, value string) {
	if value != "" {
		p[name] = value
	}
}

// Check refuses what no app could understand.
func (c Context) Check() error {
	for name, id := range map[string]string{"patient": c.Patient, "encounter": c.Encounter} {
		if id != "" && !fhir.ValidID(id) {
			return fmt.Errorf("%s: %q is no id", name, id)
		}
	}
	for name, id := range c.Others {
		if Type(name) == "" || !fhir.ValidID(id) {
			return fmt.Errorf("%s: %q is no id of a resource", name, id)
		}
	}
	for _, r := range c.FHIRContext {
		if err := r.check(); err != nil {
			return fmt.Errorf("fhirContext: %w", err)
		}
	}
	return nil
}

func (r Resource) check() error {
	n := 0
	for _, given := range []bool{r.Reference != "", r.Canonical != "", r.Identifier != nil} {
		if given {
			n++
		}
	}
	if n == 0 {
		return errors.New("one of reference, canonical and identifier is needed")
	}
	if r.Reference == "" {
		return nil
	}
	ref := fhir.ParseReference(r.Reference, "")
	switch {
	case !ref.Local() || !r4.IsResource(ref.Type):
		return fmt.Errorf("%q is no relative reference, as in ImagingStudy/123", r.Reference)
	case (ref.Type == "Patient" || ref.Type == "Encounter") && (r.Role == "" || r.Role == "launch"):
		return fmt.Errorf("%s goes into %s, not into fhirContext", r.Reference, strings.ToLower(ref.Type))
	}
	return nil
}

// Type is the resource type of a launch/type scope's word, "" if there is none: "episodeofcare" is EpisodeOfCare.
func Type(word string) string {
	for _, typ := range r4.Resources() {
		if strings.EqualFold(typ, word) {
			return typ
		}
	}
	return ""
}
