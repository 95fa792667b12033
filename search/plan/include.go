package plan

import (
	"context"
	"slices"
	"strconv"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

// including collects the includes of one page. Limits count visible rows only.
type including struct {
	ctx  context.Context
	src  Source
	p    Plan
	r    *Result
	seen map[inclusion]bool      // what is in the result
	read map[fhir.Reference]bool // references that were followed, visible or not
}

// inclusion is a version of a resource in the result, as match or include.
type inclusion struct {
	typ, id string
	version uint64
}

// run adds what p includes to r, none twice and only what the caller may see: what the matches refer to and what
// refers to them, then, by the includes that iterate, the same of what was included, until nothing is new.
func (in *including) run() error {
	in.seen, in.read = map[inclusion]bool{}, map[fhir.Reference]bool{}
	for i := range in.r.Rows {
		in.seen[inclusionOf(&in.r.Rows[i])] = true
	}
	rows, list := in.r.Rows, in.p.includes
	for len(rows) > 0 && len(list) > 0 {
		from := len(in.r.Included)
		if err := in.forward(rows, list); err != nil {
			return err
		}
		if err := in.reverse(rows, list); err != nil {
			return err
		}
		if in.full() {
			in.r.Warnings = append(in.r.Warnings, fhir.Errorf(fhir.KindTooCostly, "",
				"more than %d resources are included: the rest is left out; ask for a smaller page", MaxInclude))
			in.r.Included = in.r.Included[:MaxInclude]
			return nil
		}
		rows, list = in.r.Included[from:], in.iterating()
	}
	return nil
}

// iterating are the includes that apply to what was included.
func (in *including) iterating() []include {
	return slices.DeleteFunc(slices.Clone(in.p.includes), func(inc include) bool { return !inc.Iterate })
}

func inclusionOf(r *Row) inclusion { return inclusion{r.Type, r.ID, r.Version} }

// add appends a row that is visible, unless it is there.
func (in *including) add(row Row) {
	if at := inclusionOf(&row); !in.seen[at] {
		in.seen[at] = true
		in.r.Included = append(in.r.Included, row)
	}
}

// full says whether there are more than MaxInclude.
func (in *including) full() bool { return len(in.r.Included) > MaxInclude }

// forward includes what rows refer to.
func (in *including) forward(rows []Row, list []include) error {
	w := search.World{Index: in.p.index}
	for i := range rows {
		row := &rows[i]
		var res *fhir.Resource
		for j := range list {
			inc := &list[j]
			if inc.reverse || len(inc.of) == 0 {
				continue
			}
			for _, p := range inc.References(row.Type) {
				if res == nil {
					var err error
					if res, err = parsed(row); err != nil {
						return err
					}
				}
				for _, ref := range w.References(p, res) {
					follow := in.follow
					if ref.URL != "" && index.Canonical(p) {
						follow = in.followCanonical
					}
					if err := follow(inc, ref); err != nil || in.full() {
						return err
					}
				}
			}
		}
	}
	return nil
}

// follow includes the resource, or version, that a reference names.
func (in *including) follow(inc *include, ref fhir.Reference) error {
	of := inc.plan(ref)
	if of == nil || in.read[ref] {
		return nil
	}
	in.read[ref] = true
	p := of.at(ref.ID)
	var row Row
	var found bool
	var err error
	if ref.Version == "" {
		row, found, err = ReadOne(in.ctx, in.src, p)
	} else if n, bad := strconv.ParseUint(ref.Version, 10, 64); bad == nil {
		row, found, err = Version(in.ctx, in.src, p, n)
	}
	if err == nil && found && !row.Deleted {
		in.add(row)
	}
	return err
}

// followCanonical includes the resources that a canonical names.
func (in *including) followCanonical(inc *include, ref fhir.Reference) error {
	for i := range inc.of {
		of := &inc.of[i]
		at := fhir.Reference{Type: of.typ, URL: ref.URL}
		if of.node == nil || in.read[at] {
			continue
		}
		in.read[at] = true
		url := index.Term{Num: r4.Lookup(of.typ, "url").Num, Form: index.FormURI, Text: index.CanonicalURL(ref.URL)}
		err := in.addAll(of.typ, verify(and([]Node{Term(url), of.node}), func(r *Row) (bool, error) {
			res, err := parsed(r)
			return err == nil && index.Names(ref.URL, res), err
		}), true)
		if err != nil || in.full() {
			return err
		}
	}
	return nil
}

// addAll adds what a node finds, or what of it is stored, as far as there is room.
func (in *including) addAll(typ string, n Node, stored bool) error {
	of := Plan{typ: typ, node: n, found: true}
	_, err := of.joined(in.ctx, in.src, func(b Bound) (page Page, err error) {
		for w := (Window{Limit: MaxInclude + 1, Stored: stored}); !in.full(); {
			if page, err = in.src.Select(in.ctx, b, w); err != nil {
				return page, err
			}
			in.r.Read += page.Read
			for _, row := range page.Rows {
				in.add(row)
			}
			if w.After = page.Next; page.Next == nil {
				break
			}
		}
		return page, nil
	})
	return err
}

// plan is the plan of what may be included of the type of a reference; nil if that is nothing.
func (inc *include) plan(r fhir.Reference) *Plan {
	if !r.Local() {
		return nil
	}
	for i := range inc.of {
		if inc.of[i].typ == r.Type {
			return &inc.of[i]
		}
	}
	return nil
}

// asking is a question of reverse includes: those that name a type ask also for what of it is not stored.
type asking struct {
	typ   string
	named bool
}

// reverse includes what refers to rows: one question for each type that may, or two.
func (in *including) reverse(rows []Row, list []include) error {
	asked := map[asking]bool{}
	for i := range list {
		for j := range list[i].of {
			of := &list[i].of[j]
			as := asking{of.typ, list[i].Source == of.typ}
			if !list[i].reverse || asked[as] || in.full() {
				continue
			}
			asked[as] = true
			some, err := as.referring(rows, list)
			if err != nil {
				return err
			}
			n := or(some)
			if n == (None{}) {
				continue
			}
			if err := in.addAll(of.typ, and([]Node{n, of.node}), !as.named); err != nil {
				return err
			}
		}
	}
	return nil
}

// referring is what refers to one of the rows by the reverse includes of the list that ask so.
func (as asking) referring(rows []Row, list []include) (out []Node, err error) {
	for i := range list {
		inc := &list[i]
		if !inc.reverse || as.named != (inc.Source == as.typ) {
			continue
		}
		for _, p := range inc.References(as.typ) {
			n, err := references(p, inc.targeted(p, rows))
			if err != nil {
				return nil, err
			}
			if n != (None{}) {
				out = append(out, n)
			}
		}
	}
	return out, nil
}

// targeted are the rows to which a reverse include may lead by p, each instance once.
func (inc *include) targeted(p *r4.SearchParameter, rows []Row) []Row {
	var out []Row
	for _, row := range rows {
		if (inc.Target == "" || inc.Target == row.Type) && (len(p.Targets) == 0 || slices.Contains(p.Targets, row.Type)) {
			out = append(out, row)
		}
	}
	return out
}
