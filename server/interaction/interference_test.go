package interaction

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/conformance/terminology"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
	"github.com/firewarden/firewarden/store/storetest"
	"pgregory.net/rapid"
)

var cursors = regexp.MustCompile(`_page=[A-Za-z0-9_-]+`)

// The law of the access semantics: what a caller may not see influences no answer. The same requests are sent to a
// store with hidden resources and to one without; all answers must be equal, byte for byte but for the cursors.
func TestNonInterference(t *testing.T) {
	t.Run("memory", func(t *testing.T) { testNonInterference(t, func() store.Store { return storetest.NewMemory() }) })
	t.Run("embedded", func(t *testing.T) { testNonInterference(t, func() store.Store { return openEmbedded(t) }) })
}

func testNonInterference(t *testing.T, open func() store.Store) {
	scopes := []string{
		"patient/Observation.cruds?category=a patient/Encounter.rs?class=AMB patient/Patient.rs patient/ValueSet.rs?status=active patient/CodeSystem.r?status=active",
		"patient/Observation.rs?category=a patient/Patient.r patient/Device.rs",
		"system/Observation.cruds?category=a system/Encounter.rs?class=AMB system/ValueSet.s?status=active system/CodeSystem.rs?status=active",
		"patient/Observation.u?category=a patient/Observation.rs?category=a patient/Encounter.s?class=AMB",
		"user/Observation.cruds?category=a user/Encounter.rs?class=AMB user/Patient.rs user/ValueSet.r?status=active user/CodeSystem.s?status=active",
		"user/Observation.rs?category=a user/Patient.r user/Device.rs",
		"user/*.s?_id:not=he1,he2,he3,h1,h2,h3,hs1,hs2,hc user/Observation.crud?category=a user/Encounter.r?class=AMB",
		"system/Observation.cruds?category=a user/Encounter.rs?class=AMB patient/Patient.rs system/Device.s __user",
	}
	rapid.Check(t, func(t *rapid.T) {
		granted := rapid.SampledFrom(scopes).Draw(t, "scopes")
		visible := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawResource(t, "v", granted) }), 1, 8).Draw(t, "visible")
		hidden := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawResource(t, "h", granted) }), 1, 8).Draw(t, "hidden")
		order := rapid.Permutation(append(make([]bool, len(visible)), trues(len(hidden))...)).Draw(t, "order")
		requests := rapid.SliceOfN(rapid.SampledFrom(requests), 1, 10).Draw(t, "requests")
		several := rapid.SampledFrom([]ConditionalDelete{DeleteSingle, DeleteMultiple}).Draw(t, "conditional delete")

		var cache terminology.Cache // what one caller's requests read is there for the next caller's
		with := answers(t, open(), &cache, granted, visible, hidden, order, requests, several)
		without := answers(t, open(), &cache, granted, visible, nil, order, requests, several)
		for i, request := range append(requests, "what the audit log has of all of them") {
			if with[i] != without[i] {
				t.Fatalf("%s: %s\nwith hidden resources: %s\nwithout: %s", granted, request, with[i], without[i])
			}
		}
	})
}

// withUser says whether the token is that of a user, who has a policy.
func withUser(granted string) bool { return strings.Contains(granted, "user") }

func trues(n int) []bool {
	out := make([]bool, n)
	for i := range out {
		out[i] = true
	}
	return out
}

// drawResource draws a resource that the scopes show (ids v…) or hide (ids h…). Both refer to both.
func drawResource(t *rapid.T, prefix, granted string) string {
	system, user := strings.HasPrefix(granted, "system/") && !withUser(granted), withUser(granted)
	id := prefix + rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "id")
	hide := prefix == "h"
	subject, category, class := "A", rapid.SampledFrom([]string{"a", "a b", "c a"}).Draw(t, "category"), "AMB"
	switch {
	case hide && (system || rapid.Bool().Draw(t, "how")):
		category, class = rapid.SampledFrom([]string{"b", "c", "b c"}).Draw(t, "category"), "IMP"
	case hide:
		subject = "B"
	case user:
		subject = rapid.SampledFrom([]string{"A", "C"}).Draw(t, "subject")
	}
	identifier := `"meta":{"tag":[{"code":"` + rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "tag") + `","display":"` + prefix + `"}]},"identifier":[{"value":"` + rapid.SampledFrom([]string{"1", "2"}).Draw(t, "identifier") + `"}],`
	if rapid.IntRange(0, 3).Draw(t, "definition") == 0 {
		return drawDefinition(t, prefix, hide)
	}
	if rapid.Bool().Draw(t, "encounter") {
		return strings.Replace(encounter(prefix+"e"+id[1:], subject, class), `"status"`, identifier+`"status"`, 1)
	}
	to := rapid.SampledFrom([]string{"ve1", "ve2", "he1", "he2"}).Draw(t, "refers to")
	code := `"code":{"coding":[{"system":"urn:cs","code":"` + rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "code") + `"}]}`
	if rapid.Bool().Draw(t, "contains") {
		code = `"contained":[{"resourceType":"Encounter","id":"c","status":"finished","class":{"code":"AMB"}},{"resourceType":"Device","id":"d","status":"active"}],` + code
	}
	return strings.Replace(strings.Replace(observation(id, subject, category), `"code":{"text":"x"}`, code, 1), `"status"`,
		identifier+`"effectiveDateTime":"202`+rapid.SampledFrom([]string{"1", "2"}).Draw(t, "year")+`","encounter":{"reference":"Encounter/`+to+`"},"status"`, 1)
}

// drawDefinition draws a value set or a code system, which the scopes with one of its type show if it is active. Both
// have the same URLs in both worlds, so that a hidden one stands before a visible one, or is what is included.
func drawDefinition(t *rapid.T, prefix string, hide bool) string {
	status := map[bool]string{true: "draft", false: "active"}[hide]
	date := rapid.SampledFrom([]string{"2020", "2021", "2022"}).Draw(t, "date")
	code := rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "code of a set")
	if rapid.Bool().Draw(t, "code system") {
		return fmt.Sprintf(`{"resourceType":"CodeSystem","id":"%sc","url":"urn:cs","status":%q,"date":%q,"content":"complete","concept":[{"code":%q,"concept":[{"code":"w"},{"code":%q}]}]}`,
			prefix, status, date, code, rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "below"))
	}
	n := rapid.SampledFrom([]string{"1", "2"}).Draw(t, "set")
	include := rapid.SampledFrom([]string{
		`{"system":"urn:cs","concept":[{"code":"` + code + `"}]}`, `{"valueSet":["urn:vs:1"]}`, `{"valueSet":["urn:vs:2"]}`,
		`{"system":"urn:cs","filter":[{"property":"concept","op":"is-a","value":"` + code + `"}]}`,
	}).Draw(t, "include")
	return fmt.Sprintf(`{"resourceType":"ValueSet","id":"%ss%s","url":"urn:vs:%s","status":%q,"date":%q,"compose":{"include":[%s]}}`, prefix, n, n, status, date, include)
}

var requests = []string{
	"search Observation code:in=urn:vs:1&_sort=_id", "search Observation code:in=urn:vs:2&_sort=_id", "search Observation code:not-in=urn:vs:1&_sort=_id", "search Observation code:in=ValueSet/hs1",
	"search Observation code:in=ValueSet/vs1&_total=accurate", "search Observation code:below=urn:cs|x&_sort=_id", "search Observation code:above=urn:cs|y&_sort=_id",
	"search Encounter _has:Observation:encounter:code:in=urn:vs:1&_sort=_id", "delete-where code:in=urn:vs:1", "update-where code:in=urn:vs:2 ", "search ValueSet _sort=_id",
	"search Observation _sort=_id", "search Observation _sort=date,_id", "search Observation category=b&_sort=_id", "search Observation _summary=count",
	"search Observation encounter.class=IMP&_total=accurate", "search Observation encounter.identifier=1&_sort=_id", "search Observation encounter.class:not=AMB",
	"search Observation _include=Observation:encounter&_sort=_id", "search Observation _include=Observation:subject&_sort=_id",
	"search Observation _id=h1,v1,v2&_sort=_id", "search Observation identifier=1&_sort=_id", "search Observation encounter=Encounter/he1&_sort=_id",
	"search Observation subject:Patient._has:Observation:subject:category=c", "search Observation category:missing=true", "search Observation category:not=c&_sort=_id",
	"search Encounter _sort=_id&_total=accurate", "search Encounter _contained=both&_sort=_id&_total=accurate", "search Device _contained=true&status=active&_sort=_id", "search Device _contained=both&_containedType=contained&_sort=_id&_count=1", "search Encounter _contained=true&_containedType=contained&_sort=_id", "delete-where _contained=true", "search Encounter _has:Observation:encounter:category=b&_sort=_id", "search Encounter _revinclude=Observation:encounter&_sort=_id",
	"search Patient _has:Observation:subject:category=c", "search Patient ", "search Observation _count=1&_sort=_id", "search Encounter _count=1&_sort=_id&identifier=2",
	"search Observation _include:iterate=Encounter:subject&_include=Observation:encounter&_sort=_id", "search Observation _include=*&_sort=_id",
	"search Encounter _revinclude:iterate=Observation:encounter&_include:iterate=Observation:subject&_sort=_id", "search Encounter _revinclude=*&_sort=_id",
	"search Observation _sort=encounter:Encounter.class,_id", "search Observation _sort=-encounter:Encounter.identifier,-_id&_count=1",
	"search Observation _sort=_id&_count=1&_maxresults=2", "search Observation _list=l", "search Observation _summary=true&_sort=_id", "search Observation _elements=encounter&_sort=_id",
	"system-search _ _type=Observation,Encounter&_sort=_id&_count=1", "system-search _ _count=2", "system-search _ _type=Encounter,Patient&_total=accurate", "system-search _ _list=l",
	"system-search _ identifier=1&_type=Encounter,Observation&_sort=-_id", "compartment Patient/A/* _count=1", "compartment Patient/B/* ", "compartment Patient/A/Observation _sort=_id&_total=accurate",
	"compartment Encounter/ve1/Observation _sort=_id", "compartment Encounter/he1/* ", "compartment Encounter/he1/Observation _summary=count",
	"past Observation _at=2026-01-01T00:02:00Z", "past Observation _sort=_lastUpdated&_count=1", "past Encounter/ve1 _at=lt2026-01-01T00:04:00Z", "past Observation/v1 _sort=_lastUpdated&_count=1",
	"read Observation v1", "read Observation h1", "read Encounter he1", "read Patient B", "vread Observation h1", "vread Observation v1",
	"history Observation v1", "history Observation h1", "type history Observation", "type history Encounter", "system history",
	"update Observation v1", "update Observation h1", "update Observation n1", "delete Observation h2", "delete Observation v2", "delete Observation n2",
	"create 1", "create 2", "create 3", "refer 1", "refer 2", "refer 3",

	"update-where identifier=1 ", "update-where identifier=2 ", "update-where identifier=3 ", "update-where _id=h1,v1 v1", "update-where _id=h1 h1", "update-where identifier=1 v1",
	"update-where identifier=3 h2", "update-where identifier=3 n1", "update-where category=b ", "update-where encounter.class=IMP ",
	"delete-where identifier=1", "delete-where identifier=3", "delete-where _id=h1", "delete-where _id=h1,v1", "delete-where status=final", "delete-where category=c",
	"patch Observation v1 status", "patch Observation v1 move", "patch Observation v1 test", "patch Observation v2 category", "patch Observation h1 status", "patch Observation h1 test", "patch Observation n1 test",
	"patch-where identifier=1 status", "patch-where identifier=2 test", "patch-where _id=h1 status", "patch-where _id=h1,v2 category",
	"meta Observation v1", "meta Observation h1", "meta Patient B", "type-meta Observation", "type-meta Encounter", "type-meta Patient", "type-meta ",
	"meta-add Observation v1", "meta-add Observation h1", "meta-delete Observation v2", "meta-delete Observation h2", "create-only v1", "create-only h1", "create-only n1",
}

// patches are those of the requests: one that is done, one that moves the resource out of reach, one whose test fails or
// not by what is there, one that takes away the category.
var patches = map[string]string{
	"status":   `[{"op":"replace","path":"/status","value":"amended"}]`,
	"move":     `[{"op":"replace","path":"/subject/reference","value":"Patient/B"}]`,
	"test":     `[{"op":"test","path":"/identifier/0/value","value":"1"}]`,
	"category": `[{"op":"remove","path":"/category"}]`,
}

// answers are what the requests give, one after the other. Writes of the world have the same times in both worlds.
func answers(t *rapid.T, st store.Store, cache *terminology.Cache, granted string, visible, hidden []string, order []bool, requests []string, several ConditionalDelete) []string {
	r := rigOn(t, st)
	r.ConditionalDelete, r.Definitions = several, cache
	var at time.Time
	r.Now = func() time.Time { return at }
	log, err := audit.Open(ctx, audit.Options{Store: st, Indexer: r.Indexer, Now: r.Now})
	if err != nil {
		t.Fatal(err)
	}
	r.Store = log.Store()
	r.put(ofDoctor(patient("A"), "1"), ofDoctor(patient("B"), "2"), ofDoctor(patient("C"), "1"))
	seen := 0
	for _, hide := range order {
		switch {
		case !hide:
			seen++
			at = time.Date(2026, 1, 1, 0, seen, 0, 0, time.UTC)
			r.put(visible[seen-1])
		case hidden != nil:
			at = at.Add(time.Second)
			r.put(hidden[0])
			hidden = hidden[1:]
		}
	}
	at = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	c := as(t, "A", granted)
	if withUser(granted) { // whose policy is a rule that finds A and C in both worlds
		c = asUser(t, "A", granted, doctors(t, "1"))
	}
	out := make([]string, len(requests))
	whole := ctx
	defer func() { ctx = whole }()
	for i, request := range requests {
		trail := log.Begin(audit.Record{Request: request})
		ctx = trail.In(whole)
		out[i] = cursors.ReplaceAllString(answer(r, c, request), "_page=")
		if err := trail.End(200, func() audit.Act { return audit.Act{Code: "batch"} }); err != nil {
			t.Fatal(err)
		}
	}
	ctx = whole
	return append(out, logged(r, log))
}

var eventIDs = regexp.MustCompile(`"id":"[0-9a-f]{32}"|/AuditEvent/[0-9a-f]{32}`)

// logged is what the audit log holds, all of it: what a caller's requests have left there may tell nothing either of what
// was hidden from the caller.
func logged(r *rig, log *audit.Log) string {
	if err := log.Flush(ctx); err != nil {
		r.t.Fatal(err)
	}
	out, err := r.Search(ctx, r.root(), "AuditEvent", []search.Pair{{Name: "_count", Value: "1000"}}, SearchOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	return cursors.ReplaceAllString(eventIDs.ReplaceAllString(string(out.Bundle), ""), "_page=")
}

func answer(r *rig, c Caller, request string) string {
	words := strings.Split(request, " ")
	var out Result
	var err error
	switch what := words[0]; what {
	case "search", "system-search", "compartment", "past": // all pages, and back again
		pairs, _ := Pairs(words[2])
		var all strings.Builder
		for relation := "next"; ; {
			switch path := strings.Split(words[1], "/"); {
			case what == "search":
				out, err = r.Search(ctx, c, words[1], pairs, SearchOptions{})
			case what == "system-search":
				out, err = r.SearchSystem(ctx, c, pairs, SearchOptions{})
			case what == "compartment":
				out, err = r.SearchCompartment(ctx, c, fhir.Reference{Type: path[0], ID: path[1]}, path[2], pairs, SearchOptions{})
			case len(path) == 1:
				out, err = r.HistoryType(ctx, c, words[1], pairs)
			default:
				out, err = r.HistoryInstance(ctx, c, path[0], path[1], pairs)
			}
			if err != nil {
				break
			}
			all.Write(out.Bundle)
			b := r.decode(out.Bundle)
			to := b.link(relation)
			if to == "" && relation == "next" {
				relation = "previous"
				to = b.link(relation)
			}
			if to == "" {
				return all.String()
			}
			pairs, _ = Pairs(to)
		}
	case "system":
		out, err = r.HistorySystem(ctx, c, nil)
	case "type":
		out, err = r.HistoryType(ctx, c, words[2], nil)
	case "create":
		out, err = r.Create(ctx, c, "Observation", r.parse(observation("x", "A", "a")), CreateOptions{IfNoneExist: "identifier=" + words[1]})
	case "update-where":
		body := observation(words[2], "A", "a")
		if words[2] == "" {
			body = strings.Replace(body, `"id":"",`, "", 1)
		}
		out, err = r.UpdateWhere(ctx, c, "Observation", words[1], r.parse(body), WriteOptions{})
	case "delete-where":
		out, err = r.DeleteWhere(ctx, c, "Observation", words[1], WriteOptions{})
	case "create-only":
		out, err = r.Update(ctx, c, "Observation", words[1], r.parse(observation(words[1], "A", "a")), WriteOptions{IfNoneMatch: "*"})
	case "patch":
		out, err = r.Patch(ctx, c, words[1], words[2], r.patchOf(words[1], binary(patches[words[3]])), WriteOptions{})
	case "patch-where":
		out, err = r.PatchWhere(ctx, c, "Observation", words[1], r.patchOf("Observation", binary(patches[words[2]])), WriteOptions{})
	case "type-meta":
		out, err = r.MetaOf(ctx, c, words[1])
	case "refer":
		body := strings.Replace(observation("x", "A", "a"), `"status"`, `"encounter":{"reference":"Encounter?identifier=`+words[1]+`"},"status"`, 1)
		out, err = r.Bundle(ctx, c, r.parse(`{"resourceType":"Bundle","type":"transaction","entry":[`+post("", body)+`]}`), BundleOptions{})
	default:
		out, err = do(r, c, what, words[1], words[2], observation(words[2], "A", "a"))
	}
	if err != nil {
		return fmt.Sprint(Status(err), string(OperationOutcome(err)), fhir.KindOf(err))
	}
	body := ""
	if out.Readable {
		body = string(out.Row.Body)
	}
	return fmt.Sprint(out.Effect, out.Row.Type, out.Row.ID, out.Row.Version, out.Row.LastUpdated, body, string(out.Bundle), string(out.Parameters), out.Count)
}
