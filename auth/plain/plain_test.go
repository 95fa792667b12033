package plain

import (
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth"
)

// Every page can be drawn, also with nothing in it, and escapes what others wrote.
func TestEveryPageIsDrawn(t *testing.T) {
	evil := auth.Frame{App: auth.App{ID: "x", Name: `<script>alert("x")</script>`}, User: "<b>me</b>"}
	for _, page := range []auth.Page{
		auth.LoginPage{Frame: evil}, auth.LoginPage{}, auth.PickerPage{Frame: evil}, auth.ConsentPage{Frame: evil},
		auth.ErrorPage{Frame: evil, Text: "<i>"}, auth.ManagePage{Frame: evil, Grants: []auth.GrantSummary{{App: evil.App}}},
		auth.RegisterPage{Frame: evil}, auth.RegisteredPage{Client: evil.App}, auth.LogoutPage{Frame: evil},
		auth.LoggedOutPage{Frame: evil}, auth.SetupPage{Frame: evil},
	} {
		var b strings.Builder
		if err := (Pages{}).Render(&b, page); err != nil {
			t.Errorf("%T: %v", page, err)
			continue
		}
		if text := b.String(); !strings.HasPrefix(text, "<!doctype html>") || !strings.Contains(text, "<h1>") ||
			strings.Contains(text, "<script") || strings.Contains(text, "<b>me") || strings.Contains(text, "<i>") {
			t.Errorf("%T: %s", page, text)
		}
	}
}
