package ui

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Every page, with whatever it holds, is one that everybody can use (WCAG 2.2 AA as far as markup decides it), that
// needs no script, and that Policy lets through.
func TestEveryPageCanBeUsedByEverybody(t *testing.T) {
	p := drawer()
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) { checkPage(t, s.drawn(t, p)) })
	}
}

// Without a person, an app, a version or links the frame still is one.
func TestPagesOfABareServer(t *testing.T) {
	p := New(Options{Root: "/firewarden"})
	for _, s := range samples() {
		text := s.drawn(t, p)
		checkPage(t, text)
		if !strings.Contains(text, `href="/firewarden/assets/firewarden-`) {
			t.Errorf("%s: the stylesheet is not under the root", s.name)
		}
	}
}

// The check itself finds what it is for.
func TestCheckFindsFaults(t *testing.T) {
	good := drawer().template(t)
	for name, change := range map[string][2]string{
		"no language":          {`<html lang="en">`, `<html>`},
		"two h1":               {`</h1>`, `</h1><h1>again</h1>`},
		"no main":              {`<main id="main" tabindex="-1">`, `<div id="main" tabindex="-1">`},
		"heading left out":     {`</h1>`, `</h1><h3>deep</h3>`},
		"id twice":             {`</h1>`, `</h1><p id="main">x</p>`},
		"input without label":  {`</h1>`, `</h1><input name="x">`},
		"label without input":  {`</h1>`, `</h1><label for="nothing">x</label>`},
		"dangling description": {`</h1>`, `</h1><p aria-describedby="nothing">x</p>`},
		"unexplained error":    {`</h1>`, `</h1><label for="i">x</label><input id="i" aria-invalid="true">`},
		"inline style":         {`</h1>`, `</h1><p style="color:red">x</p>`},
		"inline script":        {`</h1>`, `</h1><script>x</script>`},
		"handler":              {`</h1>`, `</h1><p onclick="x">x</p>`},
		"script address":       {`</h1>`, `</h1><a href="javascript:x">x</a>`},
		"picture from outside": {`</h1>`, `</h1><img alt="" src="https://example.org/x.png">`},
		"picture without alt":  {`</h1>`, `</h1><img src="/x.png">`},
		"empty button":         {`</h1>`, `</h1><button></button>`},
		"group without legend": {`</h1>`, `</h1><fieldset><p>x</p></fieldset>`},
		"table without heads":  {`</h1>`, `</h1><table><tr><td>x</td></tr></table>`},
		"crossed tags":         {`</h1>`, `</h1><p><em>x</p></em>`},
		"block in paragraph":   {`</h1>`, `</h1><p><ul><li>x</li></ul></p>`},
		"no skip link":         {`href="#main"`, `href="/main"`},
		"two focuses":          {`</h1>`, `</h1><p tabindex="-1" autofocus>x</p><p tabindex="-1" autofocus>x</p>`},
	} {
		broken := strings.Replace(good, change[0], change[1], 1)
		if broken == good {
			t.Errorf("%s: the change does not fit", name)
		}
		if len(faultsOf(broken)) == 0 {
			t.Errorf("%s is not found", name)
		}
	}
}

// template is a page to break.
func (p *Pages) template(t *testing.T) string {
	return samples()[slices.IndexFunc(samples(), func(s sample) bool { return s.name == "logout" })].drawn(t, p)
}

func checkPage(t *testing.T, text string) {
	t.Helper()
	for _, f := range faultsOf(text) {
		t.Error(f)
	}
}

// faultsOf are what is wrong with a page.
func faultsOf(text string) []string {
	var c checker
	c.nesting(text)
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		return []string{err.Error()}
	}
	c.ids = map[string]*html.Node{}
	walk(doc, func(n *html.Node) {
		id, ok := get(n, "id")
		switch {
		case !ok:
		case id == "" || strings.ContainsAny(id, " \t\n"):
			c.say("id %q", id)
		case c.ids[id] != nil:
			c.say("id %q twice", id)
		}
		c.ids[id] = n
	})
	walk(doc, c.element)
	c.whole(doc)
	return c.faults
}

type checker struct {
	faults []string
	ids    map[string]*html.Node
	counts map[string]int
	level  int        // of the last heading
	first  *html.Node // that can have the focus
}

func (c *checker) say(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// nesting wants every element closed where it was opened, so that the tree is the one that was meant.
func (c *checker) nesting(text string) {
	if !strings.HasPrefix(text, "<!doctype html>\n") {
		c.say("no doctype")
	}
	void := []string{"meta", "link", "input", "img", "br"}
	z := html.NewTokenizer(strings.NewReader(text))
	var open []string
	for {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				c.say("left open: %v", open)
			}
			return
		case html.StartTagToken:
			name, _ := z.TagName()
			if !slices.Contains(void, string(name)) {
				open = append(open, string(name))
			}
			if slices.Contains([]string{"div", "p", "ul", "ol", "dl", "table", "form", "section", "fieldset", "h1", "h2", "h3", "pre", "details"}, string(name)) &&
				slices.Contains(open[:len(open)-1], "p") {
				c.say("%s in a paragraph", name)
			}
			if n := len(open) - 1; string(name) == "form" && slices.Contains(open[:n], "form") {
				c.say("form in a form")
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				c.say("</%s> closes %v", name, open)
				return
			}
			open = open[:len(open)-1]
		}
	}
}

func (c *checker) element(n *html.Node) {
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[n.Data]++
	for _, a := range n.Attr {
		switch {
		case a.Key == "style", strings.HasPrefix(a.Key, "on"), a.Key == "srcdoc":
			c.say("inline %s of <%s>", a.Key, n.Data)
		case a.Key == "href" || a.Key == "action" || a.Key == "src" || a.Key == "formaction":
			c.address(n, a)
		case a.Key == "aria-describedby" || a.Key == "aria-labelledby":
			for _, id := range strings.Fields(a.Val) {
				if c.ids[id] == nil || a.Val == "" {
					c.say("%s of <%s>: there is no %q", a.Key, n.Data, id)
				}
			}
		case a.Key == "autofocus":
			c.counts["autofocus"]++
			if _, ok := get(n, "tabindex"); !ok && !focusable(n) {
				c.say("<%s> cannot have the focus", n.Data)
			}
		case a.Key == "tabindex" && a.Val != "0" && a.Val != "-1":
			c.say("tabindex %s", a.Val)
		}
	}
	if c.first == nil && focusable(n) {
		c.first = n
	}
	switch n.Data {
	case "script", "style", "iframe", "object", "embed", "base", "template":
		c.say("<%s>", n.Data)
	case "input", "textarea", "select":
		c.input(n)
	case "label":
		if id, _ := get(n, "for"); c.ids[id] == nil {
			c.say("label for %q, which is not there", id)
		}
		c.named(n)
	case "button", "a", "summary", "title", "legend", "th", "caption", "option":
		c.named(n)
		if _, ok := get(n, "href"); n.Data == "a" && !ok {
			c.say("a link to nowhere")
		}
		if _, ok := get(n, "scope"); n.Data == "th" && !ok {
			c.say("th without scope")
		}
	case "h1", "h2", "h3", "h4":
		level := int(n.Data[1] - '0')
		if level > c.level+1 {
			c.say("<%s> %q after level %d", n.Data, textOf(n), c.level)
		}
		c.level = level
		c.named(n)
	case "img":
		if _, ok := get(n, "alt"); !ok {
			c.say("img without alt")
		}
	case "svg":
		if v, _ := get(n, "aria-hidden"); v != "true" {
			c.say("svg that is read aloud")
		}
	case "fieldset":
		first := n.FirstChild
		for first != nil && first.Type != html.ElementNode {
			first = first.NextSibling
		}
		if first == nil || first.Data != "legend" {
			c.say("fieldset without a legend")
		}
	case "table":
		heads, caption := 0, false
		walk(n, func(m *html.Node) {
			if v, _ := get(m, "scope"); m.Data == "th" && v == "col" {
				heads++
			}
			caption = caption || m.Data == "caption"
		})
		if v, _ := get(n.Parent, "aria-labelledby"); heads == 0 || !caption && v == "" {
			c.say("table without heads or a name")
		}
	case "form":
		method, _ := get(n, "method")
		if _, ok := get(n, "action"); !ok || method != "post" && method != "get" {
			c.say("form without method or action")
		}
	case "nav", "section", "article":
		label, _ := get(n, "aria-label")
		by, _ := get(n, "aria-labelledby")
		if label == "" && by == "" {
			c.say("<%s> without a name", n.Data)
		}
	}
}

// address wants nothing from elsewhere but where a person goes by a link.
func (c *checker) address(n *html.Node, a html.Attribute) {
	u, err := url.Parse(a.Val)
	if err != nil {
		c.say("%s %q", a.Key, a.Val)
		return
	}
	switch {
	case strings.HasPrefix(a.Val, "#"):
		if len(a.Val) == 1 || c.ids[a.Val[1:]] == nil && a.Val != "#ZgotmplZ" {
			c.say("link to %s, which is not there", a.Val)
		}
	case n.Data == "img" && strings.HasPrefix(a.Val, "data:image/"):
	case n.Data == "img" || n.Data == "link" || n.Data == "form":
		if u.Host != "" || u.Scheme != "" {
			c.say("<%s> goes to %s", n.Data, a.Val)
		}
	case u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https":
		c.say("link to %s", a.Val)
	}
}

func (c *checker) input(n *html.Node) {
	typ, _ := get(n, "type")
	if typ == "hidden" {
		return
	}
	id, _ := get(n, "id")
	labels := 0
	walk(root(n), func(m *html.Node) {
		if v, _ := get(m, "for"); m.Data == "label" && v == id && id != "" {
			labels++
		}
	})
	if labels != 1 {
		c.say("input %q has %d labels", id, labels)
	}
	if v, _ := get(n, "aria-invalid"); v == "true" {
		by, _ := get(n, "aria-describedby")
		if !slices.ContainsFunc(strings.Fields(by), func(id string) bool { return strings.HasSuffix(id, "-error") }) {
			c.say("input %q is wrong and nothing says why", id)
		}
	}
	if _, ok := get(n, "name"); !ok {
		c.say("input %q without a name", id)
	}
}

func (c *checker) named(n *html.Node) {
	if strings.TrimSpace(textOf(n)) == "" {
		c.say("<%s> without words", n.Data)
	}
}

// whole is what a page has once.
func (c *checker) whole(doc *html.Node) {
	for _, name := range []string{"html", "title", "h1", "main", "header", "footer"} {
		if c.counts[name] != 1 {
			c.say("%d of <%s>", c.counts[name], name)
		}
	}
	if c.counts["autofocus"] > 1 {
		c.say("%d want the focus", c.counts["autofocus"])
	}
	walk(doc, func(n *html.Node) {
		if lang, _ := get(n, "lang"); n.Data == "html" && lang != "en" {
			c.say("the language is %q", lang)
		}
		if _, ok := get(n, "lang"); ok && textOf(n) == "" {
			c.say("a language without words")
		}
	})
	if c.first == nil {
		c.say("nothing can have the focus")
	} else if href, _ := get(c.first, "href"); href != "#main" {
		c.say("the first link is no skip link")
	}
	if m := c.ids["main"]; m == nil || m.Data != "main" {
		c.say("the skip link leads elsewhere")
	}
}

func focusable(n *html.Node) bool {
	switch n.Data {
	case "a":
		_, ok := get(n, "href")
		return ok
	case "button", "textarea", "select", "summary":
		return true
	case "input":
		typ, _ := get(n, "type")
		return typ != "hidden"
	}
	return false
}

func walk(n *html.Node, do func(*html.Node)) {
	if n.Type == html.ElementNode {
		do(n)
	}
	for m := n.FirstChild; m != nil; m = m.NextSibling {
		walk(m, do)
	}
}

func root(n *html.Node) *html.Node {
	for n.Parent != nil {
		n = n.Parent
	}
	return n
}

func get(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}

// textOf is the text within an element.
func textOf(n *html.Node) string {
	var b strings.Builder
	var add func(*html.Node)
	add = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		for m := n.FirstChild; m != nil; m = m.NextSibling {
			add(m)
		}
	}
	add(n)
	return b.String()
}
