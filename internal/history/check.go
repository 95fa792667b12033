package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// An Op is a write or a read as its client saw it.
type Op struct {
	Kind         Kind
	Value        string // of a write: what it writes, and no other one does
	Began, Ended time.Duration
	Result       Result
	Answer       string  // of who was refused: status and the beginning of the body
	Size         int     // of a write: how many resources it writes
	Places       []Place // of what was acknowledged: what was written, or read
}

// Kind is that of an Op.
type Kind string

// The kinds of operations.
const (
	Create      Kind = "create"
	Once        Kind = "conditional create" // repeated until it is answered
	Update      Kind = "update"             // with If-Match
	Transaction Kind = "transaction"        // two updates with If-Match and a create
	Look        Kind = "read"
)

// Result is what the client was told.
type Result string

// Of what is Unknown the client must think either.
const (
	Acknowledged Result = "acknowledged"
	Refused      Result = "refused" // it was not carried out
	Unknown      Result = "unknown"
)

// A Place is a version of a resource and what it holds.
type Place struct {
	ID      string
	Version int
	Value   string
}

// A Version is what a resource was between two writes.
type Version struct {
	Number        int
	Value, Before string // Before is the value that its writer had read; "" of a first version
	At            time.Time
}

// State are the versions of each resource, the oldest first.
type State map[string][]Version

// Check says what is wrong with a state that operations have led to; nothing, if the server has kept its word.
func Check(ops []Op, state State) (faults []string) {
	c := &check{state: state, found: map[string][]Place{}}
	for _, id := range slices.Sorted(maps.Keys(state)) {
		c.chain(id, state[id])
	}
	for i := range ops {
		if ops[i].Kind == Look {
			c.read(&ops[i])
		} else {
			c.write(&ops[i])
			delete(c.found, ops[i].Value)
		}
	}
	for _, value := range slices.Sorted(maps.Keys(c.found)) {
		c.fault("%v holds %s, which nobody wrote", c.found[value][0], value)
	}
	c.order(ops)
	return c.faults
}

type check struct {
	state  State
	found  map[string][]Place // by value
	faults []string
}

func (c *check) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// chain checks that each version of a resource was made on the one before.
func (c *check) chain(id string, versions []Version) {
	var before Version
	for _, v := range versions {
		c.found[v.Value] = append(c.found[v.Value], Place{id, v.Number, v.Value})
		if v.Number != before.Number+1 {
			c.fault("%s has no version between %d and %d", id, before.Number, v.Number)
		} else if v.Before != before.Value {
			c.fault("lost update: version %d of %s (%s) was made on %q, not on %q", v.Number, id, v.Value, v.Before, before.Value)
		}
		if v.At.Before(before.At) {
			c.fault("version %d of %s is older than the one before", v.Number, id)
		}
		before = v
	}
}

// write checks that a write is there if that was said, is not if that was said, and as a whole if nothing was said.
func (c *check) write(op *Op) {
	found := c.found[op.Value]
	ids := map[string]bool{}
	for _, p := range found {
		if ids[p.ID] {
			c.fault("doubled: the %s %s (%s) is in %s twice", op.Kind, op.Value, op.Result, p.ID)
		}
		ids[p.ID] = true
	}
	switch n := len(ids); {
	case op.Result == Refused && n > 0:
		c.fault("the %s %s was refused and is there: %v; the answer was %s", op.Kind, op.Value, found, op.Answer)
	case n > op.Size:
		c.fault("doubled: the %s %s (%s) of %d resources is in %d: %v", op.Kind, op.Value, op.Result, op.Size, n, found)
	case n > 0 && n < op.Size:
		c.fault("torn: the %s %s (%s) of %d resources is in %d: %v", op.Kind, op.Value, op.Result, op.Size, n, found)
	case op.Result == Acknowledged && n == 0:
		c.fault("lost: the %s %s was acknowledged and is not there", op.Kind, op.Value)
	}
	for _, p := range op.Places {
		if !slices.Contains(found, p) {
			c.fault("the %s %s was acknowledged as %v and is in %v", op.Kind, op.Value, p, found)
		}
	}
}

// read checks that what was read has not gone since.
func (c *check) read(op *Op) {
	for _, p := range op.Places {
		versions := c.state[p.ID]
		if p.Version < 1 || p.Version > len(versions) || versions[p.Version-1].Value != p.Value {
			c.fault("what was read is not there: %v", p)
		}
	}
}

// order checks that what began after an answer is not before what was answered.
func (c *check) order(ops []Op) {
	type event struct {
		op    *Op
		place Place
	}
	by := map[string][]event{}
	for i := range ops {
		for _, p := range ops[i].Places {
			by[p.ID] = append(by[p.ID], event{&ops[i], p})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(by)) {
		began := by[id]
		ended := slices.Clone(began)
		slices.SortFunc(began, func(a, b event) int { return cmp.Compare(a.op.Began, b.op.Began) })
		slices.SortFunc(ended, func(a, b event) int { return cmp.Compare(a.op.Ended, b.op.Ended) })
		var known event // the latest version that was answered before what begins now
		for _, e := range began {
			for len(ended) > 0 && ended[0].op.Ended < e.op.Began {
				if ended[0].place.Version > known.place.Version {
					known = ended[0]
				}
				ended = ended[1:]
			}
			if e.place.Version < known.place.Version {
				c.fault("the %s of version %d of %s began %v after the %s of version %d was answered", e.op.Kind, e.place.Version, id,
					e.op.Began-known.op.Ended, known.op.Kind, known.place.Version)
			}
		}
	}
}
