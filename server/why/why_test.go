package why_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/server/why"
	"github.com/firewarden/firewarden/store/storetest"
)

const categories = "http://terminology.hl7.org/CodeSystem/observation-category"

// record has two patients; of a an Observation that is a vital sign, with a Provenance and a document with a Binary.
var record = []string{
	`{"resourceType":"Patient","id":"a","generalPractitioner":[{"reference":"Practitioner/p"}]}`,
	`{"resourceType":"Patient","id":"b"}`,
	`{"resourceType":"Practitioner","id":"p"}`,
	`{"resourceType":"Observation","id":"9","status":"final","code":{"text":"x"},"category":[{"coding":[{"system":"` + categories + `","code":"vital-signs"}]}],"subject":{"reference":"Patient/a"},"performer":[{"reference":"Practitioner/p"}],"effectiveDateTime":"2026-05-04"}`,
	`{"resourceType":"Observation","id":"b9","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/b"}}`,
	`{"resourceType":"Provenance","id":"w","target":[{"reference":"Observation/9"}],"recorded":"2026-05-04T00:00:00Z","agent":[{"who":{"reference":"Practitioner/p"}}]}`,
	`{"resourceType":"Binary","id":"pdf","contentType":"text/plain","data":"AAAA"}`,
	`{"resourceType":"DocumentReference","id":"d","status":"current","subject":{"reference":"Patient/a"},"content":[{"attachment":{"url":"Binary/pdf"}}]}`,
	`{"resourceType":"Slot","id":"s","status":"free","schedule":{"reference":"Schedule/x"},"start":"2026-05-04T00:00:00Z","end":"2026-05-05T00:00:00Z"}`,
	`{"resourceType":"Condition","id":"gone","subject":{"reference":"Patient/a"}}`,
}

func filled(t *testing.T) *interaction.Service {
	t.Helper()
	m := storetest.NewMemory()
	m.Indexer = &index.Indexer{Base: storetest.Base}
	s := &interaction.Service{Store: m, Indexer: m.Indexer, Base: storetest.Base, Validation: interaction.ValidateOff, Now: func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }}
	all := interaction.Caller{Access: search.Unrestricted}
	for _, body := range record {
		res, err := fhir.Parse([]byte(body), fhir.DefaultLimits)
		if err == nil {
			_, err = s.Update(context.Background(), all, res.Type, res.ID, res, interaction.WriteOptions{})
		}
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
	}
	if _, err := s.Delete(context.Background(), all, "Condition", "gone", interaction.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// of is the access of scopes, of patient a unless there is none, of a user who sees the patients of a general practitioner.
func of(t *testing.T, scopes, patient, gp string) *scope.Access {
	t.Helper()
	set, refused := scope.Parse(scopes)
	if refused != nil {
		t.Fatal(refused)
	}
	c := scope.Context{Patient: patient}
	if gp != "" {
		role, err := scope.ParseRole("Patient?general-practitioner={user}", "")
		if err == nil {
			c.User, err = role.For(fhir.ParseReference(gp, ""))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return set.Access(c)
}

func TestWhy(t *testing.T) {
	asker := why.Asker{Service: filled(t)}
	for _, c := range []struct {
		scopes, patient, gp, ref, letter string

		answer, reason, link, smallest string // link of the scope that matches
	}{
		{"patient/Observation.rs", "a", "", "Observation/9", "r", "200", "", "subject", ""},
		{"patient/*.rs", "a", "", "Patient/a", "s", "200", "", "id", ""},
		{"patient/Condition.rs", "a", "", "Observation/9", "r", "403", "no scope names Observation with the letter r", "", "patient/Observation.r?category=" + categories + "|vital-signs"},
		{"patient/Observation.s", "a", "", "Observation/9", "r", "403", "no scope names Observation with the letter r", "", "patient/Observation.r?category=" + categories + "|vital-signs"},
		{"patient/Observation.rs?category=laboratory", "a", "", "Observation/9", "r", "404",
			"patient/Observation.rs?category=laboratory: it is not in category=laboratory, it has " + categories + "|vital-signs", "",
			"patient/Observation.r?category=" + categories + "|vital-signs"},
		{"patient/Observation.rs?date=ge2026-06", "a", "", "Observation/9", "s", "200 without it",
			"patient/Observation.rs?date=ge2026-06: it is not in date=ge2026-06, it has 2026-05-04…2026-05-05", "", "patient/Observation.s?category=" + categories + "|vital-signs"},
		{"patient/Observation.rs", "b", "", "Observation/9", "r", "404", "patient/Observation.rs: it is not in the compartment of Patient/b, it has subject=Patient/a, performer=Practitioner/p", "",
			"system/Observation.r?category=" + categories + "|vital-signs"},
		{"user/Observation.rs", "", "Practitioner/q", "Observation/9", "r", "404", "the user's policy does not reach it: it is not in the compartment of any patient of the policy, it has subject=Patient/a, performer=Practitioner/p", "", ""},
		{"user/Observation.r", "", "Practitioner/p", "Observation/9", "r", "200", "", "", ""},
		{"patient/Provenance.r", "a", "", "Provenance/w", "r", "404", "patient/Provenance.r: it is not in the compartment of Patient/a; it is not in what refers to no Patient but Patient/a; it is not in what refers by target to nothing but what is seen, it has Observation/9 (not visible)", "",
			"patient/Observation.r?category=" + categories + "|vital-signs"},
		{"patient/Provenance.r patient/Observation.r", "a", "", "Provenance/w", "r", "200", "", "target", ""},
		{"patient/Patient.r", "a", "", "Binary/pdf", "r", "403", "no scope names Binary with the letter r", "", "patient/Binary.r patient/DocumentReference.r"},
		{"patient/*.r", "a", "", "Binary/pdf", "r", "200", "", "DocumentReference:content.attachment.url", ""},
		{"patient/*.cruds", "a", "", "Slot/s", "r", "403", "patient/*.cruds: patient/ reaches no Slot with the letter r here", "", "system/Slot.r"},
		{"patient/*.cruds", "a", "", "Practitioner/p", "u", "403", "patient/*.cruds: patient/ reaches no Practitioner with the letter u here", "", "system/Practitioner.u"},
		{"patient/Observation.c?date=ge2026-06", "a", "", "Observation/9", "c", "403", "patient/Observation.c?date=ge2026-06: it is not in date=ge2026-06, it has 2026-05-04…2026-05-05", "",
			"patient/Observation.c?category=" + categories + "|vital-signs"},
		{"patient/Observation.rd", "a", "", "Observation/9", "d", "204", "", "subject", ""},
		{"patient/Observation.d", "b", "", "Observation/9", "d", "204, and nothing happens", "patient/Observation.d: it is not in the compartment of Patient/b, it has subject=Patient/a, performer=Practitioner/p", "", "system/Observation.d?category=" + categories + "|vital-signs"},
		{"patient/Condition.r", "a", "", "Condition/gone", "r", "410", "the resource was deleted", "patient", ""},
		{"patient/Observation.r", "a", "", "Condition/gone", "r", "403", "no scope names Condition with the letter r", "", ""},
	} {
		typ, id, _ := strings.Cut(c.ref, "/")
		a, err := asker.Why(context.Background(), interaction.Caller{Access: of(t, c.scopes, c.patient, c.gp)}, typ, id)
		if err != nil {
			t.Fatalf("%s: %v", c.ref, err)
		}
		l := a.Letters[strings.Index("cruds", c.letter)]
		link := ""
		for _, one := range l.Scopes {
			if one.Matches {
				link = one.Link
			}
		}
		if l.Answer != c.answer || c.reason != "" && l.Reason != c.reason || link != c.link || strings.Join(l.Smallest, " ") != c.smallest {
			t.Errorf("%s: %s %s: %q because %q, link %q, smallest %q", c.scopes, c.letter, c.ref, l.Answer, l.Reason, link, l.Smallest)
		}
	}
}

func TestWhyOfWhatIsNotThere(t *testing.T) {
	asker := why.Asker{Service: filled(t)}
	caller := interaction.Caller{Access: of(t, "patient/*.rs", "a", "")}
	for ref, want := range map[string]string{"Observation/10": why.Absent, "Observation/9": why.Current, "Condition/gone": why.Deleted} {
		typ, id, _ := strings.Cut(ref, "/")
		a, err := asker.Why(context.Background(), caller, typ, id)
		if err != nil || a.State != want || a.Ref != ref || (len(a.Letters) == 5) != (want != why.Absent) {
			t.Errorf("%s: %+v %v", ref, a, err)
		}
	}
	for _, ref := range [][2]string{{"Obs", "1"}, {"Observation", ""}, {"Observation", "a b"}, {"", ""}} {
		if _, err := asker.Why(context.Background(), caller, ref[0], ref[1]); fhir.KindOf(err) != fhir.KindValue {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

// What cannot be evaluated opens nothing, and is told.
func TestWhyTellsWhatCannotBeEvaluated(t *testing.T) {
	a, err := why.Asker{Service: filled(t)}.Why(context.Background(), interaction.Caller{Access: of(t, "patient/Observation.r user/Observation.r patient/Observation.s?own=x", "a", "")}, "Observation", "9")
	if err != nil || len(a.Faults) != 2 || !a.Letters[search.Read].Allowed {
		t.Errorf("%q %v", a.Faults, err)
	}
}

// A caller who does not come by scopes has a decision and no scopes.
func TestWhyWithoutScopes(t *testing.T) {
	a, err := why.Asker{Service: filled(t)}.Why(context.Background(), interaction.Caller{Access: search.Unrestricted}, "Observation", "9")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range a.Letters {
		if !l.Allowed || l.Scopes != nil || l.Smallest != nil {
			t.Errorf("%+v", l)
		}
	}
}
