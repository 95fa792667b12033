package auth

import (
	"net/http"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// shown is how many choices a page has.
const shown = 20

// showPicker asks for one resource of the type, among those that the user may see.
func (s *Server) showPicker(w http.ResponseWriter, r *http.Request, in *running, typ, words, fault string) error {
	ctx := r.Context()
	a, err := s.pickable(ctx, &in.visitor.User)
	if err != nil {
		return err
	}
	p := PickerPage{Frame: s.frame(r, in.visitor, &in.client), Form: s.form(w, r, in, "pick"), Type: typ, Query: words, Error: fault,
		Optional: !in.flow.needed(typ)}
	if by := searchable(typ); by != "" {
		p.Search, p.SearchHidden, p.ByDate = s.url("flow"), []Field{{"request", s.sign("flow", in.id)}}, by == "date"
	}
	found := map[string]bool{}
	for _, pairs := range queries(typ, words) {
		list, more, err := s.chart.shown().search(ctx, a, typ, append(pairs, in.flow.about(typ)...), shown)
		if err != nil {
			return err
		}
		p.More = p.More || more
		for _, res := range list {
			if !found[res.ID] && len(p.Choices) < shown {
				found[res.ID] = true
				p.Choices = append(p.Choices, choiceOf(res))
			}
		}
	}
	if len(p.Choices) == 1 {
		p.Choices[0].Checked = true
	}
	if typ == "Encounter" && in.flow.Launch.Patient != "" {
		if res, ok, err := s.chart.shown().read(ctx, a, "Patient", in.flow.Launch.Patient); err != nil {
			return err
		} else if ok {
			p.Patient = patientText(res)
		}
	}
	s.show(w, r, http.StatusOK, p, leads(in.flow.Redirect)...)
	return nil
}

// searchable is the parameter that words are searched by, "" if the type has none.
func searchable(typ string) string {
	for _, by := range []struct {
		code string
		typ  r4.ParamType
	}{{"name", r4.String}, {"title", r4.String}, {"date", r4.Date}} {
		if p := r4.Lookup(typ, by.code); p != nil && p.Type == by.typ {
			return by.code
		}
	}
	return ""
}

// queries are the searches that words mean: by name or date, each word; of patients also by identifier, birth date and id.
func queries(typ, words string) [][]search.Pair {
	fields := strings.Fields(words)
	by := searchable(typ)
	if len(fields) == 0 || by == "" || len(words) > 200 {
		return [][]search.Pair{nil}
	}
	switch {
	case by == "date":
	case typ == "Patient", typ == "Practitioner", typ == "RelatedPerson", typ == "Person": // each part of their names counts by its beginning
	default:
		by += ":contains"
	}
	var names []search.Pair
	for _, f := range fields {
		names = append(names, search.Pair{Name: by, Value: literal(f)})
	}
	list := [][]search.Pair{names}
	if len(fields) == 1 && typ == "Patient" {
		list = append(list, []search.Pair{{Name: "identifier", Value: literal(fields[0])}}, []search.Pair{{Name: "birthdate", Value: literal(fields[0])}})
		if fhir.ValidID(fields[0]) {
			list = append(list, []search.Pair{{Name: "_id", Value: fields[0]}})
		}
	}
	return list
}

// literal escapes what has a meaning in a search value.
func literal(word string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `$`, `\$`, `|`, `\|`).Replace(word)
}

// pick takes the choice.
func (s *Server) pick(w http.ResponseWriter, r *http.Request) {
	in, form, typ, ok := s.act(w, r, stepPick)
	if !ok {
		return
	}
	ctx, err := r.Context(), error(nil)
	id := form.Get("choice")
	switch {
	case form.Get("action") == "none" && !in.flow.needed(typ):
		in.flow.Without = append(in.flow.Without, typ)
	case id == "":
		if err = s.showPicker(w, r, in, typ, "", "Choose one."); err != nil {
			s.halt(w, r, in, err)
		}
		return
	default:
		if ok, err = s.mayChoose(r, in, typ, id); err == nil && !ok {
			err = errorf(accessDenied, "this cannot be chosen") // the same for what is hidden and what is not there
		}
		in.flow.choose(typ, id)
	}
	if err == nil {
		err = s.save(ctx, in)
	}
	if err != nil {
		s.halt(w, r, in, err)
		return
	}
	see(w, s.flowURL(in.id))
}

// mayChoose says whether the resource is one that the picker could have shown.
func (s *Server) mayChoose(r *http.Request, in *running, typ, id string) (bool, error) {
	a, err := s.pickable(r.Context(), &in.visitor.User)
	if err != nil {
		return false, err
	}
	if !fhir.ValidID(id) {
		return false, nil
	}
	list, _, err := s.chart.search(r.Context(), a, typ, append(in.flow.about(typ), search.Pair{Name: "_id", Value: id}), 1)
	return len(list) == 1, err
}
