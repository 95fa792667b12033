package plan

import (
	"context"
	"fmt"
	"strconv"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// including collects the includes of one page. Limits count visible rows only.
type including struct {
	ctx  context.Context
	src  Source
	p    Plan
	r    *Result
	seen map[inclusion]bool
}

// inclusion is a version of a resource in the result, as match or include.
type inclusion struct {
	typ, id string
	version uint64
}

// run adds what p includes to r. Forward: the local references of each include's parameter in the matches; reverse:
// the resources that refer to a match. Both only what the caller may see, and none twice.
func (in *including) run() error {
	for i := range in.r.Rows {
		in.seen[inclusionOf(&in.r.Rows[i])] = true
	}
	if err := in.forward(); err != nil {
		return err
	}
	return in.reverse()
}

func inclusionOf(r *Row) inclusion { return inclusion{r.Type, r.ID, r.Version} }

// add appends a row that is visible; it is false, and there is a warning, when the limit is reached.
func (in *including) add(row Row) bool {
	if in.seen[inclusionOf(&row)] {
		return true
	}
	if len(in.r.Included) == MaxInclude {
		in.r.Warnings = append(in.r.Warnings, fhir.Errorf(fhir.KindTooCostly, "",
			"more than %d resources are included: the rest is left out; ask for a smaller page", MaxInclude))
		return false
	}
	in.seen[inclusionOf(&row)] = true
	in.r.Included = append(in.r.Included, row)
	return true
}

func (in *including) full() bool { return len(in.r.Warnings) > 0 }

func (in *including) forward() error {
	var list []include
	for _, inc := range in.p.includes {
		if !inc.reverse && len(inc.of) > 0 {
			list = append(list, inc)
		}
	}
	if len(list) == 0 {
		return nil
	}
	w := search.World{Index: in.p.index}
	tried := map[fhir.Reference]bool{} // visible or not, once is enough
	for i := range in.r.Rows {
		row := &in.r.Rows[i]
		res, err := fhir.Parse(row.Body, fhir.Limits{})
		if err != nil {
			return fmt.Errorf("parse the stored %s/%s version %d: %w", row.Type, row.ID, row.Version, err)
		}
		for _, inc := range list {
			for _, ref := range w.References(inc.p, res) {
				of := inc.plan(ref)
				if of == nil || tried[ref] {
					continue
				}
				tried[ref] = true
				target, found, err := in.read(of, ref)
				if err != nil {
					return err
				}
				if found && !in.add(target) {
					return nil
				}
			}
		}
	}
	return nil
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

// read is the visible resource, or version, that a reference names.
func (in *including) read(of *Plan, r fhir.Reference) (Row, bool, error) {
	p := *of
	p.key = Key{r.Type, r.ID}
	var row Row
	var found bool
	var err error
	if r.Version == "" {
		row, found, err = ReadOne(in.ctx, in.src, p)
	} else {
		n, bad := strconv.ParseUint(r.Version, 10, 64)
		if bad != nil {
			return Row{}, false, nil
		}
		row, found, err = Version(in.ctx, in.src, p, n)
	}
	return row, found && !row.Deleted, err
}

func (in *including) reverse() error {
	for _, inc := range in.p.includes {
		if !inc.reverse || in.full() {
			continue
		}
		for _, of := range inc.of {
			b, err := bind(in.ctx, in.src, of.typ, and([]Node{references(inc.p, in.r.Rows), of.node}))
			if err != nil {
				return err
			}
			w := Window{Limit: MaxInclude + 1}
			page, err := in.src.Select(in.ctx, b, w)
			if err != nil {
				return err
			}
			for _, row := range page.Rows {
				if !in.add(row) {
					return nil
				}
			}
		}
	}
	return nil
}
