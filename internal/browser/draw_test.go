package browser

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"
)

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
