package bench

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// PageSize is the page that every search of the bench asks for.
const PageSize = 20

// Request is one request of a shape with the answer that the facts give.
type Request struct {
	Path   string // behind the server's address, with its query
	Header []string
	Status int // expected; 0 is 200
	Answer *Answer
	Follow int // links "next" that lead from Path to the page that is asked for
}

// Answer is what a search must say.
type Answer struct {
	Prefix   string            // of the ids of matches: "o"
	Total    int               // exact number of matches
	Keys     []int64           // order keys of the first page; nil: any order
	Key      func(i int) int64 // the key of fact i
	Holds    func(i int) bool  // fact i matches
	Included func(page []int) map[string]bool

	CountOnly bool // no matches, only their number
}

type searchset struct {
	Total *int
	Link  []struct{ Relation, URL string }
	Entry []struct {
		Resource struct{ ResourceType, ID string }
		Search   struct{ Mode string }
	}
}

// Check holds the body of a search's answer against a.
func (a *Answer) Check(body []byte, wantTotal bool) error {
	var set searchset
	if err := json.Unmarshal(body, &set); err != nil {
		return fmt.Errorf("no Bundle: %w: %.200s", err, body)
	}
	if wantTotal && (set.Total == nil || *set.Total != a.Total) {
		got := "none"
		if set.Total != nil {
			got = strconv.Itoa(*set.Total)
		}
		return fmt.Errorf("total %s, the facts say %d", got, a.Total)
	}
	var page []int
	included := map[string]bool{}
	seen := map[int]bool{}
	for _, e := range set.Entry {
		if e.Search.Mode == "include" {
			included[e.Resource.ResourceType+"/"+e.Resource.ID] = true
			continue
		}
		i, err := strconv.Atoi(strings.TrimPrefix(e.Resource.ID, a.Prefix))
		if err != nil || !strings.HasPrefix(e.Resource.ID, a.Prefix) {
			return fmt.Errorf("a match %s/%s that no fact knows", e.Resource.ResourceType, e.Resource.ID)
		}
		if seen[i] {
			return fmt.Errorf("%s%d twice on one page", a.Prefix, i)
		}
		seen[i] = true
		if !a.Holds(i) {
			return fmt.Errorf("%s%d does not match", a.Prefix, i)
		}
		page = append(page, i)
	}
	want := min(PageSize, a.Total)
	if a.Keys != nil {
		want = len(a.Keys)
	}
	if a.CountOnly {
		want = 0
	}
	if len(page) != want {
		return fmt.Errorf("%d rows on the page, the facts say %d", len(page), want)
	}
	if a.Keys != nil && !a.CountOnly {
		keys := make([]int64, len(page))
		for n, i := range page {
			keys[n] = a.Key(i)
		}
		if !slices.Equal(keys, a.Keys) {
			return fmt.Errorf("the page is not in order: %v, the facts say %v", keys, a.Keys)
		}
	}
	if a.Included != nil {
		want := a.Included(page)
		if len(want) != len(included) {
			return fmt.Errorf("%d included, the facts say %d", len(included), len(want))
		}
		for ref := range included {
			if !want[ref] {
				return fmt.Errorf("%s was included, the facts do not", ref)
			}
		}
	}
	return nil
}

// top keeps the first page of keys in descending order, or ascending.
type top struct {
	keys []int64
	asc  bool
}

func (t *top) add(k int64) {
	if t.asc {
		k = -k
	}
	at, _ := slices.BinarySearchFunc(t.keys, k, func(a, b int64) int {
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	if at >= PageSize {
		return
	}
	t.keys = slices.Insert(t.keys, at, k)
	t.keys = t.keys[:min(len(t.keys), PageSize)]
}

func (t *top) result() []int64 {
	if t.keys == nil {
		t.keys = []int64{}
	}
	if t.asc {
		for i := range t.keys {
			t.keys[i] = -t.keys[i]
		}
	}
	return t.keys
}

// facts is what the answer of a search over n facts is made from: those of lo…hi that hold, by key.
func facts(prefix string, lo, hi int, key func(int) int64, asc bool, holds func(int) bool) *Answer {
	a := &Answer{Prefix: prefix, Key: key, Holds: holds}
	t := top{asc: asc}
	for i := lo; i < hi; i++ {
		if holds(i) {
			a.Total++
			if key != nil {
				t.add(key(i))
			}
		}
	}
	if key != nil {
		a.Keys = t.result()
	}
	return a
}
