package plan

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
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
					if res, err = fhir.Parse(row.Body, fhir.Limits{}); err != nil {
						return fmt.Errorf("parse the stored %s/%s version %d: %w", row.Type, row.ID, row.Version, err)
					}
				}
				for _, ref := range w.References(p, res) {
					if err := in.follow(inc, ref); err != nil || in.full() {
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

// reverse includes what refers to rows: one question for each type that may.
func (in *including) reverse(rows []Row, list []include) error {
	asked := map[string]bool{}
	for i := range list {
		for j := range list[i].of {
			of := &list[i].of[j]
			if !list[i].reverse || asked[of.typ] || in.full() {
				continue
			}
			asked[of.typ] = true
			n := or(referring(of.typ, rows, list))
			if _, none := n.(None); none {
				continue
			}
			b, err := bind(in.ctx, in.src, of.typ, and([]Node{n, of.node}))
			if err != nil {
				return err
			}
			for w := (Window{Limit: MaxInclude + 1}); !in.full(); {
				page, err := in.src.Select(in.ctx, b, w)
				if err != nil {
					return err
				}
				in.r.Read += page.Read
				for _, row := range page.Rows {
					in.add(row)
				}
				if w.After = page.Next; page.Next == nil {
					break
				}
			}
		}
	}
	return nil
}

// referring is what refers to one of the rows, of type source, by the reverse includes of the list.
func referring(source string, rows []Row, list []include) []Node {
	var out []Node
	for i := range list {
		inc := &list[i]
		if !inc.reverse {
			continue
		}
		for _, p := range inc.References(source) {
			if n := references(p, inc.targeted(p, rows)); n != (None{}) {
				out = append(out, n)
			}
		}
	}
	return out
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
