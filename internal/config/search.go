package config

import (
	"fmt"
	"strconv"
)

// Search is the part of a Config that says how the server searches, and deletes what it finds.
type Search struct {
	Handling          string // strict, lenient
	ConditionalDelete string // single, multiple
	PageSize          int    // of a search or history without _count
	MaxPageSize       int
	NoTextIndex       bool
}

var searchKeys = []Key{
	{Name: "handling", Default: "strict", Usage: "`what` becomes of unknown search parameters without Prefer: handling: strict (an error), or lenient (left out, and said so)",
		set: func(c *Config, v string) error { return oneOf(&c.Search.Handling, v, "strict", "lenient") }},
	{Name: "conditional-delete", Default: "single", Usage: "`how many` resources one conditional delete may delete: single (several are an error), or multiple",
		set: func(c *Config, v string) error { return oneOf(&c.Search.ConditionalDelete, v, "single", "multiple") }},
	{Name: "page-size", Default: "20", Usage: "`number` of resources on a page without _count",
		set: func(c *Config, v string) error { return whole(&c.Search.PageSize, v, 1, 10_000) }},
	{Name: "max-page-size", Default: "1000", Usage: "`number` of resources on a page at most, whatever _count asks",
		set: func(c *Config, v string) error { return whole(&c.Search.MaxPageSize, v, 1, 10_000) }},
	{Name: "text-index", Default: "on", Usage: "whether the words of texts are indexed, `on|off`: off makes a smaller store, in which _text and _content read all that the rest of the search leaves",
		set: func(c *Config, v string) error {
			var text string
			err := oneOf(&text, v, "on", "off")
			c.Search.NoTextIndex = text == "off"
			return err
		}},
}

func whole(to *int, v string, least, most int) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return fmt.Errorf("%q is no whole number from %d to %d", v, least, most)
	}
	*to = n
	return nil
}
