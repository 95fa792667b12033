package proof

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/proof/model"
	"github.com/firewarden/firewarden/server/ui"
)

// TestChannels sends the rows of every channel, for every kind of token, to two worlds that differ in nothing but what the
// token may not see: the answers are equal, byte for byte, and what is hidden is as it was. That a channel could tell is
// tried, too: with some kind of token some row of it sees something, and what is hidden shows to who sees everything.
func TestChannels(t *testing.T) {
	without, shown := map[string][]Op{}, map[string]map[string]bool{}
	for name, open := range engines(t) {
		t.Run(name, func(t *testing.T) {
			c := &crossing{rig: rig{site: newSite(t), open: open}, thorough: name == "memory", without: without, shown: shown,
				sees: map[*channel]bool{}, tells: map[*channel]bool{}}
			var writers, readers []kind
			for _, k := range kinds {
				if name == "mongo" && !k.often {
					continue
				}
				if k.writes() {
					writers = append(writers, k)
				} else {
					readers = append(readers, k)
				}
			}
			var reading, all []tried // in one store
			types := map[string]bool{}
			rows := 0
			for i, ch := range channels {
				if ch.rows == nil { // TestChannelsOfPeople
					continue
				}
				rows++
				var list []tried
				for _, q := range expanded(ch.rows) {
					list = append(list, tried{&channels[i], q})
					if typ := ofType(q.Path); typ != "" {
						types[typ] = true
					}
				}
				all = append(all, list...)
				if slices.ContainsFunc(list, func(q tried) bool { return !reads(q.Request) }) {
					some := writers
					if name == "mongo" { // where a new store is dear
						some = writers[i%len(writers):][:1]
					}
					c.cross(t, list, some)
				} else {
					reading = append(reading, list...)
				}
			}
			c.cross(t, reading, writers)
			c.cross(t, all, readers)
			for i := range channels {
				if ch := &channels[i]; c.thorough && ch.rows != nil && ch.why == "" && !(c.sees[ch] && (c.tells[ch] || ch.unasked != "")) {
					t.Errorf("%s asserts nothing: some token sees something: %v, something hidden would show: %v", ch.name, c.sees[ch], c.tells[ch])
				}
			}
			t.Logf("channels: %d with %d requests on %d types × %d kinds of scopes: %d pairs of worlds, %d answers compared",
				rows, len(all), len(types), len(writers)+len(readers), c.pairs, c.answered)
		})
	}
}

// tried is a request of a channel.
type tried struct {
	*channel
	Request
}

// crossing goes through channels.
type crossing struct {
	rig
	thorough bool // looks whether rows find something, too

	without     map[string][]Op            // by kind
	shown       map[string]map[string]bool // instances of the fixed world, by token
	sees, tells map[*channel]bool

	pairs, answered int
}

// cross tries requests, one after the other, with each of the kinds of token.
func (c *crossing) cross(t *testing.T, list []tried, kinds []kind) {
	var requests []Request
	for _, q := range list {
		requests = append(requests, q.Request)
	}
	var everything [][]answer
	if c.thorough {
		everything = c.all(t, unrestricted, fixed, requests)
	}
	for _, k := range kinds {
		if c.without[k.name] == nil {
			c.without[k.name] = withoutHidden(fixed, k.token)
		}
		other := c.without[k.name]
		one, two := c.all(t, k.token, fixed, requests), c.all(t, k.token, other, requests)
		for i, q := range list {
			if i == 0 || q.channel != list[i-1].channel {
				c.pairs++
			}
		}
		for i, q := range list {
			c.answered += len(one[i])
			if !slices.Equal(one[i], two[i]) {
				c.leak(t, &Case{Token: k.token, World: fixed, Other: other, Requests: requests[:i+1]}, q.name, k.name)
				break
			}
			if one[i][0].status >= 500 && one[i][0].status != 501 {
				t.Errorf("%s, %s: %s\n%s", q.name, k.name, q, one[i][0])
			}
		}
		if !c.thorough || !slices.ContainsFunc(list, func(q tried) bool { return q.why != "" || !c.sees[q.channel] || !c.tells[q.channel] }) {
			continue
		}
		empty, hidden := c.all(t, k.token, nil, requests), c.all(t, unrestricted, other, requests)
		for i, q := range list {
			shows := !slices.Equal(everything[i], hidden[i]) && !slices.Equal(everything[i], one[i])
			c.sees[q.channel] = c.sees[q.channel] || !slices.Equal(one[i], empty[i])
			c.tells[q.channel] = c.tells[q.channel] || shows
			if q.why != "" && shows {
				t.Errorf("%s, %s: data flows through %s", q.name, k.name, q)
			}
		}
	}
}

// all sends the requests to a world, those that write one after the other, and looks that nothing changes that the token
// does not see.
func (c *crossing) all(t *testing.T, token model.Token, world []Op, requests []Request) [][]answer {
	st := c.open()
	defer st.Close()
	if err := c.fill(st, world); err != nil {
		t.Fatal(err)
	}
	writing := slices.ContainsFunc(requests, func(r Request) bool { return !reads(r) })
	var before map[string]int
	if writing {
		before = c.hidden(t, token)
	}
	if err := c.as(token); err != nil {
		t.Fatal(err)
	}
	out := make([][]answer, len(requests))
	for i, q := range requests {
		var err error
		if out[i], err = c.ask(i, q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	if writing {
		if after := c.hidden(t, token); !maps.Equal(after, before) {
			t.Errorf("%s changes what it does not see: %v, before %v", token, after, before)
		}
	}
	return out
}

// reads says whether a request cannot change anything.
func reads(r Request) bool {
	path, _, _ := strings.Cut(r.Path, "?")
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions || strings.HasSuffix(path, "/_search") || strings.HasSuffix(path, "/$meta")
}

// hidden says how many versions there are of the instances of the fixed world that the token sees nothing of.
func (c *crossing) hidden(t *testing.T, token model.Token) map[string]int {
	if err := c.as(unrestricted); err != nil {
		t.Fatal(err)
	}
	a, err := c.send(Request{Method: http.MethodGet, Path: "/_history?_count=1000"})
	if err != nil {
		t.Fatal(err)
	}
	shown := c.instances(token)
	out := map[string]int{}
	for _, url := range fullURL.FindAllStringSubmatch(a.body, -1) {
		if seen, known := shown[url[1]]; known && !seen {
			out[url[1]]++
		}
	}
	return out
}

var fullURL = regexp.MustCompile(`"fullUrl":"[^"]*/fhir/([^"]*)"`)

// instances are those of the fixed world, and whether the token sees anything of them.
func (c *crossing) instances(token model.Token) map[string]bool {
	key := fmt.Sprintf("%+v", token)
	if c.shown[key] == nil {
		c.shown[key] = map[string]bool{}
		m := modelled(fixed)
		for _, v := range m.Versions() {
			c.shown[key][v.Type+"/"+v.ID] = false
		}
		for _, v := range m.Touches(token) {
			c.shown[key][v.Type+"/"+v.ID] = true
		}
	}
	return c.shown[key]
}

// leak makes a case that breaks the law smaller, and keeps it.
func (c *crossing) leak(t *testing.T, found *Case, channel, kind string) {
	broken := func(small *Case) bool {
		return slices.Equal(seen(small.World, small.Token), seen(small.Other, small.Token)) && c.failure(t, small) != ""
	}
	small := *found
	for i := len(small.Requests) - 2; i >= 0; i-- {
		try := small
		if try.Requests = slices.Delete(slices.Clone(small.Requests), i, i+1); broken(&try) {
			small = try
		}
	}
	for i := len(small.World) - 1; i >= 0; i-- {
		try := small
		try.World, try.Other = slices.Delete(slices.Clone(small.World), i, i+1), slices.Delete(slices.Clone(small.Other), i, i+1)
		if broken(&try) {
			small = try
		}
	}
	t.Errorf("%s, %s: %s\n%s", channel, kind, c.failure(t, &small), small)
	small.keep(t)
}

// expanded are the rows for each type and instance that they stand for.
func expanded(rows []Request) (out []Request) {
	list := slices.Clone(rows)
	for len(list) > 0 {
		r := list[0]
		list = list[1:]
		var with []string // pairs of old and new
		switch {
		case strings.Contains(r.Path, "{Type}/{id}"):
			for _, at := range named(func(o Op) string { return o.Type + "/" + o.ID }) {
				with = append(with, "{Type}/{id}", at)
			}
		case strings.Contains(r.Path, "{Type}"):
			for _, typ := range named(func(o Op) string { return o.Type }) {
				with = append(with, "{Type}", typ)
			}
		case strings.Contains(r.Path, "{asset}"):
			path := ui.New(ui.Options{}).Assets()[0].Path
			with = append(with, "{asset}", path[strings.LastIndexByte(path, '/')+1:])
		case strings.Contains(r.Path, "{1..") && strings.Contains(r.Path, "}"):
			at := strings.Index(r.Path, "{1..")
			for id := '1'; id <= rune(r.Path[at+4]); id++ {
				with = append(with, r.Path[at:at+6], string(id))
			}
		default:
			r.Path = strings.NewReplacer(" ", "%20", "|", "%7C", "{", "%7B", "}", "%7D").Replace(r.Path)
			out = append(out, r)
		}
		for i := 0; i < len(with); i += 2 {
			each := r
			each.Path = strings.ReplaceAll(r.Path, with[i], with[i+1])
			list = append(list, each)
		}
	}
	return out
}

// named are names of what the fixed world holds, each once.
func named(name func(Op) string) (out []string) {
	for _, o := range fixed {
		if n := name(o); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// ofType is the type of a path below the FHIR base; "" if it names none.
func ofType(path string) string {
	rest, ok := strings.CutPrefix(path, "/")
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		rest = rest[:end]
	}
	if !ok || rest == "" || rest[0] < 'A' || rest[0] > 'Z' {
		return ""
	}
	return rest
}
