package interaction

import (
	"strings"
	"testing"
)

// A search by _contained answers containers, or what is inside of them, under the URL of the container.
func TestContained(t *testing.T) { each(t, testContained) }

func testContained(t *testing.T, r *rig) {
	r.put(`{"resourceType":"MedicationRequest","id":"r1","status":"active","intent":"order","subject":{"reference":"Patient/A"},"contained":[{"resourceType":"Medication","id":"x","code":{"text":"a"},"status":"active"},{"resourceType":"Medication","id":"y","status":"inactive"},{"resourceType":"Medication","id":"z","status":"active"}],"medicationReference":{"reference":"#x"}}`,
		`{"resourceType":"Medication","id":"own","status":"active"}`,
		`{"resourceType":"Medication","id":"outer","status":"active","contained":[{"resourceType":"Medication","id":"in","status":"active"}]}`)
	for _, c := range []struct{ query, want string }{
		{"_contained=true&status=active", "Medication/outer=outer MedicationRequest/r1=r1"},
		{"_contained=both&status=active", "Medication/own=own Medication/outer=outer MedicationRequest/r1=r1"},
		{"_contained=true&status=active&_containedType=contained", "Medication/outer#in=in MedicationRequest/r1#x=x MedicationRequest/r1#z=z"},
		{"_contained=true&status=inactive&_containedType=contained", "MedicationRequest/r1#y=y"},
		{"_contained=both&status=active&_containedType=contained", "Medication/own=own Medication/outer=outer Medication/outer#in=in MedicationRequest/r1#x=x MedicationRequest/r1#z=z"},
		{"_contained=both&status=active&_containedType=contained&_count=1", "Medication/own=own Medication/outer=outer Medication/outer#in=in MedicationRequest/r1#x=x MedicationRequest/r1#z=z"},
		{"_contained=both&status=active&_containedType=contained&_summary=true&_sort=-_id", "MedicationRequest/r1#x=x MedicationRequest/r1#z=z Medication/own=own Medication/outer=outer Medication/outer#in=in"},
		{"_contained=false&status=active&_containedType=contained&_sort=_id", "Medication/outer=outer Medication/own=own"},
	} {
		var got []string
		for query := c.query; query != ""; {
			pairs, err := Pairs(query)
			if err != nil {
				t.Fatal(err)
			}
			out, err := r.Search(ctx, r.root(), "Medication", pairs, SearchOptions{})
			if err != nil {
				t.Fatalf("%s: %v", c.query, err)
			}
			b := r.decode(out.Bundle)
			for _, e := range b.Entry {
				got = append(got, strings.TrimPrefix(e.FullURL, r.Base+"/")+"="+e.Resource.ID)
			}
			query = b.link("next")
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %s", c.query, got, c.want)
		}
	}
	if _, err := r.DeleteWhere(ctx, r.root(), "Medication", "_contained=true&status=active", WriteOptions{}); Status(err) != 400 {
		t.Errorf("a condition on what contains one: %v", err)
	}
}
