package ui

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/auth"
)

// Home is the start page: where everything is, who is there, what to do first. What it tells it tells everybody.
type Home struct {
	auth.Frame
	Base      string          // of the server: http://127.0.0.1:8080
	Anonymous string          // scopes of a request without a token
	SMART     bool            // there is an authorization server
	AdminKey  string          // of a sandbox, where it is no secret; "" is not told
	Users     []auth.DemoUser // of a sandbox
	Clients   []DemoClient    // of a sandbox
	Counts    map[string]int  // resources by type; of a sandbox, or nil: how many there are is for those who may see them
}

// DemoClient is a client whose registration is no secret.
type DemoClient struct{ ID, Kind, Secret string }

// RenderHome writes the start page.
func (p *Pages) RenderHome(w io.Writer, h Home) error {
	v := home{Home: h, Steps: h.steps()}
	for typ, n := range h.Counts {
		if n > 0 {
			v.Kinds = append(v.Kinds, kind{typ, n, grouped(n)})
			v.All += n
		}
	}
	slices.SortFunc(v.Kinds, func(a, b kind) int {
		return cmp.Or(b.N-a.N, strings.Compare(a.Type, b.Type))
	})
	v.Total = grouped(v.All)
	return p.draw(w, "home", h.Frame, v, p.nav("/")...)
}

type home struct {
	Home
	Steps []step
	Kinds []kind
	All   int
	Total string
}

type kind struct {
	Type string
	N    int
	Text string
}

// step is something to do with the lines that do it.
type step struct{ Title, Text, Lines string }

// steps are the first ones, with the means that this server gives.
func (h Home) steps() []step {
	fhir, key := h.Base+"/fhir", ""
	bearer := func(k string) string { return ` -H "Authorization: Bearer ` + k + `"` }
	open := false
	for _, s := range strings.Fields(h.Anonymous) {
		open = open || strings.HasPrefix(s, "system/")
	}
	switch {
	case open:
	case h.AdminKey != "":
		key = bearer(h.AdminKey)
	default:
		key = bearer("$TOKEN")
	}
	id := "$ID"
	if h.Sandbox {
		id = "patient-001"
	}
	list := []step{
		{"Ask what it can do", "No token is needed.", "curl '" + fhir + "/metadata?_pretty=true'"},
		{"Find patients", "", "curl" + key + " '" + fhir + "/Patient?_count=5&_pretty=true'"},
		{"Find laboratory results of one", "", "curl" + key + " '" + fhir + "/Observation?patient=" + id + "&category=laboratory&_sort=-date&_pretty=true'"},
	}
	if !h.SMART {
		return list
	}
	client := "CLIENT"
	if len(h.Clients) > 0 {
		client = h.Clients[0].ID
	}
	list = append(list,
		step{"Confine a token to them", "The same search with this token, without its category, answers the same; everything else is refused or absent.",
			"TOKEN=$(firewarden token mint --server " + h.Base + h.adminFlag() + " --client " + client + " --patient " + id +
				" \\\n  --scope 'patient/Observation.rs?category=laboratory')\ncurl" + bearer("$TOKEN") + " '" + fhir + "/Observation?_pretty=true'"})
	if h.Sandbox {
		list = append(list, step{"Ask why something is refused", "Which scopes match, what the others lack, and the smallest one that would do. On a page: Why?, above.",
			"curl" + bearer("$TOKEN") + " '" + h.Base + "/api/why?ref=Patient/" + id + "'"})
	}
	return append(list,
		step{"Launch your app", "Any SMART library finds the rest by itself:", "iss:       " + fhir + "\nclient_id: " + client},
	)
}

func (h Home) adminFlag() string {
	if h.AdminKey == "" {
		return ""
	}
	return " --admin-key " + h.AdminKey
}

// grouped is 12,345.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
