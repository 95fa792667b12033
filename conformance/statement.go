package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// Claims are what a server does, as its own tables say it.
type Claims struct {
	Software string // name
	Version  string // of the software; may be empty
	Date     string // of the statement, a FHIR dateTime
	Base     string // FHIR base without a final slash

	// Interactions are codes of http://hl7.org/fhir/restful-interaction that have a handler, those on one type and
	// those on the whole system together. A code on a type holds for every stored type.
	Interactions []string
	// Except are, by type, the interactions that it does not have.
	Except map[string][]string

	UpdateCreate      bool
	ConditionalCreate bool
	ConditionalRead   bool     // If-None-Match and If-Modified-Since
	ConditionalUpdate bool     // of types that have update
	ConditionalDelete string   // of types that have delete: single or multiple; "" is not-supported
	PatchFormats      []string // media types, if there is patch
	// Modifiers are those that work with a search parameter, without the colon; nil claims none.
	Modifiers func(*r4.SearchParameter) []string
	// Prefixes are those that the values of a search parameter take; nil claims none.
	Prefixes func(*r4.SearchParameter) []string
	// Searches are what a search takes besides the parameters of resources, with what it says.
	Searches     []Search
	Compartments []string // types whose compartments are searched
	Operations   []Operation
	Security     string // how a caller shows who it is, for people
	OAuth        *OAuth // nil: there is no authorization server

	Params *parameters.Set // what can be searched by; nil is R4's
}

// Search is a parameter of searches that no SearchParameter defines.
type Search struct{ Name, Text string }

// Operation is an operation of every resource type, of the whole system, or both.
type Operation struct {
	Name       string // without the dollar
	Definition string // canonical of its OperationDefinition
	System     bool   // on the base
	Resource   bool   // on a type or an instance
	Writes     bool   // only of types that have update
}

// Statement is the CapabilityStatement of the claims (R4 capabilitystatement.html), kind instance, as compact JSON.
func Statement(c Claims) ([]byte, error) {
	rest := fhir.CapabilityStatementRest{
		Mode:     fhir.RestfulCapabilityModeServer,
		Security: c.security(),
	}
	var perType []fhir.CapabilityStatementRestResourceInteraction
	for _, code := range c.Interactions {
		switch code {
		case "capabilities": // every server has it: the statement has no place for it
		case "transaction", "batch", "search-system", "history-system":
			var i fhir.CapabilityStatementRestInteraction
			if err := i.Code.UnmarshalJSON([]byte(code)); err != nil {
				return nil, fmt.Errorf("claim interaction: %w", err)
			}
			rest.Interaction = append(rest.Interaction, i)
		default:
			var i fhir.CapabilityStatementRestResourceInteraction
			if err := i.Code.UnmarshalJSON([]byte(code)); err != nil {
				return nil, fmt.Errorf("claim interaction: %w", err)
			}
			perType = append(perType, i)
		}
	}
	for _, o := range c.Operations {
		if o.System {
			rest.Operation = append(rest.Operation, fhir.CapabilityStatementRestResourceOperation{Name: o.Name, Definition: o.Definition})
		}
	}
	reverse := reverseIncludes(c.Params)
	if slices.Contains(c.Interactions, "search-type") {
		rest.SearchParam = c.everywhere()
	}
	for _, typ := range c.Compartments {
		rest.Compartment = append(rest.Compartment, "http://hl7.org/fhir/CompartmentDefinition/"+strings.ToLower(typ[:1])+typ[1:])
	}
	for _, typ := range r4.Resources() {
		if !r4.Searchable(typ) {
			continue
		}
		except := c.Except[typ]
		r := fhir.CapabilityStatementRestResource{
			Profile: ptr("http://hl7.org/fhir/StructureDefinition/" + typ),
			Interaction: slices.DeleteFunc(slices.Clone(perType), func(i fhir.CapabilityStatementRestResourceInteraction) bool {
				return slices.Contains(except, i.Code.Code())
			}),
			Versioning:        ptr(fhir.ResourceVersionPolicyVersioned),
			ReadHistory:       ptr(slices.Contains(c.Interactions, "vread")),
			UpdateCreate:      ptr(c.UpdateCreate && !slices.Contains(except, "update")),
			ConditionalCreate: ptr(c.ConditionalCreate),
			ConditionalRead:   ptr(fhir.ConditionalReadStatusNotSupported),
			ConditionalUpdate: ptr(c.ConditionalUpdate && !slices.Contains(except, "update")),
			ConditionalDelete: ptr(fhir.ConditionalDeleteStatusNotSupported),
			ReferencePolicy:   []fhir.ReferenceHandlingPolicy{fhir.ReferenceHandlingPolicyLiteral, fhir.ReferenceHandlingPolicyLogical},
		}
		if err := r.Type.UnmarshalJSON([]byte(typ)); err != nil {
			return nil, fmt.Errorf("claim type: %w", err)
		}
		if c.ConditionalRead {
			r.ConditionalRead = ptr(fhir.ConditionalReadStatusFullSupport)
		}
		if c.ConditionalDelete != "" && !slices.Contains(except, "delete") {
			var way fhir.ConditionalDeleteStatus
			if err := way.UnmarshalJSON([]byte(c.ConditionalDelete)); err != nil {
				return nil, fmt.Errorf("claim conditional delete: %w", err)
			}
			r.ConditionalDelete = &way
		}
		for _, o := range c.Operations {
			if o.Resource && !(o.Writes && slices.Contains(except, "update")) {
				r.Operation = append(r.Operation, fhir.CapabilityStatementRestResourceOperation{Name: o.Name, Definition: o.Definition})
			}
		}
		if slices.Contains(c.Interactions, "search-type") {
			r.SearchParam, r.SearchInclude = c.searches(typ)
			r.SearchRevInclude = reverse[typ]
			if len(r.SearchInclude) > 0 {
				r.SearchInclude = append(r.SearchInclude, typ+":*", "*")
			}
			if len(r.SearchRevInclude) > 0 {
				r.SearchRevInclude = append(r.SearchRevInclude, "*")
			}
		}
		rest.Resource = append(rest.Resource, r)
	}
	return marshal(fhir.CapabilityStatement{
		Name:        ptr(c.Software),
		Title:       ptr(c.Software + " FHIR R4 server"),
		Status:      fhir.PublicationStatusActive,
		Date:        c.Date,
		Kind:        fhir.CapabilityStatementKindInstance,
		Software:    &fhir.CapabilityStatementSoftware{Name: c.Software, Version: optional(c.Version)},
		FhirVersion: fhir.FHIRVersion4_0_1,
		Format:      []string{"application/fhir+json", "json"},
		PatchFormat: c.PatchFormats,
		Implementation: &fhir.CapabilityStatementImplementation{
			Description: c.Software + " at " + c.Base,
			Url:         ptr(c.Base),
		},
		Rest: []fhir.CapabilityStatementRest{rest},
	})
}

// Searched says whether a search by p is offered: it selects elements, or it is one of those that look at all texts.
// (_query is not: it names queries that a server defines.)
func Searched(p *r4.SearchParameter) bool {
	return p.Expression != "" || p.Code == "_text" || p.Code == "_content"
}

// searches are the search parameters of a type, and those of them that _include takes.
func (c *Claims) searches(typ string) (params []fhir.CapabilityStatementRestResourceSearchParam, includes []string) {
	for _, p := range c.Params.Params(typ) {
		if !Searched(p) {
			continue
		}
		params = append(params, fhir.CapabilityStatementRestResourceSearchParam{
			Name: p.Code, Definition: optional(p.URL), Type: paramTypes[p.Type], Documentation: optional(c.uses(p)),
		})
		if p.Type == r4.Reference {
			includes = append(includes, typ+":"+p.Code)
		}
	}
	return params, includes
}

// uses says how a parameter can be asked: "Modifiers: :missing. Prefixes: eq ne gt lt ge le sa eb ap."
func (c *Claims) uses(p *r4.SearchParameter) string {
	var modifiers, prefixes, text string
	if c.Modifiers != nil {
		for _, m := range c.Modifiers(p) {
			modifiers += " :" + m
		}
		if len(p.Targets) > 0 {
			modifiers += " :[type]"
		}
	}
	if c.Prefixes != nil {
		prefixes = strings.Join(c.Prefixes(p), " ")
	}
	if modifiers != "" {
		text = "Modifiers:" + modifiers + "."
	}
	if prefixes != "" {
		text = strings.TrimSpace(text + " Prefixes: " + prefixes + ".")
	}
	return text
}

// everywhere are the parameters of searches of every type.
func (c *Claims) everywhere() (list []fhir.CapabilityStatementRestResourceSearchParam) {
	list, _ = c.searches("")
	for _, s := range c.Searches {
		list = append(list, fhir.CapabilityStatementRestResourceSearchParam{Name: s.Name, Type: fhir.SearchParamTypeSpecial, Documentation: ptr(s.Text)})
	}
	return list
}

// reverseIncludes are, by type, the parameters Source:code that may refer to it.
func reverseIncludes(set *parameters.Set) map[string][]string {
	by := make(map[string][]string)
	for _, source := range r4.Resources() {
		if !r4.Searchable(source) {
			continue
		}
		for _, p := range set.Params(source) {
			if p.Type != r4.Reference || !Searched(p) {
				continue
			}
			name := source + ":" + p.Code
			for _, target := range p.Targets {
				by[target] = append(by[target], name)
			}
		}
	}
	return by
}

var paramTypes = [...]fhir.SearchParamType{
	r4.Number:    fhir.SearchParamTypeNumber,
	r4.Date:      fhir.SearchParamTypeDate,
	r4.String:    fhir.SearchParamTypeString,
	r4.Token:     fhir.SearchParamTypeToken,
	r4.Reference: fhir.SearchParamTypeReference,
	r4.Composite: fhir.SearchParamTypeComposite,
	r4.Quantity:  fhir.SearchParamTypeQuantity,
	r4.URI:       fhir.SearchParamTypeUri,
	r4.Special:   fhir.SearchParamTypeSpecial,
}

func ptr[T any](v T) *T { return &v }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
