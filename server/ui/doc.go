// Package ui draws what people see: the pages that auth declares, the start page, the description of the API. Pages are
// html/template with one stylesheet, embedded; they work without script, load nothing from elsewhere, and hold neither
// inline style nor inline script, so that Policy can forbid both.
//
// templates/layout holds the frame, templates/parts what several pages have, and each other file is one page: it defines
// "title" and "main". What a template would have to compute is a field or method of the page's view, in Go. Tests parse
// every page (check_test.go): WCAG 2.2 AA is held there, and by the contrast of the stylesheet's pairs of colours.
//
// What never belongs here: decisions, HTTP, the store; a page is told everything.
//
//	p := ui.New(ui.Options{Version: "0.1.0"})
//	err := p.Render(w, auth.LoginPage{…})      // p is auth.Pages
//	err = p.RenderHome(w, ui.Home{…})
//	for _, a := range p.Assets() { … }         // to be served under a.Path for ever
package ui
