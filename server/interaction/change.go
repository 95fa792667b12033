package interaction

import (
	"cmp"
	"context"
	"slices"
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
	ops    []*op // deletes, creates, updates (R4 http.html#trules)

	conditions map[string]condition // of conditional references, by their text
	targets    map[string]string    // what they refer to in this snapshot: Type/id
	ids        map[string]string    // identity of an entry → Type/id
}

// run does the writes, all or none. The results are in the ops.
func (x *change) run(ctx context.Context) error {
	slices.SortStableFunc(x.ops, func(a, b *op) int { return cmp.Compare(phase[a.letter], phase[b.letter]) })
	err := parallel(len(x.ops), processors(len(x.ops)), func(i int) error {
		o := x.ops[i]
		if err := x.check(x.caller, o); err != nil {
			return o.entry.at(err)
		}
		if o.entry != nil && o.res != nil {
			o.refs = links(o.res)
		}
		return nil
	})
	if err == nil {
		err = x.distinct()
	}
	if err == nil {
		err = x.conditional()
	}
	if err != nil {
		return err
	}
	return x.apply(ctx, func(src plan.Source) (store.Commit, error) { return x.prepare(ctx, src) })
}

// phase is the order of the letters in a change.
var phase = [...]int{search.Delete: 0, search.Create: 1, search.Update: 2}

// distinct refuses two writes of one instance: which of them should win?
func (x *change) distinct() error {
	seen := make(map[string]*op, len(x.ops))
	for _, o := range x.ops {
		if o.letter == search.Create {
			if o.ifNoneExist == "" {
				continue
			}
			key := o.typ + "?" + o.ifNoneExist
			if first := seen[key]; first != nil {
				o.twin = first // one condition, one resource
			} else {
				seen[key] = o
			}
			continue
		}
		key := o.typ + "/" + o.id
		if seen[key] != nil {
			return o.entry.at(fhir.Errorf(fhir.KindInvalid, "", "%s is written by another entry of the transaction, too", key))
		}
		seen[key] = o
	}
	return nil
}

// conditional reads the conditional references, each text once.
func (x *change) conditional() error {
	for _, o := range x.ops {
		for _, l := range o.refs {
			typ, query, ok := conditional(l.node.Text)
			if !ok || l.kind != linkReference {
				continue
			}
			if _, have := x.conditions[l.node.Text]; have {
				continue
			}
			when, err := x.condition(x.caller, typ, query)
			if err != nil {
				return o.entry.inResource(o.res, l.node, err)
			}
			if x.conditions == nil {
				x.conditions = map[string]condition{}
			}
			x.conditions[l.node.Text] = when
		}
	}
	return nil
}

// prepare makes the commit from one snapshot.
func (x *change) prepare(ctx context.Context, src plan.Source) (store.Commit, error) {
	var commit store.Commit
	gone := map[string]bool{}
	for _, o := range x.ops {
		if err := x.look(ctx, src, x.caller, o, &commit); err != nil {
			return commit, o.entry.at(err)
		}
		if o.letter == search.Delete {
			gone[o.typ+"/"+o.id] = o.write
		}
		if o.found != nil && gone[o.target()] {
			return commit, o.entry.at(errGoing)
		}
	}
	if err := x.identify(); err != nil {
		return commit, err
	}
	if err := x.resolve(ctx, src, gone, &commit); err != nil {
		return commit, err
	}
	at := x.now()
	err := parallel(len(x.ops), processors(len(x.ops)), func(i int) error {
		o := x.ops[i]
		edits, err := x.edits(o)
		if err != nil {
			return err
		}
		return o.entry.at(x.build(x.caller, o, at, edits))
	})
	if err != nil {
		return commit, err
	}
	for _, o := range x.ops {
		if o.write {
			commit.Writes = append(commit.Writes, o.next)
		} else if o.twin != nil && o.found == nil {
			o.result = Result{Row: o.twin.result.Row, Readable: o.twin.result.Readable}
		}
	}
	return commit, nil
}

var errGoing = fhir.Errorf(fhir.KindInvalid, "", "the condition matches a resource that the same transaction deletes")

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

// identify notes what the identities of the entries stand for.
func (x *change) identify() error {
	x.ids = make(map[string]string, len(x.ops))
	for _, o := range x.ops {
		if o.entry == nil || o.entry.fullURL == "" || o.letter == search.Delete {
			continue
		}
		if _, have := x.ids[o.entry.fullURL]; have {
			return o.entry.at(fhir.Errorf(fhir.KindInvalid, "", "fullUrl %q is that of another entry, too", clip(o.entry.fullURL)))
		}
		x.ids[o.entry.fullURL] = o.target()
	}
	return nil
}

// resolve finds what the conditional references refer to. They see what was there before the change, as far as the
// caller may search it: no match, hidden or absent, is one answer.
func (x *change) resolve(ctx context.Context, src plan.Source, gone map[string]bool, commit *store.Commit) error {
	if len(x.conditions) == 0 {
		return nil
	}
	x.targets = make(map[string]string, len(x.conditions))
	for _, o := range x.ops {
		if !o.write {
			continue
		}
		for _, l := range o.refs {
			text := l.node.Text
			when, ok := x.conditions[text]
			if !ok || l.kind != linkReference || x.targets[text] != "" {
				continue
			}
			rows, claim, err := x.find(ctx, src, when, true)
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

// edits are the links of an op that say something else in the stored resource.
func (x *change) edits(o *op) ([]fhir.Edit, error) {
	if !o.write {
		return nil, nil
	}
	var edits []fhir.Edit
	for _, l := range o.refs {
		text := l.node.Text
		to, known := x.ids[text]
		switch l.kind {
		case linkNarrative:
			to = rewriteNarrative(text, x.ids)
			known = to != text
		case linkReference:
			if target, ok := x.targets[text]; ok {
				to, known = target, true
			} else if !known {
				to, known = x.ids[o.entry.absolute(text)]
			}
			if !known && placeholder(text) {
				return nil, o.entry.inResource(o.res, l.node,
					fhir.Errorf(fhir.KindProcessing, "", "no entry has the fullUrl %q", clip(text)))
			}
		}
		if known && to != text {
			edits = append(edits, fhir.Edit{Node: l.node, Text: to})
		}
	}
	return edits, nil
}

// absolute is a relative reference as seen from an entry whose fullUrl is a RESTful address (R4 bundle.html#references).
func (e *entry) absolute(text string) string {
	base, id, _ := cutLast(e.fullURL, "/")
	base, typ, ok := cutLast(base, "/")
	if !ok || id == "" || typ != e.res.Type {
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
