package browser

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/firewarden/firewarden/internal/program"
)

// element is an expression for the last visible element of a kind (CSS) whose text, spaces put together, is words, or
// begins so if none is.
func element(css, words string) string {
	return fmt.Sprintf(`(() => { const all = [...document.querySelectorAll(%s)].filter(e => e.checkVisibility()).map(e => [e, e.innerText.replace(/\s+/g, ' ').trim()]);
		return (all.findLast(([, t]) => t === %[2]s) ?? all.findLast(([, t]) => t.startsWith(%[2]s)))?.[0] })()`, quote(css), quote(words))
}

// press clicks on a button or a link, as a person does: with the mouse, where it is.
func (b *tab) press(begins string) {
	b.t.Helper()
	b.click(element("button, a, summary", begins))
}

// choose clicks on the label of a radio button or a check box.
func (b *tab) choose(begins string) {
	b.t.Helper()
	b.click(element("label", begins))
}

func (b *tab) click(expression string) {
	b.t.Helper()
	var at *struct{ X, Y float64 }
	for at == nil { // pages come and go meanwhile
		b.until(expression, "document.readyState === 'complete' && "+expression)
		at, _ = try[*struct{ X, Y float64 }](b, fmt.Sprintf(`(() => { const e = %s; e.scrollIntoView({block: 'center', behavior: 'instant'}); const r = e.getBoundingClientRect(); return {X: r.x + Math.min(r.width, 120) / 2, Y: r.y + r.height / 2} })()`, expression))
	}
	b.do(chromedp.MouseClickXY(at.X, at.Y))
}

// write types into the input with a label, over what is there.
func (b *tab) write(label, words string) {
	b.t.Helper()
	b.text(fmt.Sprintf("%s.control.select()", element("label", label)))
	call(b, input.InsertText, input.InsertTextParams{Text: words})
}

// framed waits for something in the first frame of the page, of any origin, by its role and the beginning of its name, and
// clicks on it if it is a button.
func (b *tab) framed(role, begins string) {
	b.t.Helper()
	for deadline := time.Now().Add(program.Patience); ; time.Sleep(20 * time.Millisecond) {
		var seen []string
		for _, f := range call(b, page.GetFrameTree, cdp.Empty{}).FrameTree.ChildFrames {
			nodes, _ := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{FrameID: f.Frame.ID})
			for _, n := range nodes.Nodes {
				if n.Role == nil || n.Name == nil || n.Ignored {
					continue
				}
				name := strings.Trim(string(n.Name.Value), `"`)
				seen = append(seen, name)
				if strings.Trim(string(n.Role.Value), `"`) != role || !strings.HasPrefix(name, begins) {
					continue
				}
				if role != "button" {
					return
				}
				_, err := chromedp.Call(b.ctx, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: n.BackendDOMNodeID})
				box, fault := chromedp.Call(b.ctx, dom.GetBoxModel, dom.GetBoxModelParams{BackendNodeID: n.BackendDOMNodeID})
				if errors.Join(err, fault) == nil { // otherwise the page has gone meanwhile
					q := box.Model.Content
					b.do(chromedp.MouseClickXY((q[0]+q[4])/2, (q[1]+q[5])/2))
					return
				}
			}
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("no %s %q in the frame, which shows %q", role, begins, seen)
		}
	}
}

// key presses keys of the keyboard: "\t", "\r", " ", or names of kb.
func (b *tab) key(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// focused is the name of what has the focus.
const focused = `(e => (e?.labels?.[0] ?? e)?.innerText.replace(/\s+/g, ' ').trim())(document.activeElement)`

// tabTo goes by the tab key alone to what begins so by name: the way of people without a mouse. What has the focus has
// to look so.
func (b *tab) tabTo(begins string) {
	b.t.Helper()
	var been []string
	for range 60 {
		b.key("\t")
		name := b.text(focused)
		if b.text("getComputedStyle(document.activeElement).outlineStyle") == "none" {
			b.t.Errorf("%q has the focus and does not look so", name)
		}
		if strings.HasPrefix(name, begins) {
			return
		}
		been = append(been, name)
	}
	b.t.Fatalf("the tab key does not lead to %q but to %q", begins, been)
}

// withoutScript lets no page run a script of its own, or lets it again.
func (b *tab) withoutScript(off bool) {
	b.t.Helper()
	b.mute = off
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: off})
}

// languages are what the person reads.
func (b *tab) languages(list string) {
	b.t.Helper()
	call(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": list}})
}
