package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/words"
)

// Picker.
type picker struct {
	auth.PickerPage
	Faults   []fault
	One, All string // "patient", "Patients"
	Article  string // before One
	Ask      string // label of the search
	Count    string // how many there are, a sentence
	Columns  []string
	Rows     []row
}

// row is a choice in a table.
type row struct {
	ID, Value, Title string
	Checked          bool
	Cells            []cell // one a column
}

// cell is a detail of a choice under its column's name.
type cell struct{ Name, Value string }

// Short says whether the value should stay on one line: dates and ids are read in one piece.
func (c cell) Short() bool { return len(c.Value) <= 24 }

func pickerView(page auth.PickerPage, t words.Texts) picker {
	all, _ := t.Type(page.Type, "en")
	v := picker{PickerPage: page, Faults: one(page.Error), One: apart(page.Type), All: words.Capital(all), Article: "a", Ask: "Search by name"}
	switch {
	case page.Type == "Patient":
		v.All, v.Ask = "Patients", "Search by name, birth date or identifier"
	case page.ByDate:
		v.Ask = "Search by year, month or day, as in 2026-06"
	}
	if strings.ContainsAny(v.One[:min(1, len(v.One))], "aeio") {
		v.Article = "an"
	}
	switch n := len(page.Choices); {
	case page.More && page.Search == "":
		v.Count = fmt.Sprintf("The first %d, of more.", n)
	case page.More:
		v.Count = fmt.Sprintf("The first %d. There are more: search for what you need.", n)
	case n == 1:
		v.Count = "There is one to choose from."
	default:
		v.Count = fmt.Sprintf("%d to choose from.", n)
	}
	for _, c := range page.Choices {
		for _, d := range c.Details {
			if !slices.Contains(v.Columns, d.Name) {
				v.Columns = append(v.Columns, d.Name)
			}
		}
	}
	for i, c := range page.Choices {
		r := row{ID: fmt.Sprintf("choice-%d", i+1), Value: c.Value, Title: c.Title, Checked: c.Checked}
		for _, name := range v.Columns {
			v := cell{Name: name}
			for _, d := range c.Details {
				if d.Name == name {
					v.Value = moment(d.Value)
				}
			}
			r.Cells = append(r.Cells, v)
		}
		v.Rows = append(v.Rows, r)
	}
	if len(v.Faults) > 0 && len(v.Rows) > 0 {
		v.Faults[0].Field = v.Rows[0].ID
	}
	return v
}

// moment is a FHIR dateTime for people, to the minute and at the time of its place; other texts stay what they are.
func moment(text string) string {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.Format("2006-01-02 15:04")
	}
	return text
}

// apart is the name of a type as words: "imaging study".
func apart(typ string) string {
	var b strings.Builder
	for i, c := range typ {
		if i > 0 && unicode.IsUpper(c) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
