package proof

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/proof/model"
)

// bundle is what is compared of a list.
type bundle struct {
	Total *int
	Entry []entry
}

type entry struct {
	FullURL  string
	Resource map[string]any
	Request  struct{ Method, URL, IfNoneExist string }
	Response struct{ Status, Etag, LastModified string }
	Search   struct{ Mode string }
}

func read(a answer) (b bundle, err error) {
	d := json.NewDecoder(strings.NewReader(a.body))
	d.UseNumber()
	return b, d.Decode(&b)
}

// name is Type/id/_history/version of the resource of an entry.
func (e entry) name() string {
	meta, _ := e.Resource["meta"].(map[string]any)
	return fmt.Sprint(e.Resource["resourceType"], "/", e.Resource["id"], "/_history/", meta["versionId"])
}

func nameOf(v *model.Version) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v.Type, "/", v.ID, "/_history/", v.Number)
}

func names(list []*model.Version) (out []string) {
	for _, v := range list {
		out = append(out, nameOf(v))
	}
	return out
}

// canonical is a resource without what the server stamps, labels in any order.
func canonical(resource map[string]any) string {
	out := map[string]any{}
	for name, value := range resource {
		out[name] = value
	}
	if meta, ok := out["meta"].(map[string]any); ok {
		kept := map[string]any{}
		for name, value := range meta {
			if list, ok := value.([]any); ok {
				var texts []string
				for _, x := range list {
					texts = append(texts, text(x))
				}
				slices.Sort(texts)
				kept[name] = texts
			}
		}
		if out["meta"] = kept; len(kept) == 0 {
			delete(out, "meta")
		}
	}
	return text(out)
}

func text(v any) string {
	b, err := json.Marshal(v) // members in the order of their names
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// compared says how an answer differs from what the model expects; "" if it does not.
func compared(q Request, got []answer, want model.Answer, m *model.Model) string {
	if got[0].status != want.Status && !slices.Contains(want.Or, got[0].status) {
		return fmt.Sprintf("status %d, want %d or %d", got[0].status, want.Status, want.Or)
	}
	switch {
	case q.Method == http.MethodHead && (want.Row == nil || want.Meta):
		if got[0].body != "" {
			return "a body"
		}
		return ""
	case want.Entries != nil:
		return answered(q, got[0], want.Entries, m)
	case want.Labels != nil || want.Meta:
		return labelled(got[0], want)
	case want.Found != nil:
		return found(q, got, want.Found, m)
	case want.Status == http.StatusOK && want.Row == nil && strings.Contains(q.Path, "_history"):
		var all []entry
		total := -1
		for i, a := range got {
			b, err := read(a)
			if err != nil {
				return err.Error()
			}
			if i == 0 && b.Total != nil {
				total = *b.Total
			}
			if !a.previous {
				all = append(all, b.Entry...)
			}
		}
		if total >= 0 && total != len(want.Past) || want.Count && (total < 0 || len(all) > 0) {
			return fmt.Sprintf("total %d and %d entries, want %q", total, len(all), names(want.Past))
		}
		if want.Count {
			return ""
		}
		if !slices.IsSortedFunc(all, func(x, y entry) int {
			if want.Ascending {
				x, y = y, x
			}
			return strings.Compare(y.Response.LastModified, x.Response.LastModified)
		}) {
			return "not in order"
		}
		return past(all, want.Past, len(got) > most || q.Page > 0 || q.cut)
	}
	tag := ""
	if want.Row != nil {
		tag = fmt.Sprintf("Etag: W/\"%d\"", want.Row.Number)
	}
	if !strings.Contains(got[0].header, tag) || tag == "" && strings.Contains(got[0].header, "Etag") {
		return fmt.Sprintf("want the header %q", tag)
	}
	if place := fmt.Sprintf("Location: %s/%s\r\n", m.Base, nameOf(want.Row)); want.Status == http.StatusCreated && !strings.Contains(got[0].header, place) {
		return "want " + place
	}
	if want.Row == nil || want.Row.Deleted || q.Header["Prefer"] != "" || strings.Contains(q.Path, "$meta") {
		return ""
	}
	var body map[string]any
	if got[0].body != "" {
		d := json.NewDecoder(strings.NewReader(got[0].body))
		d.UseNumber()
		if err := d.Decode(&body); err != nil {
			return err.Error()
		}
	}
	switch {
	case q.Method == http.MethodHead && body == nil:
	case want.Shown != (body != nil):
		return fmt.Sprintf("a body %v, want one: %v", body != nil, want.Shown)
	case want.Shown:
		return shown(body, want.Part)
	}
	return ""
}

// shown says how a resource differs from what should be there of it.
func shown(got map[string]any, of func() (map[string]any, bool)) string {
	if want, known := of(); known && canonical(got) != canonical(want) {
		return "want " + canonical(want)
	}
	return ""
}

// answered compares the entries of the answer to a Bundle.
func answered(q Request, a answer, want []model.Answer, m *model.Model) string {
	b, err := read(a)
	if err != nil || len(b.Entry) != len(want) {
		return fmt.Sprintf("%d entries, want %d; %v", len(b.Entry), len(want), err)
	}
	sent, err := read(answer{body: q.Body})
	if err != nil {
		return err.Error()
	}
	for i, e := range b.Entry {
		tag := ""
		if want[i].Row != nil {
			tag = fmt.Sprintf("W/\"%d\"", want[i].Row.Number)
		}
		if e.Response.Status[:3] == "400" && sent.Entry[i].Request.Method == http.MethodGet {
			continue
		}
		if e.Response.Status[:3] != fmt.Sprint(want[i].Status) || e.Response.Etag != tag {
			return fmt.Sprintf("entry %d: %s %s, want %d %s", i, e.Response.Status, e.Response.Etag, want[i].Status, tag)
		}
		asked, alone := sent.Entry[i].Request, answer{status: want[i].Status}
		if asked.Method == http.MethodGet {
			if tag != "" {
				alone.header = "Etag: " + tag
			}
			if e.Resource != nil {
				alone.body = text(e.Resource)
			}
			if why := compared(Request{Method: http.MethodGet, Path: "/" + asked.URL, cut: true}, []answer{alone}, want[i], m); why != "" {
				return fmt.Sprintf("entry %d: %s", i, why)
			}
		} else if !strings.Contains(asked.URL, "$") && strings.HasSuffix(q.Header["Prefer"], "representation") {
			switch shown := want[i].Shown; {
			case shown != (e.Resource != nil):
				return fmt.Sprintf("entry %d: a resource %v, want one: %v", i, e.Resource != nil, shown)
			case shown && canonical(e.Resource) != canonical(want[i].Row.JSON):
				return fmt.Sprintf("entry %d: want %s", i, canonical(want[i].Row.JSON))
			}
		}
	}
	return ""
}

// labelled compares the answer of $meta.
func labelled(a answer, want model.Answer) string {
	var body struct {
		Parameter []struct{ ValueMeta map[string]any }
	}
	d := json.NewDecoder(strings.NewReader(a.body))
	d.UseNumber()
	if err := d.Decode(&body); err != nil {
		return err.Error()
	}
	meta := map[string]any{}
	for _, p := range body.Parameter {
		meta = p.ValueMeta
	}
	if want.Meta {
		expected, _ := want.Row.JSON["meta"].(map[string]any)
		if got, want := canonical(map[string]any{"meta": meta}), canonical(map[string]any{"meta": expected}); got != want {
			return "got " + got + ", want " + want
		}
		return ""
	}
	got := []string{}
	for name, list := range meta {
		for _, x := range list.([]any) {
			got = append(got, name+" "+text(x))
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want.Labels) {
		return fmt.Sprintf("labels %q, want %q", got, want.Labels)
	}
	return ""
}

// past compares the entries of a history with what they should be, those of one moment in any order.
func past(got []entry, want []*model.Version, cut bool) string {
	var have, expected []string
	for _, e := range got {
		line := e.Request.Method + " " + e.Response.Etag
		if e.Resource != nil {
			line += " " + canonical(e.Resource)
		} else {
			line += " " + e.Request.URL
		}
		have = append(have, line)
	}
	for _, v := range want {
		line := fmt.Sprintf("%s W/\"%d\"", v.Method, v.Number)
		if v.Deleted {
			line += " " + v.Type + "/" + v.ID
		} else {
			line += " " + canonical(v.JSON)
		}
		expected = append(expected, line)
	}
	if cut && len(have) < len(expected) {
		for _, line := range have {
			if !slices.Contains(expected, line) {
				return "not expected: " + line
			}
		}
		return ""
	}
	slices.Sort(have)
	slices.Sort(expected)
	if !slices.Equal(have, expected) {
		return fmt.Sprintf("got\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(expected, "\n"))
	}
	return ""
}
