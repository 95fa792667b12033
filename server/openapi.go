package server

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/firewarden/firewarden/server/ui"
)

// object is one of JSON; its members are written in the order of their names.
type object = map[string]any

const mediaFHIR = "application/fhir+json"

// openAPI is the OpenAPI 3.1 document of the operations, under one path for all types: what a type has is in the
// CapabilityStatement.
func openAPI(base, version string, list []ui.Operation) []byte {
	paths := map[string]object{}
	for _, o := range list {
		if paths[o.Path] == nil {
			paths[o.Path] = object{}
		}
		paths[o.Path][strings.ToLower(o.Method)] = operation(o)
	}
	if version == "" {
		version = "0"
	}
	text, err := json.Marshal(object{
		"openapi": "3.1.0",
		"info": object{"title": "Firewarden", "version": version,
			"description": "FHIR R4 (http://hl7.org/fhir/R4/http.html). " + base + "/fhir/metadata names the search parameters of each type."},
		"servers": []object{{"url": base}},
		"paths":   paths,
		"components": object{
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer",
				"description": "An access token of the authorization server, or the administrator's key."}},
			"parameters": parameters(),
			"schemas": object{
				"Resource": object{"type": "object", "description": "A FHIR R4 resource.", "required": []string{"resourceType"},
					"properties": object{"resourceType": object{"type": "string"}, "id": object{"type": "string"}, "meta": object{"type": "object"}}},
				"Bundle":           of("Bundle"),
				"Parameters":       of("Parameters"),
				"OperationOutcome": of("OperationOutcome"),
			},
			"responses": object{"refused": answers("What went wrong, in words and by code.", "OperationOutcome")},
		},
	})
	if err != nil {
		panic(fmt.Errorf("write OpenAPI: %w", err)) // of our own strings only
	}
	return text
}

// of is the schema of one resource type.
func of(typ string) object {
	return object{"allOf": []object{{"$ref": "#/components/schemas/Resource"}}, "properties": object{"resourceType": object{"const": typ}}}
}

func answers(text, schema string) object {
	return object{"description": text, "content": object{mediaFHIR: object{"schema": object{"$ref": "#/components/schemas/" + schema}}}}
}

// operation is one method on a path.
func operation(o ui.Operation) object {
	var refs []object
	for part := range strings.SplitSeq(o.Path, "/") {
		name, ok := strings.CutPrefix(part, "{")
		switch name = strings.TrimSuffix(name, "}"); {
		case !ok:
		case strings.HasPrefix(o.Path, apiPrefix):
			refs = append(refs, object{"name": name, "in": "path", "required": true, "description": "Its name or id.", "schema": object{"type": "string"}})
		default:
			refs = append(refs, object{"$ref": "#/components/parameters/" + name})
		}
	}
	out := object{
		"operationId": operationID(o), "tags": []string{o.Group}, "summary": o.Title,
		"responses": object{"2XX": result(o), "default": object{"$ref": "#/components/responses/refused"}},
	}
	if o.Detail != "" {
		out["description"] = o.Detail
	}
	search := o.Path == "/fhir/{type}" && o.Method == get
	if search {
		for _, p := range everySearch() {
			if p.Name != "_has" { // has no name of its own: _has:Type:parameter:parameter
				refs = append(refs, object{"$ref": "#/components/parameters/" + p.Name})
			}
		}
	}
	if o.Method == get {
		for _, p := range asked[o.Path] {
			refs = append(refs, object{"name": p.Name, "in": "query", "description": p.Text, "schema": object{"type": "string"}})
		}
	}
	if len(refs) > 0 {
		out["parameters"] = refs
	}
	if !o.Open {
		out["security"] = []object{{"token": []string{}}}
	}
	if body := request(o); body != nil {
		out["requestBody"] = body
	}
	return out
}

// request is what goes into the body, nil for none.
func request(o ui.Operation) object {
	schema := "Resource"
	switch {
	case o.Method == get || o.Method == del:
		return nil
	case o.Method == pat:
		return object{"required": true, "content": object{
			"application/json-patch+json": object{"schema": object{"type": "array"}},
			mediaFHIR:                     object{"schema": object{"$ref": "#/components/schemas/Parameters"}}}}
	case o.Path == whyMount:
		return object{"required": true, "content": object{"application/json": object{"schema": object{"type": "object", "properties": questions()}}}}
	case strings.HasPrefix(o.Path, apiPrefix):
		return object{"content": object{"application/json": object{"schema": object{"type": "object"}}}}
	case strings.HasSuffix(o.Path, "/_search"):
		return object{"content": object{"application/x-www-form-urlencoded": object{"schema": object{"type": "object"}}}}
	case o.Path == "/fhir":
		schema = "Bundle"
	case strings.Contains(o.Path, "/$"):
		schema = "Parameters"
	}
	return object{"required": true, "content": object{mediaFHIR: object{"schema": object{"$ref": "#/components/schemas/" + schema}}}}
}

// questions are the members of what is asked why.
func questions() object {
	out := object{"token": object{"type": "string", "description": "Whose access: this token's."}}
	for _, p := range asked[whyMount] {
		out[p.Name] = object{"type": "string", "description": p.Text}
	}
	out["ref"] = object{"type": "array", "items": object{"type": "string"}, "description": "Resources, as in Observation/9."}
	return out
}

// result is what comes back.
func result(o ui.Operation) object {
	switch {
	case !strings.HasPrefix(o.Path, "/fhir"):
		return object{"description": "As JSON.", "content": object{"application/json": object{}}}
	case o.Method == del:
		return object{"description": "Done: it is not there any more."}
	case strings.Contains(o.Path, "/$"):
		return answers("Parameters.", "Parameters")
	case o.Path == "/fhir/metadata":
		return answers("The CapabilityStatement.", "Resource")
	case strings.HasSuffix(o.Path, "/_history"), strings.HasSuffix(o.Path, "/_search"), strings.HasSuffix(o.Path, "/{member}"), o.Path == "/fhir", o.Path == "/fhir/{type}" && o.Method == get:
		return answers("A Bundle.", "Bundle")
	}
	return answers("The resource.", "Resource")
}

// operationID is unique: the method and the path in words.
func operationID(o ui.Operation) string {
	words := strings.FieldsFunc(o.Path, func(c rune) bool {
		return c == '/' || c == '{' || c == '}' || c == '$' || c == '.' || c == '_' || c == '-'
	})
	id := strings.ToLower(o.Method)
	for _, w := range words {
		id += strings.ToUpper(w[:1]) + w[1:]
	}
	return id
}

// parameters are those of paths and those of every search.
func parameters() object {
	path := func(name, text string, schema object) object {
		return object{"name": name, "in": "path", "required": true, "description": text, "schema": schema}
	}
	id := object{"type": "string", "pattern": `^[A-Za-z0-9\-.]{1,64}$`}
	out := object{
		"type":    path("type", "A resource type.", object{"type": "string", "enum": types()}),
		"id":      path("id", "The id of a resource.", id),
		"version": path("version", "The versionId of a version.", id),
		"member":  path("member", "The type of members of the compartment, or * for all.", object{"type": "string"}),
	}
	for _, p := range everySearch() {
		if p.Name != "_has" {
			out[p.Name] = object{"name": p.Name, "in": "query", "description": p.Text, "schema": object{"type": "string"}}
		}
	}
	return out
}
