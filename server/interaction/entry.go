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

	write *op                                   // of POST, PUT, DELETE
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
	path, query, _ := strings.Cut(url, "?")
	parts := strings.Split(path, "/")
	e.ifNoneMatch = request.Str("ifNoneMatch")

	o := &op{typ: parts[0], res: e.res, entry: e, ifMatch: request.Str("ifMatch")}
	switch method {
	case "GET":
		return s.routeRead(c, e, parts, query)
	case "POST":
		if len(parts) != 1 || query != "" {
			return fhir.Errorf(fhir.KindNotSupported, "request.url", "POST %q is not supported in a Bundle: its url is a type", clip(url))
		}
		o.letter, o.id, o.ifNoneExist = search.Create, s.newID(), request.Str("ifNoneExist")
	case "PUT", "DELETE":
		if len(parts) == 1 && query != "" {
			return fhir.Errorf(fhir.KindNotSupported, "request.url", "a conditional %s is not supported in a Bundle", method)
		}
		if len(parts) != 2 || query != "" {
			return fhir.Errorf(fhir.KindInvalid, "request.url", "%q is not type/id", clip(url))
		}
		o.letter, o.id = search.Update, parts[1]
		if method == "DELETE" {
			o.letter, o.res = search.Delete, nil
		}
	default:
		return fhir.Errorf(fhir.KindNotSupported, "request.method", "%s is not supported in a Bundle", clip(method))
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
	switch {
	case len(parts) == 1 && history:
		e.read = func(ctx context.Context) (Result, error) { return s.HistorySystem(ctx, c, pairs) }
	case len(parts) == 1 && typ != "" && typ != "metadata":
		e.read = func(ctx context.Context) (Result, error) { return s.Search(ctx, c, typ, pairs, SearchOptions{}) }
	case len(parts) == 2 && history:
		e.read = func(ctx context.Context) (Result, error) { return s.HistoryType(ctx, c, typ, pairs) }
	case len(parts) == 2 && !strings.HasPrefix(parts[1], "$"):
		e.read = func(ctx context.Context) (Result, error) { return s.Read(ctx, c, typ, parts[1]) }
	case len(parts) == 3 && history:
		e.read = func(ctx context.Context) (Result, error) { return s.HistoryInstance(ctx, c, typ, parts[1], pairs) }
	case len(parts) == 4 && parts[2] == "_history":
		e.read = func(ctx context.Context) (Result, error) { return s.VRead(ctx, c, typ, parts[1], parts[3]) }
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
