package interaction

import (
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
)

func metaOf(meta string) string {
	return `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":` + meta + `}]}`
}

func TestMetaOperations(t *testing.T) { each(t, testMetaOperations) }

func testMetaOperations(t *testing.T, r *rig) {
	r.put(`{"resourceType":"Patient","id":"x","active":true,"multipleBirthInteger":1}`)
	add := func(meta string) string {
		t.Helper()
		out, err := r.MetaAdd(ctx, r.root(), "Patient", "x", r.parse(metaOf(meta)), WriteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r.valid(out.Parameters)
		return string(out.Parameters)
	}
	if got := add(`{"tag":[{"system":"s","code":"a","display":"A"},{"system":"s","code":"a","display":"again"}],"profile":["http://p","http://p"],"source":"http://ignored","versionId":"9"}`); !strings.Contains(got,
		`"versionId":"2"`) || strings.Count(got, `"code":"a"`) != 1 || strings.Count(got, "http://p") != 1 || strings.Contains(got, "ignored") || strings.Contains(got, "active") {
		t.Errorf("%s", got)
	}
	if got := add(`{"tag":[{"system":"s","code":"a","version":"2"},{"code":"a"}],"security":[{"code":"R"}]}`); strings.Count(got, `"code":"a"`) != 2 || !strings.Contains(got, `"display":"A"`) || !strings.Contains(got, `"security":[{"code":"R"}]`) {
		t.Errorf("%s", got)
	}
	body, _ := r.Read(ctx, r.root(), "Patient", "x")
	if !strings.HasSuffix(string(body.Row.Body), `,"active":true,"multipleBirthInteger":1}`) || body.Row.Version != 3 || body.Row.Method != "PUT" {
		t.Errorf("%s", body.Row.Body)
	}
	if entries, _, _ := r.search(r.root(), "Patient", "_tag=s|a&_security=R&_profile=http://p"); len(entries) != 1 {
		t.Errorf("not found by its labels: %v", entries)
	}
	out, err := r.MetaDelete(ctx, r.root(), "Patient", "x", r.parse(metaOf(`{"tag":[{"code":"a","display":"other"},{"code":"none"}],"profile":["http://p","http://q"]}`)), WriteOptions{IfMatch: `W/"3"`})
	if got := string(out.Parameters); err != nil || strings.Contains(got, "profile") || strings.Count(got, `"code":"a"`) != 1 || !strings.Contains(got, `"system":"s"`) {
		t.Errorf("%s %v", got, err)
	}
	if _, err := r.MetaDelete(ctx, r.root(), "Patient", "x", r.parse(metaOf(`{"tag":[{"code":"a"}]}`)), WriteOptions{IfMatch: `W/"3"`}); fhir.KindOf(err) != fhir.KindPrecondition {
		t.Errorf("a stale version: %v", err)
	}
	r.put(`{"resourceType":"Patient","id":"x"}`) // an update keeps what is left
	for version, want := range map[string]string{"": `"security":[{"code":"R"}]`, "1": `"versionId":"1"`, "3": `"http://p"`} {
		out, err := r.Meta(ctx, r.root(), "Patient", "x", version)
		if err != nil || !strings.Contains(string(out.Parameters), want) || !strings.HasPrefix(string(out.Parameters), `{"resourceType":"Parameters","parameter":[{"name":"return","valueMeta":{"`) {
			t.Errorf("version %q: %s %v", version, out.Parameters, err)
		}
	}
	for _, id := range []string{"nil"} {
		if _, err := r.Meta(ctx, r.root(), "Patient", id, ""); fhir.KindOf(err) != fhir.KindNotFound {
			t.Errorf("%s: %v", id, err)
		}
		if _, err := r.MetaAdd(ctx, r.root(), "Patient", id, r.parse(metaOf(`{"tag":[{"code":"a"}]}`)), WriteOptions{}); fhir.KindOf(err) != fhir.KindNotFound {
			t.Errorf("%s: %v", id, err)
		}
	}
	for body, place := range map[string]string{
		patient("x"):                    "resourceType",
		`{"resourceType":"Parameters"}`: "Parameters.parameter",
		`{"resourceType":"Parameters","parameter":[{"name":"x","valueString":"y"}]}`:                                                                        "Parameters.parameter[0]",
		`{"resourceType":"Parameters","parameter":[{"name":"meta","valueString":"y"}]}`:                                                                     "Parameters.parameter[0]",
		`{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"a"}]}},{"name":"meta","valueMeta":{"tag":[{"code":"a"}]}}]}`: "Parameters.parameter[1]",
		`{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tags":[{"code":"a"}]}}]}`:                                                   "Parameters.parameter[0].valueMeta.tags",
	} {
		if _, err := r.MetaAdd(ctx, r.root(), "Patient", "x", r.parse(body), WriteOptions{}); err == nil || issues(err)[0].Expression != place || Status(err) != 400 {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// What is wrong with content that was stored without checks is not told to those who may only label it.
func TestLabelsOfInvalidContent(t *testing.T) {
	r := newRig(t)
	r.Validation = ValidateOff
	r.put(patient("A"), strings.Replace(observation("x", "A", "laboratory"), "final", "secret", 1))
	r.Validation = ValidateStructure
	out, err := r.MetaAdd(ctx, as(t, "A", "patient/Observation.u"), "Observation", "x", r.parse(metaOf(`{"tag":[{"code":"a"}]}`)), WriteOptions{})
	if err != nil || out.Row.Version != 2 || out.Readable || out.Parameters != nil {
		t.Errorf("%+v %v", out, err)
	}
}

// Labels with extensions on profiles keep their places.
func TestMetaOfParallelLists(t *testing.T) {
	r := newRig(t)
	r.put(`{"resourceType":"Patient","id":"x","meta":{"profile":["http://a","http://b"],"_profile":[null,{"id":"b"}]}}`)
	for _, c := range []struct {
		remove     bool
		meta, want string
	}{
		{false, `{"profile":["http://c"]}`, `"profile":["http://a","http://b","http://c"],"_profile":[null,{"id":"b"},null]`},
		{true, `{"profile":["http://a"]}`, `"profile":["http://b","http://c"],"_profile":[{"id":"b"},null]`},
		{true, `{"profile":["http://b"]}`, `"profile":["http://c"]`},
	} {
		out, err := r.relabel(ctx, r.root(), "Patient", "x", r.parse(metaOf(c.meta)), c.remove, WriteOptions{})
		if err != nil || !strings.Contains(string(out.Parameters), c.want) {
			t.Errorf("%s: %s %v", c.meta, out.Parameters, err)
		}
	}
}

func TestMetaOf(t *testing.T) { each(t, testMetaOf) }

func testMetaOf(t *testing.T, r *rig) {
	tagged := func(typ, id, meta string) string {
		return `{"resourceType":"` + typ + `","id":"` + id + `","meta":` + meta + `}`
	}
	r.put(patient("a"), tagged("Patient", "b", `{"tag":[{"system":"s","code":"1","display":"z"},{"code":"2"}],"profile":["http://p"]}`),
		tagged("Patient", "c", `{"tag":[{"system":"s","code":"1","display":"a"}],"security":[{"code":"R"}]}`),
		tagged("Group", "g", `{"tag":[{"code":"3"}]}`)[:len(tagged("Group", "g", `{"tag":[{"code":"3"}]}`))-1]+`,"type":"person","actual":true}`)
	get := func(c Caller, typ string) string {
		t.Helper()
		out, err := r.MetaOf(ctx, c, typ)
		if err != nil {
			t.Fatal(err)
		}
		r.valid(out.Parameters)
		return string(out.Parameters)
	}
	frame := func(meta string) string {
		return `{"resourceType":"Parameters","parameter":[{"name":"return","valueMeta":` + meta + `}]}`
	}
	if got := get(r.root(), "Patient"); got != frame(`{"profile":["http://p"],"security":[{"code":"R"}],"tag":[{"code":"2"},{"system":"s","code":"1","display":"a"}]}`) {
		t.Errorf("%s", got)
	}
	if got := get(r.root(), ""); got != frame(`{"profile":["http://p"],"security":[{"code":"R"}],"tag":[{"code":"2"},{"code":"3"},{"system":"s","code":"1","display":"a"}]}`) {
		t.Errorf("%s", got)
	}
	if got := get(r.root(), "Observation"); got != `{"resourceType":"Parameters"}` {
		t.Errorf("%s", got)
	}
	if got := get(as(t, "", "system/Patient.s?_security=R system/Observation.s"), ""); got != frame(`{"security":[{"code":"R"}],"tag":[{"system":"s","code":"1","display":"a"}]}`) {
		t.Errorf("%s", got)
	}
	if _, err := r.MetaOf(ctx, as(t, "", "system/Patient.r"), ""); fhir.KindOf(err) != fhir.KindForbidden {
		t.Errorf("without s: %v", err)
	}
	r.Limits.Labels = 1
	if _, err := r.MetaOf(ctx, r.root(), "Patient"); fhir.KindOf(err) != fhir.KindTooCostly {
		t.Errorf("too many: %v", err)
	}
	if got := get(r.root(), "Group"); got != frame(`{"tag":[{"code":"3"}]}`) {
		t.Errorf("%s", got)
	}
}

// $meta of an instance is a read, by r; of a type or of the system it is a search, by s. Each sees what its letter shows and
// no more: what is hidden is what is absent. $meta-add and $meta-delete are updates, by u.
func TestMetaAccess(t *testing.T) { each(t, testMetaAccess) }

func testMetaAccess(t *testing.T, r *rig) {
	r.put(`{"resourceType":"Patient","id":"A","meta":{"tag":[{"code":"a"}]}}`, `{"resourceType":"Patient","id":"B","meta":{"tag":[{"code":"b"}]}}`,
		`{"resourceType":"Patient","id":"C","meta":{"tag":[{"code":"a"}]}}`, `{"resourceType":"Patient","id":"gone","meta":{"tag":[{"code":"a"}]}}`)
	if _, err := r.MetaAdd(ctx, r.root(), "Patient", "C", r.parse(metaOf(`{"tag":[{"code":"c"}]}`)), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.MetaDelete(ctx, r.root(), "Patient", "C", r.parse(metaOf(`{"tag":[{"code":"a"}]}`)), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Delete(ctx, r.root(), "Patient", "gone", WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	ask := func(c Caller, of string) (Result, error) {
		parts := strings.Split(of, "/")
		switch {
		case of == "":
			return r.MetaOf(ctx, c, "")
		case len(parts) == 1:
			return r.MetaOf(ctx, c, of)
		case len(parts) == 4:
			return r.Meta(ctx, c, parts[0], parts[1], parts[3])
		case strings.HasPrefix(parts[1], "+"):
			return r.MetaAdd(ctx, c, parts[0], parts[1][1:], r.parse(metaOf(`{"tag":[{"code":"d"}]}`)), WriteOptions{})
		case strings.HasPrefix(parts[1], "-"):
			return r.MetaDelete(ctx, c, parts[0], parts[1][1:], r.parse(metaOf(`{"tag":[{"code":"a"}]}`)), WriteOptions{})
		}
		return r.Meta(ctx, c, parts[0], parts[1], "")
	}
	for _, c := range []struct {
		scopes, patient, of string
		status              int
		want                string // codes of the tags
	}{
		{"system/Patient.r", "", "Patient/A", 200, "a"},
		{"system/Patient.r", "", "Patient/C/_history/1", 200, "a"},
		{"system/Patient.r", "", "Patient/C/_history/9", 404, ""},
		{"system/Patient.r", "", "Patient/nobody", 404, ""},
		{"system/Patient.r", "", "Patient/gone", 410, ""},
		{"system/Patient.r", "", "Patient", 403, ""},
		{"system/Patient.r", "", "", 403, ""},
		{"system/Patient.s", "", "Patient/A", 403, ""},
		{"system/Patient.s", "", "Patient/A/_history/1", 403, ""},
		{"system/Patient.s", "", "Patient", 200, "abc"},
		{"system/Patient.s", "", "", 200, "abc"},
		{"system/Observation.s", "", "", 200, ""},
		{"system/Patient.cud", "", "Patient/A", 403, ""},
		{"system/Patient.cud", "", "Patient", 403, ""},
		{"system/Patient.cud", "", "", 403, ""},
		{"system/Observation.rs", "", "Patient/A", 403, ""},
		{"system/Observation.rs", "", "Patient", 403, ""},
		{"patient/Patient.rs", "A", "Patient/A", 200, "a"},
		{"patient/Patient.rs", "A", "Patient/B", 404, ""},
		{"patient/Patient.rs", "A", "Patient", 200, "a"},
		{"patient/Patient.rs", "A", "", 200, "a"},
		{"patient/Patient.rs", "nobody", "Patient", 200, ""},
		{"system/Patient.rs?_tag=a", "", "Patient/A", 200, "a"},
		{"system/Patient.rs?_tag=a", "", "Patient/B", 404, ""},
		{"system/Patient.rs?_tag=a", "", "Patient/C", 404, ""},
		{"system/Patient.rs?_tag=a", "", "Patient/C/_history/1", 404, ""}, // the current one is hidden
		{"system/Patient.rs?_tag=c", "", "Patient/C/_history/1", 404, ""},
		{"system/Patient.rs?_tag=c", "", "Patient/C/_history/2", 200, "ac"},
		{"system/Patient.rs?_tag=a", "", "Patient/gone", 410, ""},
		{"system/Patient.rs?_tag=b", "", "Patient/gone", 404, ""},
		{"system/Patient.rs?_tag=a", "", "Patient", 200, "a"},
		{"system/Patient.r?_tag=a system/Patient.s?_tag=b", "", "Patient", 200, "b"},
		{"system/Patient.r?_tag=a system/Patient.s?_tag=b", "", "Patient/B", 404, ""},
		{"system/Patient.rs", "", "Patient/+A", 403, ""},
		{"system/Patient.rs?_tag=a system/Patient.u?_tag=b", "", "Patient/+A", 403, ""},
		{"system/Patient.ru?_tag=a", "", "Patient/+B", 404, ""},
		{"system/Patient.ru?_tag=a", "", "Patient/-A", 403, ""}, // it would be out of reach
		{"system/Patient.ru?_tag=a", "", "Patient/+A", 200, "ad"},
	} {
		out, err := ask(as(t, c.patient, c.scopes), c.of)
		status := 200
		if err != nil {
			status = Status(err)
		}
		got := ""
		for _, code := range "abcd" {
			if strings.Contains(string(out.Parameters), `"code":"`+string(code)+`"`) {
				got += string(code)
			}
		}
		if status != c.status || got != c.want {
			t.Errorf("%s of %q: $meta of %q: %d %q (%v), want %d %q", c.scopes, c.patient, c.of, status, got, err, c.status, c.want)
		}
	}
}
