package server

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/server/ui"
)

// pages are those that the server has beside FHIR and the authorization server: the start page, the API in words.
type pages struct {
	ui     *ui.Pages
	home   func() ui.Home
	assets map[string]document // by the last segment of their path
	docs   document
	api    document // OpenAPI
}

func (s *Server) makePages(table []route) pages {
	base := strings.TrimSuffix(s.o.Service.Base, "/fhir")
	p := pages{ui: s.o.Pages, home: s.o.Home, assets: map[string]document{}}
	if p.ui == nil {
		root := ""
		if u, err := url.Parse(base); err == nil {
			root = strings.TrimSuffix(u.Path, "/")
		}
		p.ui = ui.New(ui.Options{Root: root, Version: s.o.Version, FHIR: s.o.Service.Base, Links: []ui.Link{{Text: "Start", Path: "/"}, {Text: "API", Path: "/docs"}}})
	}
	if p.home == nil {
		h := ui.Home{Frame: auth.Frame{Sandbox: s.o.Sandbox}, Base: base}
		p.home = func() ui.Home { return h }
	}
	for _, a := range p.ui.Assets() {
		p.assets[a.Path[strings.LastIndexByte(a.Path, '/')+1:]] = newDocument(a.Body, []byte(a.Media))
	}
	list := api(table)
	var b bytes.Buffer
	if err := p.ui.RenderDocs(&b, ui.Docs{Frame: auth.Frame{Sandbox: s.o.Sandbox}, Base: base, SMART: s.o.Auth != nil, Operations: list, Parameters: everySearch()}); err != nil {
		panic(err) // the templates are ours, a test draws them
	}
	p.docs = newDocument(b.Bytes(), vHTML)
	p.api = newDocument(openAPI(base, s.o.Version, list), vJSON)
	return p
}

func (x *exchange) startPage() error {
	return x.page(func(w io.Writer) error { return x.s.pages.ui.RenderHome(w, x.s.pages.home()) })
}

// page answers with a page that is drawn for this request.
func (x *exchange) page(draw func(io.Writer) error) error {
	var b bytes.Buffer
	if err := draw(&b); err != nil {
		return err
	}
	x.ofPage()
	x.setBytes(hCacheControl, vNoStore)
	x.res.Header.SetContentTypeBytes(vHTML)
	x.res.SetStatusCode(http.StatusOK)
	if b.Len() >= worthGzip && x.takesGzip() {
		x.res.Header.SetContentEncodingBytes(vGzip)
		x.s.deflate(x, b.Bytes())
		return nil
	}
	x.res.SetBodyRaw(b.Bytes())
	return nil
}

func (x *exchange) docsPage() error {
	x.ofPage()
	return x.s.pages.docs.serve(x)
}

// openAPI lets tools of any origin read it.
func (x *exchange) openAPI() error {
	x.cors()
	return x.s.pages.api.serve(x)
}

// ofPage sets what browsers hold pages to.
func (x *exchange) ofPage() {
	x.setBytes(hPolicy, vPolicy)
	x.setBytes(hReferrer, vNoReferrer)
}

// asset answers with a file of the pages; its path is its content, so it never changes.
func (x *exchange) asset() error {
	d, ok := x.s.pages.assets[x.c.Params("name")]
	if !ok {
		return x.unknownPath()
	}
	x.ofPage()
	err := d.serve(x)
	x.setBytes(hCacheControl, vForever)
	return err
}

// signIn sends a browser to the login, and from there to a page of the site.
func (x *exchange) signIn(next string) {
	x.res.Header.Set("Location", x.s.o.Auth.URL("login")+"?next="+next)
	x.res.SetStatusCode(http.StatusSeeOther)
}
