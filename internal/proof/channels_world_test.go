package proof

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/proof/model"
)

// kind is a way in which data is granted.
type kind struct {
	name  string
	token model.Token
	often bool // tried where time is dear, too
}

// writes says whether some write may be granted. What is refused changes nothing.
func (k kind) writes() bool {
	bounded := k.token.Patient == "" && k.token.Policy == "" || k.token.Policy == "readonly" || k.token.User == nobody
	return slices.ContainsFunc(k.token.Scopes, func(s model.Scope) bool {
		return strings.ContainsAny(s.Letters, "cud*") && s.Letters != "read" && !(bounded && s.Level != "system")
	})
}

const nobody = "Patient/nobody"

// kinds are what every channel is tried with. Patient A and label a are what most of them open.
var kinds = []kind{
	{"patient/ v1", of("patient/*.*", "A", "", ""), false},
	{"patient/ v1, read only", of("patient/*.read", "A", "", ""), false},
	{"patient/ v2", of("patient/*.cruds", "A", "", ""), true},
	{"patient/ granular", of("patient/Observation.cruds?category=a patient/Encounter.cruds?class=a patient/*.rs?_tag=a", "A", "", ""), true},
	{"patient/ without s", of("patient/*.crud", "A", "", ""), false},
	{"patient/ without r", of("patient/*.cuds", "A", "", ""), false},
	{"patient/ of one type", of("patient/Observation.rs", "A", "", ""), false},
	{"user/ with a panel", of("user/*.cruds", "", "doctor", "Practitioner/1"), true},
	{"user/ of a care team", of("user/*.cruds", "", "care-team", "Practitioner/1"), false},
	{"user/ who is the patient", of("user/*.cruds", "", "self", "Patient/A"), false},
	{"user/ granular", of("user/Observation.cruds?category=a user/*.cruds?_tag=a", "", "all", ""), false},
	{"user/ granular, role that only reads", of("user/*.cruds?_tag=a", "", "readonly", ""), false},
	{"user/ granular with a panel", of("user/*.cruds?_tag=a", "", "doctor", "Practitioner/1"), false},
	{"system/ granular", of("system/*.cruds?_tag=a", "", "", ""), true},
	{"system/ of some types", of("system/Observation.cruds?category=a system/Patient.rs system/Provenance.rs", "", "", ""), false},
	{"mixed contexts", of("patient/*.rs user/Encounter.cruds system/Observation.rs?category=a system/Binary.c", "A", "doctor", "Practitioner/1"), false},
	{"patient/ under a panel", of("patient/*.cruds", "A", "doctor", "Practitioner/2"), false},
	{"launch without a patient", of("patient/*.cruds system/Organization.rs?_tag=a", "", "", ""), false},
	{"no scopes", of("", "A", "all", ""), false},
	{"policy that denies", of("user/*.cruds patient/*.cruds", "A", "self", nobody), false},
	{"user/ without a user", of("user/*.cruds", "", "", ""), false},
	{"anonymous", of("system/Practitioner.rs system/Organization.rs?_tag=a system/ValueSet.rs?status=active", "", "", ""), false},
}

// unrestricted sees everything: what is hidden from others shows in its answers.
var unrestricted = of("system/*.cruds", "", "", "")

// of is a token by its scopes as they are written.
func of(scopes, patient, policy, user string) model.Token {
	t := model.Token{Patient: patient, Policy: policy, User: user}
	for word := range strings.FieldsSeq(scopes) {
		level, rest, _ := strings.Cut(word, "/")
		typ, letters, _ := strings.Cut(rest, ".")
		letters, where, _ := strings.Cut(letters, "?")
		t.Scopes = append(t.Scopes, model.Scope{Level: level, Type: typ, Letters: letters, Where: where})
	}
	return t
}

// fixed is the world that the channels are tried in. Of most types 1 is Patient A's with the label a, 2 is A's without it,
// and 3 is B's; each refers to the others. Identifier 1 is everybody's, 2 is of what is 2, and so on.
var fixed = writes(
	`Practitioner/1 {"active":true,"name":[{"family":"Ab"}]}`, `Practitioner/2 {"name":[{"family":"Bc"}]}`,
	`Organization/1 {"active":true,"name":"Ab"}`, `Organization/2 {"name":"Bc","partOf":{"reference":"Organization/1"}}`,
	`Location/1 {"position":{"latitude":53.3,"longitude":-6.2}}`, `Location/2 {"position":{"latitude":53.4,"longitude":-6.3},"partOf":{"reference":"Location/1"}}`,
	`Patient/A {"active":true,"gender":"male","birthDate":"1980-01-01","name":[{"family":"Ab","given":["Amy"]}],"generalPractitioner":[{"reference":"Practitioner/1"}]}`,
	`Patient/B {"active":true,"gender":"male","birthDate":"1990-01-01","name":[{"family":"Abc"}],"generalPractitioner":[{"reference":"Practitioner/2"}],"link":[{"other":{"reference":"Patient/A"},"type":"seealso"}]}`,
	`Patient/C {"active":false,"gender":"female","birthDate":"1985","name":[{"family":"Bc"}],"generalPractitioner":[{"reference":"Practitioner/1"}]}`,
	`Encounter/1 {"status":"finished","class":{"system":"http://s","code":"a"},$A,"location":[{"location":{"reference":"Location/1"}}],"participant":[{"individual":{"reference":"Practitioner/1"}}],"period":{"start":"2020-01-01"}}`,
	`Encounter/2 {"status":"finished","class":{"system":"http://s","code":"b"},$A,"location":[{"location":{"reference":"Location/2"}}],"partOf":{"reference":"Encounter/1"},"period":{"start":"2021-01-01"}}`,
	`Encounter/3 {"status":"finished","class":{"system":"http://s","code":"a"},$B,"location":[{"location":{"reference":"Location/1"}}],"participant":[{"individual":{"reference":"Practitioner/1"}}],"partOf":{"reference":"Encounter/1"}}`,
	observation("1", "$A", "a", `"encounter":{"reference":"Encounter/1"},"valueQuantity":{"value":5,"system":"http://unitsofmeasure.org","code":"g"},"performer":[{"reference":"Practitioner/1"}]`),
	observation("2", "$A", "b", `"encounter":{"reference":"Encounter/2"},"valueQuantity":{"value":6,"system":"http://unitsofmeasure.org","code":"g"},"hasMember":[{"reference":"Observation/1"}]`),
	observation("3", "$B", "a", `"encounter":{"reference":"Encounter/1"},"valueQuantity":{"value":5,"system":"http://unitsofmeasure.org","code":"g"},"hasMember":[{"reference":"Observation/1"}],"focus":[{"reference":"Patient/A"}],"performer":[{"reference":"Practitioner/1"}]`),
	observation("4", "$A", "a", `"hasMember":[{"reference":"Observation/3"}]`), // leaves A's record
	observation("5", "$B", "a", ``),                                            // comes into it
	observation("6", "$A", "a", `"encounter":{"reference":"Encounter/3"}`),
	observation("7", "$B", "a", ``),
	observation("8", "$A", "a", ``), // loses its label
	observation("4", "$B", "a", ``), observation("5", "$A", "a", ``), observation("8", "$A", "b", ``),
	`Observation/6`, `Observation/7`,
	observation("1", "$A", "a", `"encounter":{"reference":"Encounter/1"},"valueQuantity":{"value":7,"system":"http://unitsofmeasure.org","code":"g"},"hasMember":[{"reference":"Observation/3"}]`),
	observation("3", "$B", "a", `"encounter":{"reference":"Encounter/1"},"valueQuantity":{"value":6,"system":"http://unitsofmeasure.org","code":"g"},"hasMember":[{"reference":"Observation/1"}],"focus":[{"reference":"Patient/A"}]`),
	`Condition/1 {$A,"category":[{"coding":[{"code":"a"}]}],"encounter":{"reference":"Encounter/1"}}`,
	`Condition/2 {$A,"category":[{"coding":[{"code":"b"}]}],"encounter":{"reference":"Encounter/3"}}`,
	`Condition/3 {$B,"category":[{"coding":[{"code":"a"}]}],"encounter":{"reference":"Encounter/1"}}`,
	`RiskAssessment/1 {"status":"final",$A,"prediction":[{"probabilityDecimal":0.5}]}`,
	`RiskAssessment/3 {"status":"final",$B,"prediction":[{"probabilityDecimal":0.5}]}`,
	`Group/1 {"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/A"}}]}`,
	`Group/2 {"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/A"}},{"entity":{"reference":"Patient/B"}}]}`,
	`Binary/1 {"contentType":"text/plain","data":"YQ=="}`, `Binary/3 {"contentType":"text/plain","data":"Yg=="}`, `Binary/4 {"contentType":"text/plain","securityContext":{"reference":"Patient/A"},"data":"Yw=="}`,
	`Binary/5 {"contentType":"text/plain","securityContext":{"reference":"Patient/B"},"data":"ZA=="}`, `Binary/6 {"contentType":"text/plain","data":"ZQ=="}`,
	`DocumentReference/1 {"status":"current",$A,"category":[{"coding":[{"code":"a"}]}],"content":[{"attachment":{"url":"Binary/1"}}]}`,
	`DocumentReference/2 {"status":"current",$A,"category":[{"coding":[{"code":"b"}]}],"author":[{"reference":"Practitioner/1"}],"content":[{"attachment":{"url":"Binary/1"}}]}`,
	`DocumentReference/3 {"status":"current",$B,"category":[{"coding":[{"code":"a"}]}],"author":[{"reference":"Practitioner/1"}],"content":[{"attachment":{"url":"Binary/3"}}]}`,
	`DiagnosticReport/1 {"status":"final",$A,"code":{"text":"x"},"result":[{"reference":"Observation/1"},{"reference":"Observation/3"}]}`,
	`DiagnosticReport/3 {"status":"final",$B,"code":{"text":"x"},"result":[{"reference":"Observation/1"}],"presentedForm":[{"url":"Binary/3"}]}`,
	`Provenance/1 {"target":[{"reference":"Observation/1"}],"agent":[{"who":{"reference":"Practitioner/1"}}]}`,
	`Provenance/2 {"target":[{"reference":"Observation/3"}],"agent":[{"who":{"reference":"Practitioner/1"}}]}`,
	`Provenance/3 {"target":[{"reference":"Observation/1"},{"reference":"Observation/3"}],"agent":[{"who":{"reference":"Practitioner/1"}}]}`,
	`Provenance/4 {"target":[{"reference":"Patient/A"}],"agent":[{"who":{"reference":"Practitioner/1"}}]}`,
	`Provenance/5 {"target":[{"reference":"Patient/A"},{"reference":"Patient/B"}],"agent":[{"who":{"reference":"Practitioner/1"}}]}`,
	`List/1 {"status":"current","mode":"working",$A,"entry":[{"item":{"reference":"Observation/1"}},{"item":{"reference":"Observation/3"}},{"item":{"reference":"Encounter/2"}}]}`,
	`List/3 {"status":"current","mode":"working",$B,"entry":[{"item":{"reference":"Observation/1"}},{"item":{"reference":"Encounter/1"}}]}`,
	`Composition/1 {"status":"final",$A,"date":"2020-01-01","title":"x","section":[{"entry":[{"reference":"Observation/1"},{"reference":"Observation/3"}]}]}`,
	`Composition/3 {"status":"final",$B,"date":"2020-01-01","title":"x","section":[{"entry":[{"reference":"Observation/1"}]}]}`,
	`Bundle/1 {"type":"collection","entry":[{"resource":{"resourceType":"Observation","id":"1","status":"final"}}]}`,
	`Bundle/3 {"type":"collection","entry":[{"resource":{"resourceType":"Observation","id":"3","status":"final"}}]}`,
	`CareTeam/1 {"status":"active",$A,"participant":[{"member":{"reference":"Practitioner/1"}}]}`,
	`CareTeam/3 {"status":"active",$B,"participant":[{"member":{"reference":"Practitioner/2"}}]}`,
	`RelatedPerson/1 {"active":true,"patient":{"reference":"Patient/A"}}`, `RelatedPerson/3 {"active":true,"patient":{"reference":"Patient/B"}}`,
	`Device/1 {"patient":{"reference":"Patient/A"},"location":{"reference":"Location/1"}}`, `Device/3 {"patient":{"reference":"Patient/B"},"location":{"reference":"Location/1"}}`,
	`Task/1 {"status":"completed","intent":"order","for":{"reference":"Patient/A"},"focus":{"reference":"Observation/1"}}`,
	`Task/3 {"status":"completed","intent":"order","for":{"reference":"Patient/B"},"focus":{"reference":"Observation/1"}}`,
	`Schedule/1 {"actor":[{"reference":"Patient/A"}]}`, `Schedule/2 {"actor":[{"reference":"Practitioner/1"}]}`, `Schedule/3 {"actor":[{"reference":"Patient/A"},{"reference":"Patient/B"}]}`,
	`AuditEvent/1 {"type":{"code":"rest"},"recorded":"2026-01-01T00:00:00Z","agent":[{"requestor":true,"who":{"reference":"Patient/A"}}]}`,
	`AuditEvent/3 {"type":{"code":"rest"},"recorded":"2026-01-01T00:00:00Z","agent":[{"requestor":true,"who":{"reference":"Patient/B"}}],"entity":[{"what":{"reference":"Patient/A"}}]}`,
	`ValueSet/1 {"status":"active","url":"http://v/1","compose":{"include":[{"system":"http://s","concept":[{"code":"a"}]}]}}`,
	`ValueSet/2 {"status":"draft","url":"http://v/1/2","compose":{"include":[{"system":"http://s","concept":[{"code":"b"}]}]}}`,
	`CodeSystem/1 {"status":"active","url":"http://s","content":"complete","concept":[{"code":"c","concept":[{"code":"a","concept":[{"code":"b"}]}]}]}`,
	`CodeSystem/2 {"status":"draft","url":"http://s/2","content":"complete","concept":[{"code":"c"}]}`,
	`Slot/1 {"schedule":{"reference":"Schedule/1"},"status":"free","start":"2026-01-01T00:00:00Z","end":"2026-01-01T01:00:00Z"}`,
)

// writes reads a world: Type/id and the elements; without them it is a deletion.
func writes(lines ...string) (ops []Op) {
	labels := map[bool]string{true: `{"code":"a"}`, false: `{"system":"http://s","code":"b"}`}
	for _, line := range lines {
		at, body, live := strings.Cut(line, " {")
		typ, id, _ := strings.Cut(at, "/")
		o := Op{Type: typ, ID: id}
		if live {
			head := fmt.Sprintf(`{"resourceType":%q,"id":%q,"meta":{"tag":[%s],"security":[{"code":"%s"}],"profile":["http://p/%s"],"source":"http://p/%[5]s"},`,
				typ, id, labels[id == "1" || id == "A"], strings.ToLower(id), id)
			if !slices.Contains([]string{"Binary", "Bundle", "Provenance", "AuditEvent", "ValueSet", "CodeSystem", "Composition"}, typ) {
				head += `"identifier":[{"value":"1"},{"type":{"coding":[{"system":"http://t","code":"MR"}]},"value":"` + id + `"}],`
			}
			if typ != "Binary" && typ != "Bundle" {
				head += `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">alpha ` + map[bool]string{true: "beta", false: "gamma"}[id == "3" || id == "B"] + `</div>"},`
			}
			body = strings.NewReplacer(`$A`, `"subject":{"reference":"Patient/A","display":"Amy","identifier":{"value":"1"}}`, `$B`, `"subject":{"reference":"Patient/B","display":"Amy","identifier":{"value":"1"}}`).Replace(head + body)
			if o.Body = json.RawMessage(body); !json.Valid(o.Body) {
				panic(line)
			}
		}
		ops = append(ops, o)
	}
	return ops
}

// observation is a line of a world.
func observation(id, subject, category, more string) string {
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`Observation/%s {"status":"final",%s,"category":[{"coding":[{"system":"http://s","code":"%s"}]}],"code":{"text":"alpha","coding":[{"system":"http://s","code":"%[3]s","display":"Alpha"}]},"effectiveDateTime":"2020-01-0%[1]s"%[4]s}`,
		id, subject, category, more)
}

// withoutHidden is the world without what the token may not see; of what it sees in part, the rest says something else.
func withoutHidden(world []Op, t model.Token) []Op {
	want := seen(world, t)
	out := slices.Clone(world)
	shown := map[string]bool{} // instances
	for _, v := range modelled(world).Touches(t) {
		shown[v.Type+"/"+v.ID] = true
	}
	for i, o := range world {
		switch at := o.Type + "/" + o.ID; {
		case !shown[at]:
			out[i].Skip = true
		case o.Body != nil && slices.IndexFunc(world[i+1:], func(p Op) bool { return p.Type == o.Type && p.ID == o.ID }) >= 0: // an old version, perhaps hidden
			kept := out[i]
			out[i].Body = json.RawMessage(strings.NewReplacer("Alpha", "Omega", "2020-01-0", "2021-02-0", `"1"}`, `"9"}`).Replace(string(o.Body)))
			if !slices.Equal(seen(out, t), want) {
				out[i] = kept
			}
		}
	}
	for i, o := range out { // the law holds the panel fixed: what makes it stays
		if o.Skip && !slices.Equal(seen(alone(world, i), t), want) {
			out[i].Skip = false
		}
	}
	if !slices.Equal(seen(out, t), want) {
		panic(fmt.Sprintf("what %s sees depends on what it does not see", t))
	}
	return out
}

// alone is a world without one instance.
func alone(world []Op, i int) []Op {
	out := slices.Clone(world)
	for j := range out {
		out[j].Skip = out[j].Type == world[i].Type && out[j].ID == world[i].ID
	}
	return out
}
