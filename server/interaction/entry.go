package interaction

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// entry is one entry of a batch or transaction.
type entry struct {
	index       int
	fullURL     string
	res         *fhir.Resource // nil if it has none
	ifNoneMatch string

	write *op                                   // of POST, PUT, PATCH, DELETE
	read  func(context.Context) (Result, error) // of GET
	err   error                                 // of a batch: what went wrong
	got   Result                                // of read
}

// entries reads the entries of a Bundle. The first fault ends a transaction; in a batch it is the entry's own.
func (s *Service) entries(c Caller, bundle *fhir.Resource, batch bool) ([]*entry, error) {
	list := bundle.Root.Get("entry")
	var out []*entry
	var fault error
	list.Each(func(n *fhir.Node) {
		if fault != nil {
			return
		}
		e := &entry{index: len(out), fullURL: n.Str("fullUrl")}
		if r := n.Get("resource"); r != nil {
			e.res = bundle.Sub(r)
		}
		if err := s.route(c, e, n.Get("request")); err != nil {
			if e.err = e.at(err); !batch {
				fault = e.err
			}
		}
		out = append(out, e)
	})
	if limit := s.limits().Entries; fault == nil && len(out) > limit {
		fault = fhir.Errorf(fhir.KindTooLong, "Bundle.entry", "the Bundle has %d entries, the limit is %d", len(out), limit)
	}
	return out, fault
}

// route reads the request of an entry.
func (s *Service) route(c Caller, e *entry, request *fhir.Node) error {
	method, url := request.Str("method"), request.Str("url")
	if method == "" || url == "" {
		return fhir.Errorf(fhir.KindRequired, "request", "an entry of a batch or transaction needs request.method and request.url")
	}
	url = strings.TrimPrefix(strings.TrimPrefix(url, s.Base), "/")
	path, query, conditional := strings.Cut(url, "?")
	parts := strings.Split(path, "/")
	e.ifNoneMatch = request.Str("ifNoneMatch")

	o := &op{typ: parts[0], res: e.res, entry: e, where: query, conditional: conditional, ifMatch: request.Str("ifMatch")}
	switch method {
	case "GET":
		return s.routeRead(c, e, parts, query)
	case "POST":
		if len(parts) == 3 && strings.HasPrefix(parts[2], "$") && !conditional {
			return s.routeOperation(e, o, parts)
		}
		if len(parts) != 1 || conditional {
			return fhir.Errorf(fhir.KindNotSupported, "request.url", "POST %q is not supported in a Bundle: its url is a type", clip(url))
		}
		o.letter, o.where = search.Create, request.Str("ifNoneExist")
		o.conditional = o.where != ""
	case "PUT", "PATCH", "DELETE":
		switch {
		case len(parts) == 2 && parts[1] != "" && !conditional:
			o.id = parts[1]
		case len(parts) == 1 && conditional, len(parts) == 2 && parts[1] == "" && conditional: // Type?… and, as R4 writes once, Type/?…
		default:
			return fhir.Errorf(fhir.KindInvalid, "request.url", "%q is neither type/id nor type?parameters", clip(url))
		}
		switch o.letter = search.Update; method {
		case "PUT":
			o.ifNoneMatch = e.ifNoneMatch
		case "DELETE":
			o.letter, o.res = search.Delete, nil
		default:
			p, err := s.ReadPatch(o.typ, e.res)
			if err != nil {
				return err
			}
			o.patch(p, s.Limits.Parse)
		}
	default:
		return fhir.Errorf(fhir.KindNotSupported, "request.method", "%s is not supported in a Bundle", clip(method))
	}
	s.number(o)
	e.write = o
	return nil
}

// routeOperation reads the request of an entry that is an operation which writes.
func (s *Service) routeOperation(e *entry, o *op, parts []string) error {
	o.letter, o.id = search.Update, parts[1]
	switch parts[2] {
	case "$meta-add", "$meta-delete":
		meta, err := s.labels(e.res)
		if err != nil {
			return err
		}
		o.relabel(meta, parts[2] == "$meta-delete", s.Limits.Parse)
	default:
		return fhir.Errorf(fhir.KindNotSupported, "request.url", "%s is not supported in a Bundle", clip(parts[2]))
	}
	e.write = o
	return nil
}

func (s *Service) routeRead(c Caller, e *entry, parts []string, query string) error {
	pairs, err := Pairs(query)
	if err != nil {
		return err
	}
	typ := parts[0]
	history := parts[len(parts)-1] == "_history"
	if parts[len(parts)-1] == "$meta" {
		return s.routeMeta(c, e, parts)
	}
	switch {
	case len(parts) == 1 && history:
		e.read = func(ctx context.Context) (Result, error) { return s.HistorySystem(ctx, c, pairs) }
	case len(parts) == 1 && typ == "":
		e.read = func(ctx context.Context) (Result, error) { return s.SearchSystem(ctx, c, pairs, SearchOptions{}) }
	case len(parts) == 1 && typ != "metadata" && typ[0] != '$':
		e.read = func(ctx context.Context) (Result, error) { return s.Search(ctx, c, typ, pairs, SearchOptions{}) }
	case len(parts) == 2 && history:
		e.read = func(ctx context.Context) (Result, error) { return s.HistoryType(ctx, c, typ, pairs) }
	case len(parts) == 2 && !strings.HasPrefix(parts[1], "$"):
		e.read = func(ctx context.Context) (Result, error) { return s.Read(ctx, c, typ, parts[1], pairs...) }
	case len(parts) == 3 && history:
		e.read = func(ctx context.Context) (Result, error) { return s.HistoryInstance(ctx, c, typ, parts[1], pairs) }
	case len(parts) == 4 && parts[2] == "_history":
		e.read = func(ctx context.Context) (Result, error) { return s.VRead(ctx, c, typ, parts[1], parts[3], pairs...) }
	case len(parts) == 3 && !strings.HasPrefix(parts[2], "$"):
		e.read = func(ctx context.Context) (Result, error) {
			return s.SearchCompartment(ctx, c, fhir.Reference{Type: typ, ID: parts[1]}, parts[2], pairs, SearchOptions{})
		}
	default:
		return fhir.Errorf(fhir.KindNotSupported, "request.url", "GET %q is not supported in a Bundle", clip(strings.Join(parts, "/")))
	}
	return nil
}

func (s *Service) routeMeta(c Caller, e *entry, parts []string) error {
	switch {
	case len(parts) <= 2:
		typ := ""
		if len(parts) == 2 {
			typ = parts[0]
		}
		e.read = func(ctx context.Context) (Result, error) { return s.MetaOf(ctx, c, typ) }
	case len(parts) == 3:
		e.read = func(ctx context.Context) (Result, error) { return s.Meta(ctx, c, parts[0], parts[1], "") }
	case len(parts) == 5 && parts[2] == "_history":
		e.read = func(ctx context.Context) (Result, error) { return s.Meta(ctx, c, parts[0], parts[1], parts[3]) }
	default:
		return fhir.Errorf(fhir.KindNotSupported, "request.url", "GET %q is not supported in a Bundle", clip(strings.Join(parts, "/")))
	}
	return nil
}

// at puts an error at the entry: Bundle.entry[3].resource.name. A nil entry leaves it as it is.
func (e *entry) at(err error) error {
	if err == nil || e == nil {
		return err
	}
	var several fhir.Errors
	if errors.As(err, &several) {
		out := make(fhir.Errors, len(several))
		for i := range several {
			out[i] = e.place(several[i])
		}
		return out
	}
	var one *fhir.Error
	if errors.As(err, &one) {
		return e.place(one)
	}
	return err
}

func (e *entry) place(err *fhir.Error) *fhir.Error {
	if strings.HasPrefix(err.Expression, "Bundle.entry[") {
		return err
	}
	out := *err // some errors are shared constants
	out.Expression = "Bundle.entry[" + strconv.Itoa(e.index) + "]"
	switch rest, below := strings.CutPrefix(err.Expression, "request"); {
	case below:
		out.Expression += ".request" + rest
	case strings.HasPrefix(err.Expression, "http."): // a parameter of ifNoneExist
		out.Expression += ".request"
	case err.Expression == "resourceType":
		out.Expression += ".resource.resourceType"
	case strings.HasPrefix(err.Expression, "patch"): // of a JSON Patch, which is the data of a Binary
		out.Expression += ".resource.data"
	case err.Expression != "":
		out.Expression += ".resource"
		if i := strings.IndexByte(err.Expression, '.'); i >= 0 {
			out.Expression += err.Expression[i:]
		}
	}
	return &out
}

// inResource puts an error at a node of the entry's resource.
func (e *entry) inResource(res *fhir.Resource, n *fhir.Node, err error) error {
	var one *fhir.Error
	if !errors.As(err, &one) {
		return err
	}
	out := *one
	out.Expression = res.Path(n)
	return e.at(&out)
}
