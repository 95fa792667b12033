package patch_test

import (
	"bytes"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/fhir/patch"
)

// Whatever is patched by whatever, the result is FHIR JSON or an error, and the resource stays as it is.
func FuzzPatch(f *testing.F) {
	const weird = `{"resourceType":"Patient","id":"x","birthDate":{"a":1},"_birthDate":["x",{"id":"y"}],"name":{"given":"a","_given":[{"id":"b"}],"family":[1]},"contact":[{"name":null,"telecom":[null,"x"]}]}`
	f.Add(weird, parameters(op("delete", "Patient.birthDate"), op("add", "Patient.name.given", "name", text("extension"), "value", `"part":[{"name":"url","valueUri":"u"}]`)))
	f.Add(weird, parameters(op("move", "Patient.name.given", "source", at(0), "destination", at(0)), op("insert", "Patient.contact.telecom", "index", at(1), "value", `"valueContactPoint":{"value":"1"}`)))
	f.Add(identifiers, parameters(op("replace", "Patient.identifier[0]", "value", `"valueIdentifier":{"value":"9"}`)))
	f.Add(identifiers, `[{"op":"move","from":"/identifier/0","path":"/identifier/-"},{"op":"test","path":"/identifier/0/value","value":"2"}]`)
	f.Add(identifiers, `[{"op":"copy","from":"","path":"/contained/0"},{"op":"remove","path":"/identifier"}]`)
	limits := fhir.Limits{Bytes: 1 << 16, Depth: 50, Nodes: 1 << 14}
	f.Fuzz(func(t *testing.T, body, by string) {
		res, err := fhir.ParseValue([]byte(body), limits) // laxer than what is stored
		if err != nil || res.Type == "" {
			return
		}
		p, err := patch.JSON([]byte(by), limits)
		if err != nil {
			params, err := fhir.Parse([]byte(by), limits)
			if err != nil {
				return
			}
			if p, err = patch.FHIRPath(params, res.Type, r4.Model{}); err != nil {
				return
			}
		}
		next, err := p.Apply(res, limits)
		if err == nil && next != res {
			if _, err := fhir.Parse(bytes.Clone(next.Bytes), limits); err != nil {
				t.Errorf("%s\npatched by %s\nis %s: %v", body, by, next.Bytes, err)
			}
		}
		if string(res.Bytes) != body {
			t.Errorf("the resource is now %s", res.Bytes)
		}
	})
}
