package server

import (
	"bytes"
	"net/http"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/server/interaction"
)

func (x *exchange) search() error { return x.searchWith(nil) }

// searchForm takes the parameters of the URL and of the form together (R4 http.html#search).
func (x *exchange) searchForm() error {
	if media, _ := next(x.req.Header.ContentType(), ';'); len(media) > 0 && !bytes.EqualFold(media, []byte("application/x-www-form-urlencoded")) {
		return fhir.Errorf(fhir.KindMediaType, "http.Content-Type", "a search is posted as application/x-www-form-urlencoded")
	}
	body, err := x.content(x.s.o.Limits.Form)
	if err != nil {
		return err
	}
	var form fasthttp.Args
	form.ParseBytes(body)
	if f := form.PeekBytes(pFormat); len(f) > 0 {
		if err := acceptFormat(f); err != nil {
			return err
		}
	}
	x.pretty = x.pretty || bytes.Equal(form.PeekBytes(pPretty), vTrue)
	return x.searchWith(&form)
}

func (x *exchange) searchWith(form *fasthttp.Args) error {
	params, err := x.params(form)
	if err != nil {
		return err
	}
	lenient := bytes.EqualFold(x.preference("handling"), []byte("lenient"))
	out, err := x.s.o.Service.Search(x.context(), x.caller, x.typ, params, interaction.SearchOptions{Lenient: lenient})
	return x.sendBundle(out, err)
}

func (x *exchange) historyInstance() error {
	params, err := x.params(nil)
	if err != nil {
		return err
	}
	out, err := x.s.o.Service.HistoryInstance(x.context(), x.caller, x.typ, x.param("id"), params)
	return x.sendBundle(out, err)
}

func (x *exchange) historyType() error {
	params, err := x.params(nil)
	if err != nil {
		return err
	}
	out, err := x.s.o.Service.HistoryType(x.context(), x.caller, x.typ, params)
	return x.sendBundle(out, err)
}

func (x *exchange) historySystem() error {
	params, err := x.params(nil)
	if err != nil {
		return err
	}
	out, err := x.s.o.Service.HistorySystem(x.context(), x.caller, params)
	return x.sendBundle(out, err)
}

func (x *exchange) sendBundle(out interaction.Result, err error) error {
	if err != nil {
		return err
	}
	x.setBytes(hCacheControl, vNoStore)
	x.send(http.StatusOK, out.Bundle)
	return nil
}

// params are all parameters of the URL and of a form in their order, decoded and copied.
func (x *exchange) params(form *fasthttp.Args) ([]search.Pair, error) {
	query := x.req.URI().QueryArgs()
	n := query.Len()
	if form != nil {
		n += form.Len()
	}
	if n == 0 {
		return nil, nil
	}
	pairs := make([]search.Pair, 0, n)
	text := true
	take := func(name, value []byte) {
		text = text && utf8.Valid(name) && utf8.Valid(value)
		pairs = append(pairs, search.Pair{Name: string(name), Value: string(value)})
	}
	query.VisitAll(take)
	if form != nil {
		form.VisitAll(take)
	}
	if !text {
		return nil, fhir.Errorf(fhir.KindInvalid, "", "a parameter is not UTF-8")
	}
	return pairs, nil
}
