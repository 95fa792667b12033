package ui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/words"
)

// Pages draws pages. New makes one; it does not change and may be used by several goroutines.
type Pages struct {
	o           Options
	templates   map[string]*template.Template // by the name of their file
	style, icon Asset
}

var _ auth.Pages = (*Pages)(nil)

// Options are what all pages know. The zero Options work.
type Options struct {
	Root    string      // path of the server's start page without its final slash, "" at the root of a host
	Version string      // of the software
	FHIR    string      // the FHIR base, told at the foot of each page; "" is not told
	Texts   words.Texts // what scopes are called, beside English
	Links   []Link      // places that all pages lead to, but those of an authorization request
}

// Policy is the Content-Security-Policy that the pages live with: nothing from elsewhere, nothing inline.
const Policy = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

//go:embed templates
var files embed.FS

// New parses the templates. It panics if one is broken, which a test would have said.
func New(o Options) *Pages {
	p := &Pages{o: o, templates: map[string]*template.Template{}}
	p.style = asset(o.Root, "firewarden", ".css", "text/css; charset=utf-8", style)
	p.icon = asset(o.Root, "firewarden", ".svg", "image/svg+xml", icon)
	shared := template.Must(template.New("page").Funcs(template.FuncMap{
		"capital": words.Capital,
		"moment":  func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
		"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}).ParseFS(files, "templates/layout/*.html", "templates/parts/*.html"))
	names, err := fs.Glob(files, "templates/*/*.html")
	if err != nil {
		panic(err) // the pattern is well-formed
	}
	for _, name := range names {
		if dir := path.Base(path.Dir(name)); dir == "layout" || dir == "parts" {
			continue
		}
		p.templates[strings.TrimSuffix(path.Base(name), ".html")] =
			template.Must(template.Must(shared.Clone()).ParseFS(files, name))
	}
	return p
}

// Render implements auth.Pages.
func (p *Pages) Render(w io.Writer, page auth.Page) error {
	switch page := page.(type) {
	case auth.LoginPage:
		return p.draw(w, "login", page.Frame, loginView(page))
	case auth.PickerPage:
		return p.draw(w, "picker", page.Frame, pickerView(page, p.o.Texts))
	case auth.ConsentPage:
		return p.draw(w, "consent", page.Frame, p.consentView(page))
	case auth.ErrorPage:
		return p.draw(w, "error", page.Frame, page)
	case auth.ManagePage:
		return p.draw(w, "manage", page.Frame, p.manageView(page), p.nav("/auth/manage")...)
	case auth.RegisterPage:
		return p.draw(w, "register", page.Frame, registerView(page), p.nav("/auth/apps/new")...)
	case auth.RegisteredPage:
		return p.draw(w, "registered", page.Frame, registeredView(page), p.nav("")...)
	case auth.LogoutPage:
		return p.draw(w, "logout", page.Frame, page)
	case auth.LoggedOutPage:
		return p.draw(w, "loggedout", page.Frame, page)
	case auth.SetupPage:
		return p.draw(w, "setup", page.Frame, setupView(page))
	}
	return fmt.Errorf("draw %T: there is no such page", page)
}

// sheet is what the layout is given.
type sheet struct {
	Frame   auth.Frame
	Page    any
	Style   string
	Icon    string
	Root    string // of the server's own pages
	Version string
	FHIR    string
	Nav     []place // none on the pages of an authorization request, which nobody should leave by accident
}

// Link is a place to go, by its path under the server's root.
type Link struct{ Text, Path string }

type place struct {
	Text, URL string
	Here      bool
}

// nav are the links from the page at a path.
func (p *Pages) nav(here string) []place {
	var list []place
	for _, l := range p.o.Links {
		list = append(list, place{l.Text, p.o.Root + l.Path, l.Path == here})
	}
	return list
}

func (p *Pages) draw(w io.Writer, name string, f auth.Frame, page any, nav ...place) error {
	s := sheet{Frame: f, Page: page, Style: p.style.Path, Icon: p.icon.Path, Root: p.o.Root, Version: p.o.Version, FHIR: p.o.FHIR, Nav: nav}
	if s.Frame.Home == "" {
		s.Frame.Home = p.o.Root + "/"
	}
	var b bytes.Buffer
	if err := p.templates[name].ExecuteTemplate(&b, "page", &s); err != nil {
		return fmt.Errorf("draw the page %s: %w", name, err)
	}
	_, err := w.Write(b.Bytes())
	return err
}
