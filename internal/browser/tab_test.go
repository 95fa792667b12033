package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/firewarden/firewarden/internal/program"
)

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
	program.Remove()
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
			chromedp.WSURLReadTimeout(program.Patience),
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
	program.Until(b.t, "the browser to find fault with "+part, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return slices.ContainsFunc(b.faults, func(f string) bool { return strings.Contains(f, part) })
	})
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
	ctx, cancel := context.WithTimeout(b.ctx, program.Patience)
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
	deadline := time.Now().Add(program.Patience)
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

// quote is a string of Go as one of JavaScript.
func quote(s string) string { return strconv.QuoteToASCII(s) }
