package browser

import (
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
)

// inspect holds the page against what every page of ours keeps, as far as only a browser can tell: what can be used has
// a name and a size for fingers, nothing is wider than a phone, nothing jumps while the page comes, and no script runs.
func (b *tab) inspect() {
	b.t.Helper()
	where := b.text("document.title")
	if strings.HasPrefix(where, "App") {
		return // not a page of ours
	}
	usable := 0
	for _, n := range call(b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if n.Role == nil || n.Ignored {
			continue
		}
		switch role := strings.Trim(string(n.Role.Value), `"`); role {
		case "button", "link", "checkbox", "radio", "textbox", "searchbox", "form", "table", "image":
			usable++
			if n.Name == nil || len(n.Name.Value) <= 2 {
				if role != "form" && role != "image" {
					b.t.Errorf("%s: a %s has no name", where, role)
				}
			}
		}
	}
	if usable == 0 {
		b.t.Errorf("%s: nothing in it can be used", where)
	}
	if n := b.text("document.scripts.length"); n != "0" {
		b.t.Errorf("%s: %s scripts", where, n)
	}
	if b.shots == 0 && !b.mute { // to draw a page moves it, and without script it cannot say
		if moved := b.text(moves); moved != "0" {
			b.t.Errorf("%s: the page moves while it comes, by %s", where, moved)
		}
	}
	small := ask[[]string](b, fmt.Sprintf(`[...document.querySelectorAll('button, summary, input:not([type=hidden]), header a')].filter(e => e.checkVisibility()).map(e => [e, (e.labels?.[0] ?? e).getBoundingClientRect(), e.getBoundingClientRect()])
		.filter(([e, l, r]) => e.className !== 'skip' && Math.max(l.height, r.height) < %d).map(([e]) => e.outerHTML.slice(0, 120))`, target))
	for _, s := range small {
		b.t.Errorf("%s: less than %d pixels high: %s", where, target, s)
	}
}

// target is the least height of what is clicked (WCAG 2.2, 2.5.8).
const target = 24

// moves is how much of the page has moved since it came (Layout Instability API). What is called good (Web Vitals) is
// nothing: columns of a long table widen with its rows, which come in as many pieces as the machine is slow.
const moves = `new Promise(done => { let sum = 0; const add = list => list.forEach(e => sum += e.value), o = new PerformanceObserver(l => add(l.getEntries()));
	o.observe({type: 'layout-shift', buffered: true}); requestAnimationFrame(() => { add(o.takeRecords()); done(sum < 0.1 ? 0 : sum) }) })`
