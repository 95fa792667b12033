package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take to become what a test waits for.
const patience = 30 * time.Second

// tab is a page of a browser that knows nobody yet: it shares no cookies with other tabs.
type tab struct {
	t     *testing.T
	ctx   context.Context
	shots int  // pages drawn
	mute  bool // no script runs

	mu       sync.Mutex
	faults   []string // what the browser found wrong
	expected []string // parts of faults that belong to the test
}

// one is the browser that all tests of a run share.
var one struct {
	sync.Once
	ctx  context.Context
	stop func()
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if one.stop != nil {
		one.stop()
	}
	removeBinary()
	os.Exit(code)
}

// chromium opens a tab.
func chromium(t *testing.T) *tab {
	t.Helper()
	path := os.Getenv("FIREWARDEN_CHROMIUM")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		t.Skip("SKIPPED: there is no Chromium: install it, or name it with FIREWARDEN_CHROMIUM")
	}
	one.Do(func() {
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path),
			chromedp.NoSandbox) // it sees our own pages only, and containers have no place for its sandbox
		allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, quit := chromedp.NewContext(allocator)
		one.ctx, one.stop = ctx, func() { quit(); stop() }
		one.err = chromedp.Do(ctx)
	})
	if one.err != nil {
		t.Fatalf("start %s: %v", path, one.err)
	}
	ctx, cancel := chromedp.NewContext(one.ctx, chromedp.WithNewBrowserContext())
	b := &tab{t: t, ctx: ctx}
	t.Cleanup(cancel)
	t.Cleanup(b.judge)
	b.do(chromedp.EmulateViewport(desk, height))
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	return b
}

// Sizes that pages are drawn at.
const desk, phone, height = 1200, 390, 900

// hear gathers what the browser finds wrong.
func (b *tab) hear(event any) {
	say := func(format string, args ...any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.faults = append(b.faults, fmt.Sprintf(format, args...))
	}
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		say("exception: %s", text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			var words []string
			for _, a := range e.Args {
				words = append(words, strings.Trim(string(a.Value), `"`)+a.Description)
			}
			say("console: %s", strings.Join(words, " "))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			say("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	}
}

// expect says that the browser will find something wrong, as the test wants it; part is of its words.
func (b *tab) expect(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, part)
}

// heard waits until the browser has found fault with something.
func (b *tab) heard(part string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		b.mu.Lock()
		came := slices.ContainsFunc(b.faults, func(f string) bool { return strings.Contains(f, part) })
		b.mu.Unlock()
		if came {
			return
		}
	}
	b.t.Fatalf("the browser finds no fault with %s", part)
}

// judge ends the test of a page: faults that were not expected fail it, expected ones that did not come, too.
func (b *tab) judge() {
	b.mu.Lock()
	defer b.mu.Unlock()
	came := make([]bool, len(b.expected))
	for _, f := range b.faults {
		known := false
		for i, e := range b.expected {
			if strings.Contains(f, e) {
				known, came[i] = true, true
			}
		}
		if !known {
			b.t.Errorf("the browser finds fault: %s", f)
		}
	}
	for i, e := range b.expected {
		if !came[i] && !b.t.Failed() {
			b.t.Errorf("the browser was expected to find fault with %q", e)
		}
	}
	if b.t.Failed() {
		b.draw(os.TempDir(), "firewarden failed", desk)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// call runs a command of the DevTools protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	r, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatalf("%s: %v", command.Method, err)
	}
	return r
}

// open goes to an address and waits until the page is there.
func (b *tab) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

// ask gives the value of an expression, of a promise when it is kept.
func ask[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := try[T](b, expression)
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func try[T any](b *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// text is what an expression says, "" if it says nothing.
func (b *tab) text(expression string) string {
	b.t.Helper()
	return ask[string](b, "(async () => String(await ("+expression+") ?? ''))()")
}

// until waits until an expression is true. Pages come and go meanwhile.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		is, err := try[bool](b, "Boolean("+expression+")")
		switch {
		case err == nil && is:
			return
		case time.Now().After(deadline):
			b.t.Fatalf("no end of waiting for %s at %s: %v\n%s", what, b.text("location.href"), err, b.text("document.body.innerText"))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// heading waits for a page by the beginning of its heading, and looks whether all of it is in order.
func (b *tab) heading(begins string) {
	b.t.Helper()
	b.until(fmt.Sprintf("the page %q", begins),
		fmt.Sprintf("document.readyState === 'complete' && document.querySelector('h1')?.innerText.replace(/\\s+/g, ' ').trim().startsWith(%s)", quote(begins)))
	b.inspect()
	b.picture(begins)
}

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
	b.until(expression, expression)
	at := ask[struct{ X, Y float64 }](b, fmt.Sprintf(`(() => { const e = %s; e.scrollIntoView({block: 'center', behavior: 'instant'}); const r = e.getBoundingClientRect(); return {X: r.x + Math.min(r.width, 120) / 2, Y: r.y + r.height / 2} })()`, expression))
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
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
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

// picture draws a page for people, if they want to look.
func (b *tab) picture(name string) {
	if dir := os.Getenv("FIREWARDEN_SCREENSHOTS"); dir != "" {
		b.draw(dir, name, desk)
		b.draw(dir, name, phone)
	}
}

// draw writes what the tab shows, the page in its whole length, to a file in dir.
func (b *tab) draw(dir, name string, width int64) {
	err := chromedp.Do(b.ctx, chromedp.EmulateViewport(width, height))
	png, fault := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err = errors.Join(err, fault, chromedp.Do(b.ctx, chromedp.EmulateViewport(desk, height))); err == nil {
		b.shots++
		file := filepath.Join(dir, fmt.Sprintf("%s-%02d-%s-%d.png", clean(b.t.Name()), b.shots, clean(name), width))
		if err = os.WriteFile(file, png, 0o644); err == nil {
			b.t.Logf("the page: %s", file)
		}
	}
	if err != nil {
		b.t.Logf("the page cannot be drawn: %v", err)
	}
}

// clean is a part of a file's name.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, s)
}

func quote(s string) string { return strconv.QuoteToASCII(s) }
