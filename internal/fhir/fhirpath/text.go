package fhirpath

import (
	"math/big"
	"regexp"
	"strings"
)

// str is the one string of a collection; ok is false if it is empty.
func str(in []Item) (s string, ok bool, err error) {
	if len(in) == 0 {
		return "", false, nil
	}
	s, ok = in[0].Value()
	if len(in) > 1 || in[0].kind() == "" {
		return "", false, fault("a single string was expected")
	}
	return s, ok, nil
}

func onString(f func(s string) []Item) eval {
	return func(_ *run, in []Item, _ []op, dst []Item) ([]Item, error) {
		s, ok, err := str(in)
		if err != nil || !ok {
			return dst, err
		}
		return append(dst, f(s)...), nil
	}
}

func onStrings(f func(s, arg string) []Item) eval {
	return func(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
		s, ok, err := str(in)
		if err != nil || !ok {
			return dst, err
		}
		t, ok, err := r.text(args[0])
		if err != nil || !ok {
			return dst, err
		}
		return append(dst, f(s, t)...), r.tick(len(dst))
	}
}

func joinStrings(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
	sep := ""
	if len(args) == 1 {
		var err error
		if sep, _, err = r.text(args[0]); err != nil {
			return dst, err
		}
	}
	var texts []string
	for _, it := range in {
		if s, ok := it.Value(); ok {
			texts = append(texts, s)
		}
	}
	if len(sep)*len(texts) > maxText {
		return dst, errCostly
	}
	return appendText(dst, strings.Join(texts, sep))
}

func substring(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
	s, ok, err := str(in)
	if err != nil || !ok {
		return dst, err
	}
	from, ok, err := r.integer(args[0])
	chars := []rune(s)
	if err != nil || !ok || from < 0 || from >= len(chars) {
		return dst, err
	}
	to := len(chars)
	if len(args) == 2 {
		n, ok, err := r.integer(args[1])
		if err != nil {
			return dst, err
		}
		if ok && n < to-from {
			to = from + max(n, 0)
		}
	}
	return append(dst, Item{Type: String, Text: string(chars[from:to])}), nil
}

func replace(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
	s, ok, err := str(in)
	if err != nil || !ok {
		return dst, err
	}
	old, okOld, err := r.text(args[0])
	if err != nil {
		return dst, err
	}
	by, okBy, err := r.text(args[1])
	if err != nil || !okOld || !okBy {
		return dst, err
	}
	if len(s)+strings.Count(s, old)*len(by) > maxText {
		return dst, errCostly
	}
	return append(dst, Item{Type: String, Text: strings.ReplaceAll(s, old, by)}), nil
}

func pattern(r *run, x op) (*regexp.Regexp, bool, error) {
	text, ok, err := r.text(x)
	if err != nil || !ok {
		return nil, false, err
	}
	re, err := regexp.Compile("(?s)" + text)
	if err != nil {
		return nil, false, fault("malformed regular expression")
	}
	return re, true, nil
}

func matches(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
	s, ok, err := str(in)
	if err != nil || !ok {
		return dst, err
	}
	re, ok, err := pattern(r, args[0])
	if err != nil || !ok {
		return dst, err
	}
	return append(dst, boolean(re.MatchString(s))), nil
}

func replaceMatches(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
	s, ok, err := str(in)
	if err != nil || !ok {
		return dst, err
	}
	re, ok, err := pattern(r, args[0])
	if err != nil || !ok {
		return dst, err
	}
	by, ok, err := r.text(args[1])
	if err != nil || !ok {
		return dst, err
	}
	if len(s)*(1+len(by)) > maxText {
		return dst, errCostly
	}
	return append(dst, Item{Type: String, Text: re.ReplaceAllString(s, by)}), nil
}

func floor(x *big.Rat) *big.Rat {
	return x.SetInt(new(big.Int).Div(x.Num(), x.Denom()))
}

func onNumber(f func(*big.Rat) *big.Rat, integers bool) eval {
	return func(_ *run, in []Item, _ []op, dst []Item) ([]Item, error) {
		if len(in) == 0 {
			return dst, nil
		}
		text, ok := in[0].Value()
		if len(in) > 1 || !ok || !numeric(in[0].kind()) {
			return dst, fault("a single number was expected")
		}
		x := rational(text)
		if x == nil {
			return dst, fault("a number is too long")
		}
		return append(dst, number(f(x), integers || in[0].kind() == Integer)), nil
	}
}

func clock(typ, layout string) eval {
	return func(r *run, _ []Item, _ []op, dst []Item) ([]Item, error) {
		if r.env.Now.IsZero() {
			return dst, nil
		}
		return append(dst, Item{Type: typ, Text: r.env.Now.UTC().Format(layout)}), nil
	}
}
