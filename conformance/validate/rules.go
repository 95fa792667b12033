package validate

import (
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// rules are the few invariants that are part of the structure; seen has a bit for each element of n.
func (w *walk) rules(n *fhir.Node, t *r4.Type, seen uint64) {
	switch t.Name {
	case "Extension":
		w.extension(n, t, seen)
	case "Period":
		w.period(n)
	case "Narrative":
		if div := n.Get("div"); div != nil && div.JSON == fhir.String {
			if why := narrative(div.Text); why != "" {
				w.fault(fhir.KindInvariant, div, "the narrative %s", why)
			}
		}
	}
}

// extension: a value or extensions, not both (ext-1).
func (w *walk) extension(n *fhir.Node, t *r4.Type, seen uint64) {
	value, nested := false, false
	for i := range t.Elements {
		switch t.Elements[i].Name {
		case "value":
			value = seen>>i&1 == 1
		case "extension":
			nested = seen>>i&1 == 1
		}
	}
	if value == nested {
		w.fault(fhir.KindInvariant, n, "an extension must have a value or extensions, and not both (ext-1)")
	}
}

// hour in microseconds.
const hour = 3600 * 1_000_000

// period: the start is not after the end (per-1). Partial dates that overlap are in order, and a date without a zone
// is taken as it may be meant in any.
func (w *walk) period(n *fhir.Node) {
	start, end := n.Str("start"), n.Str("end")
	if start == "" || end == "" || start == end {
		return
	}
	s, err1 := fhir.ParseDateTime(start, nil)
	e, err2 := fhir.ParseDateTime(end, nil)
	if err1 != nil || err2 != nil {
		return // a fault of its own
	}
	switch {
	case timed(start) && !timed(end):
		e.High += 14 * hour
	case timed(end) && !timed(start):
		s.Low -= 14 * hour
	}
	if s.Low >= e.High {
		w.fault(fhir.KindInvariant, n, "the start is after the end (per-1)")
	}
}

// timed says whether a dateTime has a time, and so a zone.
func timed(s string) bool { return strings.IndexByte(s, 'T') > 0 }

// code checks a primitive against its required value set.
func (w *walk) code(n *fhir.Node, el *r4.Element) {
	if ok, known := el.Permits("", n.Text); known && !ok {
		w.fault(fhir.KindCodeInvalid, n, "%q is not in the required value set %s", short(n.Text), el.Required)
	}
}

// concept checks a CodeableConcept or Coding against its required value set: one of the codings is in it. A concept
// that has only extensions, to say why there is none, is left alone.
func (w *walk) concept(n *fhir.Node, t *r4.Type, el *r4.Element) {
	if _, known := el.Permits("", ""); !known {
		return
	}
	if t.Name == "Coding" {
		if n.Get("code") != nil && !permitted(n, el) {
			w.fault(fhir.KindCodeInvalid, n, "the coding is not in the required value set %s", el.Required)
		}
		return
	}
	coding := n.Get("coding")
	if coding == nil && n.Get("text") == nil || coding != nil && coding.JSON != fhir.Array {
		return
	}
	if coding != nil {
		for c := coding.First; c != nil; c = c.Next {
			if permitted(c, el) {
				return
			}
		}
	}
	w.fault(fhir.KindCodeInvalid, n, "no coding is in the required value set %s", el.Required)
}

func permitted(coding *fhir.Node, el *r4.Element) bool {
	system := coding.Str("system")
	if system == "" {
		return false // a code without its system says nothing
	}
	ok, _ := el.Permits(system, coding.Str("code"))
	return ok
}

// reference checks the type of a reference's target, as far as the reference says it.
func (w *walk) reference(n *fhir.Node, targets []string) {
	node := n.Get("reference")
	stated := n.Str("type")
	if !r4.IsResource(stated) {
		stated = ""
	}
	if node == nil || node.JSON != fhir.String {
		if stated != "" {
			w.target(n, stated, targets)
		}
		return
	}
	typ, ok := w.targetType(node)
	if !ok {
		return
	}
	switch {
	case typ == "":
		typ = stated
	case stated != "" && stated != typ:
		w.fault(fhir.KindValue, n, "the reference is to %s, its type says %s", typ, stated)
		return
	}
	if typ != "" {
		w.target(node, typ, targets)
	}
}

// targetType is the resource type that a reference's text names, "" if it names none; ok is false if the text itself
// is at fault.
func (w *walk) targetType(node *fhir.Node) (typ string, ok bool) {
	text := node.Text
	if text == "#" {
		return "", true // the container
	}
	if strings.HasPrefix(text, "#") {
		c := w.ids[text[1:]]
		if c == nil {
			w.fault(fhir.KindInvariant, node, "there is no contained resource %q (ref-1)", short(text))
			return "", false
		}
		return c.Str("resourceType"), true
	}
	// A conditional reference, to be resolved by the transaction that it is in (R4 http.html#trules).
	if path, _, conditional := strings.Cut(text, "?"); conditional && r4.IsResource(path) {
		return path, true
	}
	r := fhir.ParseReference(text, "")
	if r4.IsResource(r.Type) {
		return r.Type, true
	}
	if r.Local() {
		w.fault(fhir.KindValue, node, "%q is no resource type of R4", short(r.Type))
		return "", false
	}
	return "", true
}

func (w *walk) target(n *fhir.Node, typ string, targets []string) {
	if len(targets) == 0 {
		return
	}
	for _, t := range targets {
		if t == typ {
			return
		}
	}
	w.fault(fhir.KindValue, n, "a reference to %s is not permitted here, only to %s", typ, strings.Join(targets, ", "))
}
