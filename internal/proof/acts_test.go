package proof

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/internal/proof/model"
)

// acts are what the log is to have of a request, by what was answered and what the model has written; known is false where
// that does not show.
func acts(m *model.Model, q Request, got []answer, written []*model.Version) (list []model.Act, known bool) {
	if q.Method == http.MethodPost && strings.Trim(q.Path, "/") == "" {
		return ofBundle(m, q, got[0], written)
	}
	for i, a := range got {
		page := q
		if i > 0 {
			page = Request{Method: http.MethodGet, Path: a.path}
		}
		if !reads(q) {
			break
		}
		one, known := read1(m, page, a)
		if !known {
			return nil, false
		}
		list = append(list, one)
	}
	if list == nil && len(written) == 0 {
		return []model.Act{refusal(q, got[0].status)}, true
	}
	return append(list, model.Writes(written)...), true
}

// refusal is a write that came to nothing, or an operation.
func refusal(q Request, status int) model.Act {
	path, query, _ := strings.Cut(q.Path, "?")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	a := model.Act{Type: parts[0], Query: query, Status: status,
		Code: map[string]string{http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete"}[q.Method]}
	if len(parts) > 1 && parts[1] != "$meta" {
		a.ID = parts[1]
	}
	if strings.Contains(q.Path, "$") {
		a.Code = "operation"
		if a.Type == "$meta" {
			a.Type = ""
		}
	}
	return a
}

// read1 is a read, search or history: one page.
func read1(m *model.Model, q Request, a answer) (act model.Act, known bool) {
	path, query, _ := strings.Cut(q.Path, "?")
	path, form := strings.CutSuffix(path, "/_search")
	if form {
		query = q.Body
	}
	query = page.ReplaceAllString("?"+query, "")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if form && len(parts) == 2 { // of a compartment
		parts = append(parts, "*")
	}
	act = model.Act{Type: parts[0], Query: strings.Trim(query, "?&"), Status: a.status}
	n := len(parts)
	last := parts[n-1]
	if last == "$meta" && n < 3 {
		return refusal(q, a.status), true
	}
	if last == "$meta" { // which reads it
		n--
		last = parts[n-1]
	}
	switch {
	case last == "_history":
		act.Code = []string{"", "history-system", "history-type", "history-instance"}[n]
		if n == 1 {
			act.Type = ""
		}
		if n == 3 {
			act.ID = parts[1]
		}
	case n == 2 || n == 4:
		act.Code, act.ID = map[int]string{2: "read", 4: "vread"}[n], parts[1]
		if a.status == http.StatusOK || a.status == http.StatusNotModified {
			v := m.Now(act.Type, act.ID)
			if n == 4 {
				v = m.Version(act.Type, act.ID, last)
			}
			act.Saw = append(act.Saw, v)
		}
		return act, true
	case n == 3:
		act.Code, act.Type = "search-type", last
		act.Query = strings.TrimPrefix(act.Query+"&_in="+parts[0]+"/"+parts[1], "&")
	case path == "" || path == "/":
		act.Code = "search-system"
	default:
		act.Code = "search-type"
	}
	if a.status != http.StatusOK {
		return act, true
	}
	if q.Method == http.MethodHead {
		return act, false
	}
	act.Saw, known = held(m, a.body)
	return act, known
}

// held are the versions that a Bundle holds.
func held(m *model.Model, body string) (out []*model.Version, known bool) {
	b, err := read(answer{body: body})
	if err != nil {
		return nil, false
	}
	for _, e := range b.Entry {
		if e.Search.Mode == "outcome" {
			continue
		}
		at := strings.Split(e.FullURL, "/")
		if len(at) < 2 {
			return nil, false
		}
		number := strings.Trim(strings.TrimPrefix(e.Response.Etag, "W/"), `"`)
		if number == "" {
			meta, _ := e.Resource["meta"].(map[string]any)
			number = fmt.Sprint(meta["versionId"])
		}
		v := m.Version(at[len(at)-2], at[len(at)-1], number)
		if v == nil {
			return nil, false
		}
		out = append(out, v)
	}
	return out, true
}

// ofBundle are those of a batch or a transaction.
func ofBundle(m *model.Model, q Request, a answer, written []*model.Version) (list []model.Act, known bool) {
	list = model.Writes(written)
	sent, err := read(answer{body: q.Body})
	got, err2 := read(a)
	if err != nil || err2 != nil {
		return nil, false
	}
	if a.status != http.StatusOK {
		return []model.Act{{Code: "transaction", Status: a.status}}, true
	}
	for i, e := range got.Entry {
		asked := sent.Entry[i].Request
		r := Request{Method: asked.Method, Path: "/" + asked.URL}
		status, err := strconv.Atoi(e.Response.Status[:3])
		if err != nil {
			return nil, false
		}
		switch {
		case r.Method == http.MethodGet:
			one := answer{status: status}
			if e.Resource != nil {
				b, _ := json.Marshal(e.Resource)
				one.body = string(b)
			}
			act, known := read1(m, r, one)
			if !known {
				return nil, false
			}
			list = append(list, act)
		case status < 400:
		case status == http.StatusForbidden && !strings.ContainsAny(r.Path, "?$"):
			one := refusal(r, status)
			one.Query = asked.IfNoneExist
			list = append(list, one)
		default:
			return nil, false // how far it has come does not show
		}
	}
	if list == nil {
		list = []model.Act{{Code: "batch", Status: a.status}}
	}
	return list, true
}

// longest is from where on what strangers have asked is cut off, as base64.
const longest = 200

// anyone is who has made a world: one of writers.
const anyone = "*"

// mislogged says how the events of a request are not what the log is to have of it.
func mislogged(m *model.Model, events []*model.Version, by string, list []model.Act) string {
	var want, have []string
	for _, a := range list {
		want = append(want, m.Told(a)...)
	}
	for _, v := range events {
		have = append(have, v.Line())
		if q := queries.FindString(v.Text); len(q) > longest && v.By() == "anonymous" {
			return "" // of strangers the log holds no more than the beginning of what they asked
		}
		line := v.Line()
		unasked := !strings.Contains(line, "; 0; ") || strings.HasPrefix(line, "batch") // the store, whom the log has it from
		if who := v.By(); by != anyone && who != by && who != "app" && !(who == "anonymous" && unasked) {
			return fmt.Sprintf("the log says that %q has asked, not %q: %s", who, by, v.Text)
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(have, want) {
		return fmt.Sprintf("the log has\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
	return ""
}
