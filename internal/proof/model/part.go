package model

import (
	"slices"
	"strings"
)

// subset is the part of a resource that _elements or _summary asks for (R4 search.html#summary, #elements).
type subset struct {
	summary string   // a value of _summary
	names   []string // of _elements
}

// asked is what a query says of parts.
func asked(query string) (s subset) {
	for _, p := range Pairs(query) {
		switch p[0] {
		case "_summary":
			s.summary = p[1]
		case "_elements":
			s.names = strings.Split(p[1], ",")
		}
	}
	return s
}

// mandatory are the elements that a type must have, of those that tests write.
var mandatory = map[string]string{
	"Observation": "status code", "Encounter": "status class", "Condition": "subject", "Group": "type actual", "Provenance": "target recorded agent",
	"DocumentReference": "status content", "Binary": "contentType", "DiagnosticReport": "status code", "Schedule": "actor", "AuditEvent": "type recorded agent source",
	"List": "status mode", "RelatedPerson": "patient", "Task": "status intent", "RiskAssessment": "status subject", "ValueSet": "status", "CodeSystem": "status content",
	"Slot": "schedule status start end", "SearchParameter": "url name status description code base type",
}

// of is the part of a resource; known is false where that depends on the marks of the definitions, as _summary=true does.
func (s subset) of(v *Version, included bool) (part map[string]any, known bool) {
	listed := s.names != nil && !included
	if !listed && (s.summary == "" || s.summary == "false" || s.summary == "count") {
		return v.JSON, true
	}
	part = map[string]any{}
	for name, x := range v.JSON {
		always := name == "resourceType" || name == "id" || name == "meta" || slices.Contains(strings.Fields(mandatory[v.Type]), name)
		if always || listed && slices.Contains(s.names, name) || s.summary == "text" && name == "text" || s.summary == "data" && name != "text" {
			part[name] = x
		}
	}
	meta := map[string]any{"tag": []any{}}
	if before, ok := part["meta"].(map[string]any); ok {
		for name, x := range before {
			meta[name] = x
		}
	}
	meta["tag"] = append(slices.Clone(values(meta, "tag")), map[string]any{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"})
	part["meta"] = meta
	if part["contained"] == nil { // those that what is left refers to
		var left []any
		for _, c := range v.contained() {
			if strings.Contains(encoded(part), `"#`+c.ID+`"`) {
				left = append(left, c.JSON)
			}
		}
		if left != nil {
			part["contained"] = left
		}
	}
	return part, s.summary != "true"
}

// Part is what an answer shows of a resource; known is false if the model cannot say.
func (f Found) Part(v *Version, included bool) (part map[string]any, known bool) {
	return f.subset.of(v, included)
}

// Part is what a read shows.
func (a Answer) Part() (part map[string]any, known bool) { return a.subset.of(a.Row, false) }
