package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// marshal writes a statement of our own with resourceType first and without HTML escapes. The models' own MarshalJSON
// writes resourceType last, so the type without methods is marshalled.
func marshal(s fhir.CapabilityStatement) ([]byte, error) {
	type fields fhir.CapabilityStatement
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(struct {
		ResourceType string `json:"resourceType"`
		fields
	}{"CapabilityStatement", fields(s)})
	if err != nil {
		return nil, fmt.Errorf("marshal CapabilityStatement: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
