package interaction

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// change is what is written as one step: one op, or all writes of a transaction. It sees one snapshot, and if
// something that it saw there has changed when it is committed, it starts again from a new one.
type change struct {
	*Service
	caller Caller
	ops    []*op // deletes, creates, updates and patches (R4 http.html#trules)

	conditions map[string]condition // of conditional references, by their text
	targets    map[string]string    // what they refer to in this snapshot: Type/id
	ids        map[string]*op       // by the identity of the entry
}

// run does the writes, all or none. The results are in the ops.
func (x *change) run(ctx context.Context) error {
	slices.SortStableFunc(x.ops, func(a, b *op) int { return cmp.Compare(phase[a.letter], phase[b.letter]) })
	err := parallel(len(x.ops), processors(len(x.ops)), func(i int) error {
		o := x.ops[i]
		if err := x.check(x.caller, o); err != nil {
			return o.entry.at(err)
		}
		if o.entry != nil && o.res != nil && o.change == nil {
			o.refs = links(o.res)
		}
		return nil
	})
	if err == nil {
		err = x.distinct()
	}
	if err != nil {
		return err
	}
	return x.apply(ctx, func(src plan.Source) (store.Commit, error) { return x.prepare(ctx, src) })
}

// phase is the order of the letters in a change.
var phase = [...]int{search.Delete: 0, search.Create: 1, search.Update: 2}

// distinct refuses two writes by one condition, but for creates: they are one resource.
func (x *change) distinct() error {
	seen := make(map[string]*op)
	for _, o := range x.ops {
		if !o.conditional {
			continue
		}
		key := o.typ + "?" + o.where
		switch first := seen[key]; {
		case first == nil:
			seen[key] = o
		case first.letter == search.Create && o.letter == search.Create:
			o.twin = first
		default:
			return o.entry.at(fhir.Errorf(fhir.KindInvalid, "", "another entry of the transaction has the condition %q, too", clip(o.where)))
		}
	}
	return nil
}

// prepare makes the commit from one snapshot.
func (x *change) prepare(ctx context.Context, src plan.Source) (store.Commit, error) {
	var commit store.Commit
	caller, err := x.settle(ctx, src, x.caller)
	if err != nil {
		return commit, err
	}
	gone := map[string]bool{}
	written := map[string]bool{}
	for _, o := range x.ops {
		if err := x.look(ctx, src, caller, o, &commit); err != nil {
			return commit, o.entry.at(err)
		}
		for _, key := range o.writes() {
			if written[key] {
				return commit, o.entry.at(fhir.Errorf(fhir.KindInvalid, "", "%s is written by another entry of the transaction, too", key))
			}
			written[key] = true
		}
		for _, row := range o.gone {
			gone[row.Type+"/"+row.ID] = true
		}
		if o.found != nil && gone[o.target()] {
			return commit, o.entry.at(errGoing)
		}
	}
	if err := x.identify(); err != nil {
		return commit, err
	}
	if err := x.resolve(ctx, src, caller, gone, &commit); err != nil {
		return commit, err
	}
	beside := map[string]bool{}
	for _, o := range x.ops {
		o.beside = beside
		if o.typ == "Binary" && o.write && o.letter != search.Delete {
			beside[o.target()] = true
		}
	}
	at := x.now()
	err = parallel(len(x.ops), processors(len(x.ops)), func(i int) error {
		o := x.ops[i]
		edits, err := x.edits(o)
		if err != nil {
			return err
		}
		if err := x.build(ctx, src, caller, o, at, edits); err != nil {
			return o.entry.at(err)
		}
		return o.entry.at(x.Parameters.check(o.next))
	})
	if err != nil {
		return commit, err
	}
	for _, o := range x.ops {
		if o.write {
			commit.Writes = append(commit.Writes, o.next...)
			commit.Conditions = append(commit.Conditions, o.claims...)
		} else if o.twin != nil && o.found == nil {
			o.result = Result{Row: o.twin.result.Row, Readable: o.twin.result.Readable}
		}
	}
	return commit, nil
}

var errGoing = fhir.Errorf(fhir.KindInvalid, "", "the condition matches a resource that the same transaction deletes")

// writes are the instances that the op writes, by resolved identity ("a resource can only appear in a transaction
// once"); not those of creates, whose ids are new.
func (o *op) writes() []string {
	if o.letter == search.Create {
		return nil
	}
	if !o.conditional || o.letter != search.Delete {
		return []string{o.typ + "/" + o.id}
	}
	keys := make([]string, len(o.gone))
	for i, row := range o.gone {
		keys[i] = row.Type + "/" + row.ID
	}
	return keys
}

// target is the local reference of what the op writes or found.
func (o *op) target() string {
	switch {
	case o.found != nil:
		return o.typ + "/" + o.found.ID
	case o.twin != nil:
		return o.twin.target()
	}
	return o.typ + "/" + o.id
}

// current is the version of the target once the change is done.
func (o *op) current() uint64 {
	switch {
	case o.found != nil:
		return o.found.Version
	case o.twin != nil:
		return o.twin.current()
	case o.old != nil:
		return o.old.Version + 1
	}
	return 1
}

// identify notes what the identities of the entries stand for.
func (x *change) identify() error {
	x.ids = make(map[string]*op, len(x.ops))
	for _, o := range x.ops {
		if o.entry == nil || o.entry.fullURL == "" || o.letter == search.Delete {
			continue
		}
		if x.ids[o.entry.fullURL] != nil {
			return o.entry.at(fhir.Errorf(fhir.KindInvalid, "", "fullUrl %q is that of another entry, too", clip(o.entry.fullURL)))
		}
		x.ids[o.entry.fullURL] = o
	}
	return nil
}

// resolve finds what the conditional references refer to. They see what was there before the change, as far as the
// caller may search it: no match, hidden or absent, is one answer.
func (x *change) resolve(ctx context.Context, src plan.Source, c Caller, gone map[string]bool, commit *store.Commit) error {
	x.targets = map[string]string{}
	for _, o := range x.ops {
		if !o.write {
			continue
		}
		for _, l := range o.refs {
			text := l.node.Text
			typ, query, ok := conditional(text)
			if !ok || l.kind != linkReference || x.targets[text] != "" {
				continue
			}
			when, err := x.reference(typ, query)
			if err != nil {
				return o.entry.inResource(o.res, l.node, err)
			}
			rows, claim, err := x.find(ctx, src, c, when, 2, true)
			switch {
			case err != nil:
			case len(rows) == 0:
				err = fhir.Errorf(fhir.KindPrecondition, "", "no resource matches the conditional reference %q", clip(text))
			case len(rows) > 1:
				err = fhir.Errorf(fhir.KindMultiple, "", "several resources match the conditional reference %q", clip(text))
			case gone[rows[0].Type+"/"+rows[0].ID]:
				err = errGoing
			}
			if err != nil {
				return o.entry.inResource(o.res, l.node, err)
			}
			commit.Conditions = append(commit.Conditions, claim)
			x.targets[text] = rows[0].Type + "/" + rows[0].ID
		}
	}
	return nil
}

// reference reads a conditional reference, each text once.
func (x *change) reference(typ, query string) (condition, error) {
	text := typ + "?" + query
	if when, have := x.conditions[text]; have {
		return when, nil
	}
	when, err := x.condition(x.caller, typ, query)
	if err == nil {
		if x.conditions == nil {
			x.conditions = map[string]condition{}
		}
		x.conditions[text] = when
	}
	return when, err
}

// edits are the links of an op that say something else in the stored resource.
func (x *change) edits(o *op) ([]fhir.Edit, error) {
	if !o.write {
		return nil, nil
	}
	var edits []fhir.Edit
	for _, l := range o.refs {
		text := l.node.Text
		to := text
		switch l.kind {
		case linkNarrative:
			to = rewriteNarrative(text, x.local)
		case linkReference:
			if target := x.targets[text]; target != "" {
				to = target
			} else if target, ok := x.refer(o, text); ok {
				to = target
			} else if placeholder(text) {
				return nil, o.entry.inResource(o.res, l.node,
					fhir.Errorf(fhir.KindProcessing, "", "no entry has the fullUrl %q", clip(text)))
			}
		default:
			if target, ok := x.local(text); ok {
				to = target
			}
		}
		if to != text {
			edits = append(edits, fhir.Edit{Node: l.node, Text: to})
		}
	}
	return edits, nil
}

// local is what the identity of an entry stands for.
func (x *change) local(identity string) (target string, ok bool) {
	if o := x.ids[identity]; o != nil {
		return o.target(), true
	}
	return "", false
}

// refer is a reference to an entry as it is stored. One to a version stays one: it names the version that the change
// makes ("they will all be re-assigned anyway", R4 http.html#trules).
func (x *change) refer(o *op, text string) (string, bool) {
	identity, _, versioned := strings.Cut(text, "/_history/")
	to := x.ids[identity]
	if to == nil {
		to = x.ids[o.absolute(identity)]
	}
	switch {
	case to == nil:
		return "", false
	case versioned:
		return to.target() + "/_history/" + strconv.FormatUint(to.current(), 10), true
	}
	return to.target(), true
}

// absolute is a relative reference as seen from an entry whose fullUrl is a RESTful address (R4 bundle.html#references).
func (o *op) absolute(text string) string {
	base, id, _ := cutLast(o.entry.fullURL, "/")
	base, typ, ok := cutLast(base, "/")
	if !ok || id == "" || typ != o.typ {
		return text
	}
	return base + "/" + text
}

// cutLast is strings.Cut at the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
