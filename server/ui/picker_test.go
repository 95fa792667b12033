package ui

import (
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth"
)

// A choice is a row with a cell for every column that any choice has, times as people read them.
func TestPickerRows(t *testing.T) {
	page := auth.PickerPage{Type: "Encounter", More: true, Choices: []auth.Choice{
		{Value: "1", Title: "Check-up", Details: []auth.Field{{Name: "From", Value: "2026-06-15T12:45:00-05:00"}}},
		{Value: "2", Title: "Stay", Details: []auth.Field{{Name: "From", Value: "2026-06"}, {Name: "Ward", Value: "4"}}}}}
	v := pickerView(page, nil)
	var b strings.Builder
	for _, r := range v.Rows {
		b.WriteString(r.ID + " " + r.Title)
		for _, c := range r.Cells {
			b.WriteString(" | " + c.Name + "=" + c.Value)
		}
		b.WriteString("\n")
	}
	if got, want := b.String(), "choice-1 Check-up | From=2026-06-15 12:45 | Ward=\nchoice-2 Stay | From=2026-06 | Ward=4\n"; got != want {
		t.Errorf("%s", got)
	}
	if v.Article+" "+v.One != "an encounter" || v.Count != "The first 2, of more." {
		t.Errorf("%s %s: %s", v.Article, v.One, v.Count)
	}
	page.Search = "/search"
	if v := pickerView(page, nil); !strings.Contains(v.Count, "search for what you need") {
		t.Error(v.Count)
	}
}

// A logo is shown if it is within the page, never fetched from elsewhere.
func TestLogos(t *testing.T) {
	for logo, shown := range map[string]bool{
		"data:image/png;base64,iVBORw0KGgo=":          true,
		"data:image/svg+xml;base64,PHN2Zy8+":          true,
		"https://tracker.example.org/x.png":           false,
		"data:text/html;base64,PHNjcmlwdD4=":          false,
		`data:image/png;base64,x" onerror="alert(1)`:  false,
		"data:image/svg+xml,<svg onload='alert(1)'/>": false,
		"": false,
	} {
		if v := appView(auth.App{Name: "x", Logo: logo}); (v.Image != "") != shown {
			t.Errorf("%q: %q", logo, v.Image)
		}
	}
}
