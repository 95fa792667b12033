package fhirpath

import (
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// conversion gives an item in the other type; ok is false if there is none.
type conversion func(it Item) (out Item, ok bool)

func convert(f conversion) eval {
	return func(_ *run, in []Item, _ []op, dst []Item) ([]Item, error) {
		if len(in) > 1 {
			return dst, fault("a conversion needs a single item")
		}
		if len(in) == 1 {
			if out, ok := f(in[0]); ok {
				return append(dst, out), nil
			}
		}
		return dst, nil
	}
}

func converts(f conversion) eval {
	return func(_ *run, in []Item, _ []op, dst []Item) ([]Item, error) {
		if len(in) > 1 {
			return dst, fault("a conversion needs a single item")
		}
		if len(in) == 0 {
			return dst, nil
		}
		_, ok := f(in[0])
		return append(dst, boolean(ok)), nil
	}
}

func toString(it Item) (Item, bool) {
	text, ok := it.Value()
	if it.Type == Quantity {
		text += " '" + it.Unit + "'"
	}
	return Item{Type: String, Text: text}, ok
}

func toBoolean(it Item) (Item, bool) {
	text, ok := it.Value()
	if !ok {
		return Item{}, false
	}
	switch strings.ToLower(text) {
	case "true", "t", "yes", "y", "1", "1.0":
		return boolean(true), true
	case "false", "f", "no", "n", "0", "0.0":
		return boolean(false), true
	}
	return Item{}, false
}

func toInteger(it Item) (Item, bool) {
	text, ok := it.Value()
	switch it.kind() {
	case Boolean:
		text = map[string]string{"true": "1", "false": "0"}[text]
	case Integer, String:
	default:
		return Item{}, false
	}
	i, err := strconv.Atoi(text)
	return integer(i), ok && err == nil
}

func toDecimal(it Item) (Item, bool) {
	text, ok := it.Value()
	switch it.kind() {
	case Boolean:
		text = map[string]string{"true": "1.0", "false": "0.0"}[text]
	case Integer, Decimal, String:
	default:
		return Item{}, false
	}
	_, err := fhir.ParseDecimal(text)
	return Item{Type: Decimal, Text: text}, ok && err == nil
}

func toDate(it Item) (Item, bool) {
	text, ok := it.Value()
	text, _, _ = strings.Cut(text, "T")
	t, good := parseStamp(text)
	return Item{Type: Date, Text: text}, ok && good && t.n <= 3
}

func toDateTime(it Item) (Item, bool) {
	text, ok := it.Value()
	_, good := parseStamp(text)
	return Item{Type: DateTime, Text: text}, ok && good && strings.IndexByte(text, ':') != 2
}

func toTime(it Item) (Item, bool) {
	text, ok := it.Value()
	_, good := parseStamp(text)
	return Item{Type: Time, Text: text}, ok && good && strings.IndexByte(text, ':') == 2
}
