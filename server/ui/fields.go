package ui

import (
	"fmt"
	"strings"

	"github.com/firewarden/firewarden/auth"
)

// field is an input with its label, its explanation and its error. Its name is its id, too.
type field struct {
	Name, Label, Hint, Value, Error string
	Type                            string   // of the input; "" is text
	Complete                        string   // autocomplete
	Rows                            int      // above 0: a text area
	Required, Code                  bool     // Code: not prose: no capitals, no spelling
	Also                            string   // id of what else is said of it
	Options                         []option // one of which is chosen
}

// Describes are the ids of what is said of the input.
func (f field) Describes() string {
	var ids []string
	if f.Also != "" {
		ids = append(ids, f.Also)
	}
	if f.Error != "" {
		ids = append(ids, f.Name+"-error")
	}
	if f.Hint != "" {
		ids = append(ids, f.Name+"-hint")
	}
	return strings.Join(ids, " ")
}

// radios are a choice of few.
type radios struct {
	Name, Label, Error string
	Options            []option
}

// ID is that of an option, by its index.
func (r radios) ID(i int) string { return fmt.Sprintf("%s-%d", r.Name, i+1) }

type option struct {
	Value, Text, Hint string
	Checked           bool
}

// fault is a line of an error summary: what is wrong and the input that it is about, "" for none.
type fault struct{ Text, Field string }

// faults are those of a form, in the order of its inputs; the one about everything first.
func faults(errors map[string]string, inputs ...string) []fault {
	var list []fault
	for _, name := range append([]string{""}, inputs...) {
		if e := errors[name]; e != "" {
			list = append(list, fault{e, name})
		}
	}
	return list
}

// one is the summary of a form with one error about everything.
func one(err string) []fault { return faults(map[string]string{"": err}) }

// monogram stands for an app without a logo.
func monogram(a auth.App) string {
	for _, c := range a.Name {
		return string(c)
	}
	return "?"
}
