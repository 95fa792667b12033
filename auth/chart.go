package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
)

// chart reads resources for pickers, policies and texts, always under somebody's access.
type chart struct {
	store   store.Store
	indexer *index.Indexer
	base    string
	notes   bool // what is found is shown, and the audit log has it
}

// shown is the chart for what people are shown of it.
func (c chart) shown() chart {
	c.notes = true
	return c
}

// note notes a look into the chart, if it is one; nil if not.
func (c chart) note(ctx context.Context, a audit.Act) *audit.Doing {
	if !c.notes {
		return nil
	}
	return audit.Do(ctx, a)
}

// read gives a resource if the access shows it.
func (c chart) read(ctx context.Context, a search.Access, typ, id string) (*fhir.Resource, bool, error) {
	if !fhir.ValidID(id) {
		return nil, false, nil
	}
	snap, err := c.store.Snapshot(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", typ, err)
	}
	defer snap.Close()
	if a, err = plan.Settle(ctx, snap, a, c.indexer); err != nil {
		return nil, false, fmt.Errorf("read %s: %w", typ, err)
	}
	p, err := plan.Lower(search.GuardRead(typ, id, search.Read, a), c.indexer)
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", typ, err)
	}
	row, ok, err := plan.ReadOne(ctx, snap, p)
	if err != nil || !ok || row.Deleted {
		return nil, false, err
	}
	note := c.note(ctx, audit.Act{Code: "read", Type: typ, ID: id})
	note.Saw([]plan.Row{row})
	note.End(http.StatusOK)
	res, err := fhir.Parse(row.Body, fhir.Limits{})
	return res, err == nil, err
}

// search gives up to limit resources, and whether there are more. Words that cannot be searched for find nothing.
func (c chart) search(ctx context.Context, a search.Access, typ string, pairs []search.Pair, limit int) (found []*fhir.Resource, more bool, err error) {
	q, err := search.Parse(typ, pairs, search.Options{Base: c.base})
	var bad *fhir.Error
	if errors.As(err, &bad) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	snap, err := c.store.Snapshot(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("search %s: %w", typ, err)
	}
	defer snap.Close()
	if a, err = plan.Settle(ctx, snap, a, c.indexer); err != nil {
		return nil, false, fmt.Errorf("search %s: %w", typ, err)
	}
	p, err := plan.Lower(search.Guard(q, a), c.indexer)
	if err != nil {
		return nil, false, fmt.Errorf("search %s: %w", typ, err)
	}
	r, err := plan.Run(ctx, snap, p, plan.Window{Limit: limit})
	if err != nil {
		return nil, false, fmt.Errorf("search %s: %w", typ, err)
	}
	asked := url.Values{}
	for _, p := range pairs {
		asked.Add(p.Name, p.Value)
	}
	note := c.note(ctx, audit.Act{Code: "search-type", Type: typ, Query: asked.Encode()})
	note.Saw(r.Rows)
	note.End(http.StatusOK)
	for _, row := range r.Rows {
		res, err := fhir.Parse(row.Body, fhir.Limits{})
		if err != nil {
			return nil, false, err
		}
		found = append(found, res)
	}
	return found, r.Next != nil, nil
}

// choiceOf is a resource to choose from.
func choiceOf(res *fhir.Resource) Choice {
	r := res.Root
	c := Choice{Value: res.ID, Title: title(r)}
	detail := func(name, value string) {
		if value != "" {
			c.Details = append(c.Details, Field{name, value})
		}
	}
	switch res.Type {
	case "Patient", "Practitioner", "RelatedPerson", "Person":
		detail("Sex", r.Str("gender"))
		detail("Born", r.Str("birthDate"))
		if at := r.Get("identifier"); at != nil {
			detail("Identifier", at.First.Str("value"))
		}
	default:
		detail("Status", r.Str("status"))
		detail("From", r.Get("period").Str("start"))
		detail("To", r.Get("period").Str("end"))
	}
	detail("Id", res.ID)
	if c.Title == "" {
		c.Title = res.Type + " " + res.ID
	}
	return c
}

// title is what a resource is called: its name or title, or what it is about.
func title(r *fhir.Node) string {
	if s := r.Str("name"); s != "" {
		return s
	}
	if s := r.Str("title"); s != "" {
		return s
	}
	var name string
	r.Get("name").Each(func(n *fhir.Node) {
		if name == "" || n.Str("use") == "official" {
			name = human(n)
		}
	})
	for _, element := range []string{"code", "type", "class"} {
		if name == "" {
			r.Get(element).Each(func(n *fhir.Node) {
				if name == "" {
					name = concept(n)
				}
			})
		}
	}
	return name
}

// human is a HumanName in words.
func human(n *fhir.Node) string {
	if s := n.Str("text"); s != "" {
		return s
	}
	var words []string
	n.Get("given").Each(func(g *fhir.Node) { words = append(words, g.Text) })
	return strings.TrimSpace(strings.Join(append(words, n.Str("family")), " "))
}

// concept is a CodeableConcept or a Coding in words.
func concept(n *fhir.Node) string {
	if s := n.Str("text"); s != "" {
		return s
	}
	coding := n
	if list := n.Get("coding"); list != nil {
		coding = list.First
	}
	if s := coding.Str("display"); s != "" {
		return s
	}
	return coding.Str("code")
}

// patientText is a patient in words: "Amy Shaw, female, born 1987-02-20".
func patientText(res *fhir.Resource) string {
	text := title(res.Root)
	if text == "" {
		text = "Patient " + res.ID
	}
	if g := res.Root.Str("gender"); g != "" {
		text += ", " + g
	}
	if b := res.Root.Str("birthDate"); b != "" {
		text += ", born " + b
	}
	return text
}
