package bench

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// blend asks requests of all shapes, each as often as any other.
func (r *Run) blend() (operation, error) {
	return r.shapes(func(*Shape) int { return 1 })
}

// readMix is reads by id and the searches that go with them.
func (r *Run) readMix() (operation, error) {
	weights := map[string]int{"Q1": 45, "Q4": 20, "Q25p": 20, "Q30": 10, "Q31": 5}
	return r.shapes(func(s *Shape) int { return weights[s.ID] })
}

// shapes asks requests of shapes by their weights; the answers are checked first.
func (r *Run) shapes(weight func(*Shape) int) (operation, error) {
	var all []Request
	for i := range Shapes {
		n := weight(&Shapes[i])
		if n == 0 {
			continue
		}
		reqs, _, err := r.requests(&Shapes[i])
		if err != nil {
			return nil, err
		}
		for range n {
			all = append(all, reqs...)
		}
	}
	return asking(all), nil
}

// cycled are the types of the cycle with a body of each, without id.
var cycled = []struct{ typ, body string }{
	{"Patient", `"name":[{"family":"Cycle","given":["C"]}],"gender":"female","birthDate":"1990-01-01"`},
	{"Practitioner", `"name":[{"family":"Cycle"}],"active":true`},
	{"Organization", `"name":"Cycle Clinic","active":true`},
	{"Location", `"name":"Cycle Ward","status":"active"`},
	{"Encounter", `"status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"period":{"start":"2026-06-01T08:00:00Z"}`},
	{"Condition", `"code":{"coding":[{"system":"http://snomed.info/sct","code":"195967001","display":"Asthma"}]},"subject":{"reference":"Patient/p000000"}`},
	{"Observation", `"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/p000000"},"valueQuantity":{"value":71,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}`},
	{"Procedure", `"status":"completed","code":{"coding":[{"system":"http://snomed.info/sct","code":"430193006"}]},"subject":{"reference":"Patient/p000000"}`},
	{"MedicationRequest", `"status":"active","intent":"order","medicationCodeableConcept":{"text":"lisinopril"},"subject":{"reference":"Patient/p000000"}`},
}

// cycle creates, reads, updates and deletes an instance of each type; what is read is what was written, and what is
// deleted is gone.
func (r *Run) cycle(c *Client, _ *rand.Rand) (int, error) {
	for _, of := range cycled {
		id := fmt.Sprintf("w4-%d", r.next.Add(1))
		path := "/fhir/" + of.typ + "/" + id
		body := fmt.Appendf(nil, `{"resourceType":%q,"id":%q,%s}`, of.typ, id, of.body)
		res, err := c.Do("PUT", path, body)
		if err := status(res, err, 201); err != nil {
			return 0, err
		}
		res, err = c.Get(path)
		if err := status(res, err, 200); err != nil {
			return 0, err
		}
		if res.ETag != `W/"1"` || !bytes.Contains(res.Body, []byte(id)) {
			return 0, fmt.Errorf("%s: read as %s %.200s", path, res.ETag, res.Body)
		}
		res, err = c.Do("PUT", path, body)
		if err := status(res, err, 200); err != nil {
			return 0, err
		}
		if res.ETag != `W/"2"` {
			return 0, fmt.Errorf("%s: updated to %s", path, res.ETag)
		}
		res, err = c.Do("DELETE", path, nil)
		if err := status(res, err, 200, 204); err != nil {
			return 0, err
		}
	}
	return 4 * len(cycled), nil
}
