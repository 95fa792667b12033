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

func (x *exchange) search() error {
	return x.searchBy(func(params []search.Pair, o interaction.SearchOptions) (interaction.Result, error) {
		return x.s.o.Service.Search(x.context(), x.caller, x.typ, params, o)
	})
}

func (x *exchange) searchSystem() error {
	return x.searchBy(func(params []search.Pair, o interaction.SearchOptions) (interaction.Result, error) {
		return x.s.o.Service.SearchSystem(x.context(), x.caller, params, o)
	})
}

// searchCompartment searches one type of members, or all.
func (x *exchange) searchCompartment() error {
	member := x.param("member")
	if member == "" {
		member = "*"
	}
	compartment := fhir.Reference{Type: x.typ, ID: x.param("id")}
	return x.searchBy(func(params []search.Pair, o interaction.SearchOptions) (interaction.Result, error) {
		return x.s.o.Service.SearchCompartment(x.context(), x.caller, compartment, member, params, o)
	})
}

// searchBy answers with what f finds by the parameters of the URL and, of a POST, of the form together (R4
// http.html#search).
func (x *exchange) searchBy(f func([]search.Pair, interaction.SearchOptions) (interaction.Result, error)) error {
	var form *fasthttp.Args
	if x.req.Header.IsPost() {
		var err error
		if form, err = x.form(); err != nil {
			return err
		}
	}
	params, err := x.params(form)
	if err != nil {
		return err
	}
	out, err := f(params, interaction.SearchOptions{Handling: x.handling()})
	if err == nil && (out.Explanation.JSON() || out.Explanation.Text()) {
		return x.explanation(out.Explanation)
	}
	return x.sendBundle(out, err)
}

// handling is what the client prefers for what is not understood.
func (x *exchange) handling() interaction.Handling {
	switch how := x.preference("handling"); {
	case bytes.EqualFold(how, []byte("strict")):
		return interaction.HandlingStrict
	case bytes.EqualFold(how, []byte("lenient")):
		return interaction.HandlingLenient
	}
	return interaction.HandlingDefault
}

// form reads the parameters of a body.
func (x *exchange) form() (*fasthttp.Args, error) {
	if media, _ := next(x.req.Header.ContentType(), ';'); len(media) > 0 && !bytes.EqualFold(media, []byte("application/x-www-form-urlencoded")) {
		return nil, fhir.Errorf(fhir.KindMediaType, "http.Content-Type", "a search is posted as application/x-www-form-urlencoded")
	}
	body, err := x.content(x.s.o.Limits.Form)
	if err != nil {
		return nil, err
	}
	var form fasthttp.Args
	form.ParseBytes(body)
	if f := form.PeekBytes(pFormat); len(f) > 0 {
		if err := acceptFormat(f); err != nil {
			return nil, err
		}
	}
	x.pretty = x.pretty || bytes.Equal(form.PeekBytes(pPretty), vTrue)
	return &form, nil
}

// explanation answers _explain=json and _explain=text: with no FHIR resource.
func (x *exchange) explanation(e *interaction.Explanation) error {
	x.setBytes(hCacheControl, vNoStore)
	if e.Text() {
		x.send(http.StatusOK, e.AppendText(nil))
		x.res.Header.SetContentTypeBytes(vText)
		return nil
	}
	x.send(http.StatusOK, e.AppendJSON(nil))
	x.res.Header.SetContentTypeBytes(vJSON)
	return nil
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
