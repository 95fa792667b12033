package model

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// batch does the entries of a Bundle one by one: deletes, creates, updates, reads (R4 http.html#trules).
func (a *access) batch(q Request) (out Answer, known bool) {
	bundle := decoded(q.Body)
	if bundle["type"] != "batch" || strings.Contains(q.Body, `?identifier=`) {
		return out, false
	}
	var entries []Request
	for _, x := range values(bundle, "entry") {
		e, _ := x.(map[string]any)
		request, _ := e["request"].(map[string]any)
		r := Request{Method: text(request["method"]), Path: "/" + text(request["url"]), At: q.At, Header: map[string]string{}}
		for name, header := range map[string]string{"ifNoneExist": "If-None-Exist", "ifMatch": "If-Match", "ifNoneMatch": "If-None-Match"} {
			r.Header[header] = text(request[name])
		}
		if resource, ok := e["resource"].(map[string]any); ok {
			r.Body = encoded(resource)
			if r.Method == http.MethodPatch && resource["resourceType"] == "Binary" {
				patch, err := base64.StdEncoding.DecodeString(text(resource["data"]))
				if err != nil {
					return out, false
				}
				r.Body = string(patch)
			}
		}
		if !strings.Contains(r.Path, "$") && (r.Method == http.MethodPost || r.Method == http.MethodPut && strings.Contains(r.Path, "?")) {
			a.number(&r)
		}
		entries = append(entries, r)
	}
	out = Answer{Status: http.StatusOK, Entries: make([]Answer, len(entries))}
	for phase := range 4 {
		for i, r := range entries {
			if phaseOf(r) != phase {
				continue
			}
			if out.Entries[i], known = a.ask(r); !known {
				return out, false
			}
		}
	}
	return out, true
}

func phaseOf(r Request) int {
	if strings.Contains(r.Path, "$") {
		return 2
	}
	return slices.Index([]string{http.MethodDelete, http.MethodPost, http.MethodPut, http.MethodGet}, strings.Replace(r.Method, http.MethodPatch, http.MethodPut, 1))
}
