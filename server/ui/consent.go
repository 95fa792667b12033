package ui

import (
	"fmt"
	"html/template"
	"regexp"
	"strings"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/words"
)

// said is a text and its language where that is not the page's.
type said struct{ Text, Lang string }

// ours is the language of the pages themselves.
const ours = "en"

func inLanguage(text, lang string) said {
	if lang == ours {
		lang = ""
	}
	return said{text, lang}
}

// sentence is what auth says of a scope, else what the words of the pages do.
func sentence(t words.Texts, scope, text, lang string) said {
	own, in := t.Sentence(scope, lang)
	if text == "" || text == own {
		return inLanguage(own, in)
	}
	return said{Text: text}
}

// app is a client as pages show it.
type app struct {
	auth.App
	Monogram string
	Image    template.URL // its logo, if it needs no request to anybody
}

// picture is what may be shown as a logo: a picture within the page. One from elsewhere would tell its owner who looks
// at this page and when.
var picture = regexp.MustCompile(`^data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/]+=*$`)

func appView(a auth.App) app {
	v := app{App: a, Monogram: monogram(a)}
	if picture.MatchString(a.Logo) {
		v.Image = template.URL(a.Logo)
	}
	return v
}

// Consent.
type consent struct {
	auth.ConsentPage
	Faults  []fault
	App     app
	Groups  []group
	Offline *item
	Cut     []refused
}

// group are the scopes of one resource type.
type group struct {
	Type  string // as FHIR has it, "" if it is not about data
	Name  said
	About said
	Items []item
}

// item is a checkbox with a sentence. Its parts have ids of their own.
type item struct {
	ID, Name, Value           string
	Say                       said
	Writes, Required, Checked bool
	Narrower                  []item
	Open                      bool // some of Narrower are ticked
}

// refused is a scope that was asked for in vain.
type refused struct {
	Say said
	Raw string
}

func (p *Pages) consentView(page auth.ConsentPage) consent {
	v := consent{ConsentPage: page, Faults: one(page.Error), App: appView(page.App)}
	lang, n := page.Language, 0
	list := func(items []auth.ConsentItem) []item {
		var out []item
		for _, i := range items {
			n++
			out = append(out, p.item(i, fmt.Sprintf("scope-%d", n), lang))
		}
		return out
	}
	for _, g := range page.Groups {
		o := group{Type: g.Type, Items: list(g.Items)}
		switch g.Type {
		case "":
			o.Name.Text = "You and this session"
		case "*", "Everything":
			o.Type, o.Name.Text = "", "All kinds of data"
		default:
			o.Name = inLanguage(p.o.Texts.Type(g.Type, lang))
			o.Name.Text = words.Capital(o.Name.Text)
			o.About = inLanguage(p.o.Texts.About(g.Type, lang))
		}
		v.Groups = append(v.Groups, o)
	}
	if page.Offline != nil {
		v.Offline = &list([]auth.ConsentItem{*page.Offline})[0]
	}
	for _, c := range page.Cut {
		v.Cut = append(v.Cut, refused{sentence(p.o.Texts, c, "", lang), c})
	}
	return v
}

func (p *Pages) item(i auth.ConsentItem, id, lang string) item {
	v := item{ID: id, Name: "scope", Value: i.Value, Writes: i.Writes, Required: i.Required, Checked: i.Checked || i.Required,
		Say: sentence(p.o.Texts, i.Value, i.Text, lang)}
	for k, n := range i.Narrower {
		w := p.item(n, fmt.Sprintf("%s-%d", id, k+1), lang)
		w.Name, w.Required, w.Checked = "narrow", false, n.Checked
		if rest, ok := strings.CutPrefix(w.Say.Text, v.Say.Text+", "); ok { // what it is a part of stands above
			w.Say.Text = words.Capital(rest)
		}
		v.Open = v.Open || n.Checked
		v.Narrower = append(v.Narrower, w)
	}
	return v
}

// Granted apps.
type manage struct {
	auth.ManagePage
	Grants []granted
}

type granted struct {
	auth.GrantSummary
	ID   string // of the section
	App  app
	Says []said
}

func (p *Pages) manageView(page auth.ManagePage) manage {
	v := manage{ManagePage: page}
	for i, g := range page.Grants {
		o := granted{GrantSummary: g, ID: fmt.Sprintf("grant-%d", i+1), App: appView(g.App)}
		for _, s := range g.Scopes {
			o.Says = append(o.Says, said{Text: s})
		}
		v.Grants = append(v.Grants, o)
	}
	return v
}
