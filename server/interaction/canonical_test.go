package interaction

import (
	"slices"
	"strings"
	"testing"
)

// Canonicals are references, too: in chains, _has and includes, with and without a version (R4
// references.html#canonical).
func TestCanonicals(t *testing.T) { each(t, testCanonicals) }

func testCanonicals(t *testing.T, r *rig) {
	for _, q := range []string{`"id":"a1","version":"1","title":"Alpha"`, `"id":"a2","version":"2","title":"Beta"`} {
		r.put(`{"resourceType":"Questionnaire","status":"active","url":"http://x/a",` + q + `}`)
	}
	r.put(`{"resourceType":"Questionnaire","id":"b","status":"active","url":"http://x/b","title":"Beta"}`,
		`{"resourceType":"Questionnaire","id":"none","status":"active","title":"Beta"}`)
	for id, canonical := range map[string]string{"ra": "http://x/a", "ra2": "http://x/a|2", "ra3": "http://x/a|3", "rb": "http://x/b", "rlocal": "Questionnaire/none", "rc": "http://x/c"} {
		r.put(`{"resourceType":"QuestionnaireResponse","id":"` + id + `","status":"completed","questionnaire":"` + canonical + `"}`)
	}
	for _, c := range []struct{ typ, query, want string }{
		{"QuestionnaireResponse", "questionnaire.title=alpha", "ra"},
		{"QuestionnaireResponse", "questionnaire.title=beta", "ra ra2 rb rlocal"},
		{"QuestionnaireResponse", "questionnaire:Questionnaire.title=beta&_id=rb", "rb"},
		{"QuestionnaireResponse", "questionnaire=http://x/a|2", "ra2"},
		{"Questionnaire", "_has:QuestionnaireResponse:questionnaire:_id=ra", "a1 a2"},
		{"Questionnaire", "_has:QuestionnaireResponse:questionnaire:_id=ra2", "a2"},
		{"Questionnaire", "_has:QuestionnaireResponse:questionnaire:_id=ra3", ""},
		{"Questionnaire", "_has:QuestionnaireResponse:questionnaire:_id=rlocal", "none"},
		{"Questionnaire", "_has:QuestionnaireResponse:questionnaire:status=completed", "a1 a2 b none"},
		{"QuestionnaireResponse", "_id=ra&_include=QuestionnaireResponse:questionnaire", "ra +a1 +a2"},
		{"QuestionnaireResponse", "_id=ra2&_include=QuestionnaireResponse:questionnaire:Questionnaire", "ra2 +a2"},
		{"QuestionnaireResponse", "_id=ra3&_include=QuestionnaireResponse:questionnaire", "ra3"},
		{"QuestionnaireResponse", "_include=*", "ra ra2 ra3 rb rc rlocal +a1 +a2 +b +none"},
		{"Questionnaire", "_id=a1&_revinclude=QuestionnaireResponse:questionnaire", "a1 +ra"},
		{"Questionnaire", "_id=a2&_revinclude=*", "a2 +ra +ra2"},
		{"Questionnaire", "_id=none&_revinclude=QuestionnaireResponse:questionnaire", "none +rlocal"},
	} {
		entries, _, err := r.search(r.root(), c.typ, c.query)
		var got []string
		for _, e := range entries {
			mode, name, _ := strings.Cut(e, " ")
			_, id, _ := strings.Cut(name, "/")
			got = append(got, map[string]string{"match": "", "include": "+"}[mode]+id)
		}
		slices.SortFunc(got, func(a, b string) int {
			if x, y := strings.HasPrefix(a, "+"), strings.HasPrefix(b, "+"); x != y {
				return map[bool]int{true: 1, false: -1}[x]
			}
			return strings.Compare(a, b)
		})
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s?%s: %v, %v, want %s", c.typ, c.query, got, err, c.want)
		}
	}
}
