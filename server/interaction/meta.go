package interaction

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/fhir/patch"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// Meta gives the meta of an instance, or of one of its versions (R4 resource-operation-meta.html), by the letter r:
// Result.Parameters.
func (s *Service) Meta(ctx context.Context, c Caller, typ, id, version string) (Result, error) {
	var out Result
	var err error
	if version == "" {
		out, err = s.Read(ctx, c, typ, id)
	} else {
		out, err = s.VRead(ctx, c, typ, id, version)
	}
	if err != nil {
		return Result{}, err
	}
	res, err := fhir.Parse(out.Row.Body, unlimited)
	if err != nil {
		return Result{}, err
	}
	out.Parameters = metaParameters(res)
	return out, nil
}

// metaParameters is the answer of an operation that gives the meta of a resource.
func metaParameters(res *fhir.Resource) []byte {
	meta := res.Root.Get("meta")
	if meta == nil {
		return []byte(`{"resourceType":"Parameters"}`)
	}
	return wrapMeta(res.Raw(meta))
}

func wrapMeta(meta []byte) []byte {
	const before, after = `{"resourceType":"Parameters","parameter":[{"name":"return","valueMeta":`, `}]}`
	return append(append(append(make([]byte, 0, len(before)+len(meta)+len(after)), before...), meta...), after...)
}

// MetaAdd adds profiles, security labels and tags to an instance, MetaDelete takes them away (R4
// resource-operation-meta-add.html): by the letter u, as a new version. Params hold them as the parameter meta. The
// identity of a label is system and code, that of a profile the whole URL. Result.Parameters has the meta that it leaves.
func (s *Service) MetaAdd(ctx context.Context, c Caller, typ, id string, params *fhir.Resource, o WriteOptions) (Result, error) {
	return s.relabel(ctx, c, typ, id, params, false, o)
}

// MetaDelete is the reverse of MetaAdd. What is not there is no fault.
func (s *Service) MetaDelete(ctx context.Context, c Caller, typ, id string, params *fhir.Resource, o WriteOptions) (Result, error) {
	return s.relabel(ctx, c, typ, id, params, true, o)
}

func (s *Service) relabel(ctx context.Context, c Caller, typ, id string, params *fhir.Resource, remove bool, o WriteOptions) (Result, error) {
	meta, err := s.labels(params)
	if err != nil {
		return Result{}, err
	}
	w := &op{letter: search.Update, typ: typ, id: id}
	w.relabel(meta, remove, s.Limits.Parse)
	return s.run(ctx, c, w, o)
}

// labels is the parameter meta of an operation.
func (s *Service) labels(params *fhir.Resource) (meta *fhir.Node, err error) {
	if params == nil || params.Type != "Parameters" {
		return nil, fhir.Errorf(fhir.KindInvalid, "resourceType", "the operation takes a Parameters resource with the parameter meta")
	}
	if err := s.valid(params); err != nil {
		return nil, err
	}
	params.Root.Get("parameter").Each(func(n *fhir.Node) {
		switch {
		case err != nil:
		case n.Str("name") != "meta":
			err = fhir.Errorf(fhir.KindInvalid, params.Path(n), "the operation has no parameter %q, only meta", clip(n.Str("name")))
		case meta != nil:
			err = fhir.Errorf(fhir.KindInvalid, params.Path(n), "the parameter meta is repeated")
		default:
			if meta = n.Get("valueMeta"); meta == nil || meta.JSON != fhir.Object {
				err = fhir.Errorf(fhir.KindInvalid, params.Path(n), "the parameter meta is a valueMeta")
			}
		}
	})
	if err == nil && meta == nil {
		err = fhir.Errorf(fhir.KindRequired, "Parameters.parameter", "the parameter meta is missing")
	}
	return meta, err
}

// labelLists are the lists of meta that the operations change, with the types of their items.
var labelLists = []struct{ name, value string }{{"profile", "valueCanonical"}, {"security", "valueCoding"}, {"tag", "valueCoding"}}

// relabel makes the op that of $meta-add or $meta-delete: a FHIRPath Patch of the current meta, so that all else keeps
// its bytes.
func (o *op) relabel(labels *fhir.Node, remove bool, l fhir.Limits) {
	o.res, o.meta = nil, true
	o.change = func(before *fhir.Resource) (*fhir.Resource, error) {
		meta := before.Root.Get("meta")
		var b []byte
		step := func(kind, path string) {
			b = append(b, `,{"name":"operation","part":[{"name":"type","valueCode":"`...)
			b = append(append(append(b, kind...), `"},{"name":"path","valueString":"`...), path...)
			b = append(b, `"}`...)
		}
		for _, list := range labelLists {
			have, given := items(meta.Get(list.name)), items(labels.Get(list.name))
			if remove {
				for _, n := range slices.Backward(have) {
					if holds(given, n) {
						step("delete", "meta."+list.name+"["+strconv.Itoa(n.Index)+"]")
						b = append(b, "]}"...)
					}
				}
				continue
			}
			for _, n := range given {
				if holds(have, n) {
					continue
				}
				have = append(have, n)
				step("add", "meta")
				b = append(append(append(b, `,{"name":"name","valueString":"`...), list.name...), `"},{"name":"value","`...)
				b = append(append(append(b, list.value...), `":`...), n.AppendJSON(nil)...)
				b = append(b, `}]}`...)
			}
		}
		if len(b) == 0 {
			return before, nil
		}
		params, err := fhir.Parse(slices.Concat([]byte(`{"resourceType":"Parameters","parameter":[`), b[1:], []byte(`]}`)), unlimited)
		if err != nil {
			return nil, err
		}
		p, err := patch.FHIRPath(params, before.Type, r4.Model{})
		if err != nil {
			return nil, err
		}
		return p.Apply(before, l)
	}
}

func items(list *fhir.Node) (out []*fhir.Node) {
	list.Each(func(n *fhir.Node) { out = append(out, n) })
	return out
}

// holds says whether the list has an item with the identity of n.
func holds(list []*fhir.Node, n *fhir.Node) bool {
	return slices.ContainsFunc(list, func(o *fhir.Node) bool { return identity(o) == identity(n) })
}

// identity of a label is its system and code, of a profile its URL.
func identity(n *fhir.Node) string {
	if n.JSON != fhir.Object {
		return n.Text
	}
	return n.Str("system") + "|" + n.Str("code")
}

// MetaOf gives the profiles, security labels and tags that are in use, as Result.Parameters: of a type, or, where typ is
// "", of all types that the caller has s on. Like a search it sees what s shows, but of the audit log it tells nothing: all
// of its events have the labels that they are made with. It reads what has labels, so it is
// too-costly where that is much (Limits.Labels).
func (s *Service) MetaOf(ctx context.Context, c Caller, typ string) (_ Result, err error) {
	defer answered(s.asked(ctx, "$meta", typ, "", nil), &err)
	types := []string{typ}
	if typ == "" {
		if types = c.searchable(); types == nil {
			return Result{}, errNoSearch
		}
	} else if err := c.grant(search.Search, typ); err != nil {
		return Result{}, err
	}
	snap, c, err := s.open(ctx, c)
	if err != nil {
		return Result{}, err
	}
	defer snap.Close()
	found := make([]map[string][]byte, len(labelLists))
	for i := range found {
		found[i] = make(map[string][]byte)
	}
	left := s.limits().Labels
	for _, typ := range types {
		if err := s.collect(ctx, snap, c, typ, &left, found); err != nil {
			return Result{}, err
		}
	}
	var b []byte
	for i, list := range labelLists {
		if len(found[i]) == 0 {
			continue
		}
		texts := make([][]byte, 0, len(found[i]))
		for _, text := range found[i] {
			texts = append(texts, text)
		}
		slices.SortFunc(texts, bytes.Compare)
		b = append(appendString(append(b, ','), list.name), ":["...)
		b = append(append(b, bytes.Join(texts, []byte{','})...), ']')
	}
	if b == nil {
		return Result{Parameters: []byte(`{"resourceType":"Parameters"}`)}, nil
	}
	b[0] = '{'
	return Result{Parameters: wrapMeta(append(b, '}'))}, nil
}

// collect adds the labels of the resources of a type. Of several texts of one label the first in their order stays: the
// answer must not depend on the order of the store.
func (s *Service) collect(ctx context.Context, src plan.Source, c Caller, typ string, left *int, found []map[string][]byte) error {
	var any search.Or
	for _, list := range labelLists {
		any = append(any, search.Missing{P: r4.Lookup(typ, "_"+list.name), Is: false})
	}
	p, err := plan.Lower(search.Guard(search.Query{Type: typ, Where: any}, c.Access), s.Indexer)
	if err != nil {
		return err
	}
	for w := (plan.Window{Limit: 1000, Stored: true}); ; {
		page, err := plan.Run(ctx, src, p, w)
		if err != nil {
			return err
		}
		if *left -= len(page.Rows); *left < 0 {
			return fhir.Errorf(fhir.KindTooCostly, "", "more than %d resources have labels: ask for $meta of one type, or of an instance", s.limits().Labels)
		}
		for _, row := range page.Rows {
			res, err := fhir.Parse(row.Body, unlimited)
			if err != nil {
				return err
			}
			for i, list := range labelLists {
				for _, n := range items(res.Root.Get("meta").Get(list.name)) {
					if n.JSON == fhir.Null {
						continue
					}
					text := n.AppendJSON(nil)
					if have := found[i][identity(n)]; have == nil || bytes.Compare(text, have) < 0 {
						found[i][strings.Clone(identity(n))] = text
					}
				}
			}
		}
		if w.After = page.Next; w.After == nil {
			return nil
		}
	}
}
