package proof

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/firewarden/firewarden/internal/proof/model"
	"github.com/firewarden/firewarden/store/storetest"
)

// undrawn are what the server has and random requests do not ask for, and why not. What ends in * is a beginning.
var undrawn = map[string]string{
	"route GET /":              "the start page shows no resources",
	"route GET /fhir/metadata": "it shows no resources",
	"result _explain":          "for administrators only: who is none is told so by the token alone, and channels try it",
	"result _page":             "cursors are random: links are followed, also those of others (Request.Page)",
}

// beside are the beginnings of routes that lead to no FHIR resources; channels walk through them.
var beside = []string{"/api", "/auth", "/assets", "/audit", "/docs", "/health", "/openapi.json", "/why", "/.well-known", "/fhir/.well-known", "/login", "/developers"}

// details are what a request asks for below what the server's tables name.
func details(q Request) (out []string) {
	if q.Method == http.MethodPatch {
		for _, op := range []string{"add", "remove", "replace", "move", "copy", "test"} {
			if strings.Contains(q.Body, `{"op":"`+op+`"`) {
				out = append(out, "JSON Patch "+op)
			}
		}
		for _, op := range []string{"add", "insert", "delete", "replace", "move"} {
			if strings.Contains(q.Body, `{"name":"type","valueCode":"`+op+`"}`) {
				out = append(out, "FHIRPath Patch "+op)
			}
		}
	}
	_, query, _ := strings.Cut(q.Path, "?")
	if strings.HasSuffix(q.Path, "/_search") {
		query = q.Body
	}
	for _, p := range model.Pairs(query) {
		code, _, _ := strings.Cut(p[0], ":")
		if own, is := model.Owns[code]; is {
			out = append(out, "own parameter, "+own.Kind)
		}
		for key := range strings.SplitSeq(p[1], ",") {
			if own := model.Owns[strings.TrimPrefix(key, "-")]; own.Kind != "" && code == "_sort" {
				out = append(out, "own parameter, _sort by "+own.Kind)
			}
			if parts := strings.Split(key, ":"); len(parts) > 1 && model.Owns[parts[1]].Kind != "" && strings.HasSuffix(code, "include") {
				out = append(out, "own parameter, "+code)
			}
		}
		switch code {
		case "_filter":
			for op := range strings.FieldsSeq(p[1]) {
				if slices.Contains(operations, op) {
					out = append(out, "_filter "+op)
				}
			}
		case "_text", "_content":
			for sign, name := range map[string]string{`"`: "a phrase", "*": "the beginning of a word", " or ": "or", " and ": "and", "not ": "not", "(": "parentheses", ",": "commas"} {
				if strings.Contains(p[1], sign) {
					out = append(out, code+", "+name)
				}
			}
		case "_count", "_maxresults":
			if len(p[1]) == 1 {
				out = append(out, code+"="+p[1])
			}
		}
	}
	return out
}

// operations are those of _filter (R4 search_filter.html#ops).
var operations = strings.Fields("eq ne co sw ew gt lt ge le ap sa eb pr po ss sb in ni re not and or")

// detailed are the details that random requests ask for.
func detailed() (out []string) {
	for _, op := range operations {
		out = append(out, "_filter "+op)
	}
	for _, code := range []string{"_text", "_content"} {
		for _, name := range []string{"a phrase", "the beginning of a word", "or", "and", "not", "parentheses", "commas"} {
			out = append(out, code+", "+name)
		}
	}
	for _, own := range model.Owns {
		out = append(out, "own parameter, "+own.Kind)
		if own.Kind != "composite" {
			out = append(out, "own parameter, _sort by "+own.Kind)
		}
	}
	return append(out, "own parameter, _include", "own parameter, _revinclude", "_count=0", "_maxresults=0", "_maxresults=1", "JSON Patch add", "JSON Patch remove", "JSON Patch replace", "JSON Patch move", "JSON Patch copy", "JSON Patch test",
		"FHIRPath Patch add", "FHIRPath Patch insert", "FHIRPath Patch delete", "FHIRPath Patch replace", "FHIRPath Patch move")
}

// TestEverythingIsDrawn holds what random requests ask for, of both tests, to what the server has by the tables that its
// handlers come from: who adds a feature has it drawn, or says why not. That it finds something says the tally of each.
func TestEverythingIsDrawn(t *testing.T) {
	s := newSite(t)
	if err := s.fill(storetest.NewMemory(), fixed); err != nil {
		t.Fatal(err)
	}
	if err := s.as(unrestricted); err != nil {
		t.Fatal(err)
	}
	has := append(s.has(t), detailed()...)
	for _, plain := range []bool{true, false} {
		t.Run(fmt.Sprintf("for the model %v", plain), func(t *testing.T) {
			asked := map[string]int{}
			check(t, 1, "2000", func(rt *rapid.T) {
				for _, q := range (drawing{T: rt}).scene(plain).Requests {
					for _, at := range append(visits(q), details(q)...) {
						asked[at]++
					}
				}
			})
			for _, at := range has {
				route := at[strings.LastIndexByte(at, ' ')+1:]
				why := undrawn[at]
				if strings.HasPrefix(at, "route ") && slices.ContainsFunc(beside, func(begins string) bool { return strings.HasPrefix(route, begins) }) {
					why = "no FHIR resources"
				}
				switch {
				case asked[at] == 0 && why == "":
					t.Errorf("%q is never drawn: draw it (internal/proof/draw_*_test.go) and let the model know it, or say why not (undrawn)", at)
				case asked[at] > 0 && why != "":
					t.Errorf("%q is drawn, and said not to be", at)
				}
			}
			for _, at := range slices.Sorted(maps.Keys(undrawn)) {
				if !slices.Contains(has, at) {
					t.Errorf("%q is said not to be drawn, and is not there", at)
				}
			}
		})
	}
}
