package plain

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/firewarden/firewarden/auth"
)

// Pages is auth.Pages.
type Pages struct{}

var _ auth.Pages = Pages{}

//go:embed *.html
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"day":     func(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") },
	"methods": func() []string { return []string{"none", "client_secret_basic", "private_key_jwt"} },
	"grants":  func() []string { return []string{"authorization_code", "client_credentials"} },
	"lines":   func() []string { return []string{"client_name", "launch_uri", "logo_uri", "jwks_uri", "scope"} },
	"texts":   func() []string { return []string{"redirect_uris", "allowed_origins", "jwks"} },
}).ParseFS(files, "*.html"))

// Render implements auth.Pages.
func (Pages) Render(w io.Writer, page auth.Page) error {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name(page), page); err != nil {
		return fmt.Errorf("draw %T: %w", page, err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func name(page auth.Page) string {
	switch page.(type) {
	case auth.LoginPage:
		return "login"
	case auth.PickerPage:
		return "picker"
	case auth.ConsentPage:
		return "consent"
	case auth.ErrorPage:
		return "error"
	case auth.ManagePage:
		return "manage"
	case auth.RegisterPage:
		return "register"
	case auth.RegisteredPage:
		return "registered"
	case auth.LogoutPage:
		return "logout"
	case auth.LoggedOutPage:
		return "loggedout"
	case auth.SetupPage:
		return "setup"
	}
	return ""
}
