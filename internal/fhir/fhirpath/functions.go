package fhirpath

import (
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/firewarden/firewarden/internal/fhir"
)

// function is a function of the language. A lambda evaluates its arguments for each item of the input; result is the
// type of its items.
type function struct {
	min, max int
	lambda   bool
	result   string
	eval     func(r *run, in []Item, args []op, dst []Item) ([]Item, error)
}

// What a function's result can be, apart from one type.
const (
	anyType   = ""
	sameTypes = "same" // as the input; select: as its argument
)

var functions map[string]function

func setFunctions() {
	functions = map[string]function{
		"empty":   {0, 0, false, Boolean, test(func(in []Item) tri { return truthOf(len(in) == 0) })},
		"not":     {0, 0, false, Boolean, test(func(in []Item) tri { return truth(in).not() })},
		"exists":  {0, 1, true, Boolean, exists},
		"all":     {1, 1, true, Boolean, all},
		"allTrue": {0, 0, false, Boolean, quantify(yes, true)}, "anyTrue": {0, 0, false, Boolean, quantify(yes, false)},
		"allFalse": {0, 0, false, Boolean, quantify(no, true)}, "anyFalse": {0, 0, false, Boolean, quantify(no, false)},
		"subsetOf":   {1, 1, false, Boolean, subset(false)},
		"supersetOf": {1, 1, false, Boolean, subset(true)},
		"count": {0, 0, false, Integer, func(_ *run, in []Item, _ []op, dst []Item) ([]Item, error) {
			return append(dst, integer(len(in))), nil
		}},
		"distinct": {0, 0, false, sameTypes, func(r *run, in []Item, _ []op, dst []Item) ([]Item, error) {
			return r.distinct(in, dst)
		}},
		"isDistinct": {0, 0, false, Boolean, func(r *run, in []Item, _ []op, dst []Item) ([]Item, error) {
			d, err := r.distinct(in, nil)
			return append(dst, boolean(len(d) == len(in))), err
		}},
		"where":  {1, 1, true, sameTypes, where},
		"select": {1, 1, true, sameTypes, selectItems},
		"repeat": {1, 1, true, anyType, repeat},
		"single": {0, 0, false, sameTypes, func(_ *run, in []Item, _ []op, dst []Item) ([]Item, error) {
			if len(in) > 1 {
				return dst, fault("single() of several items")
			}
			return append(dst, in...), nil
		}},
		"first": {0, 0, false, sameTypes, part(func(n int) (int, int) { return 0, min(n, 1) })},
		"last":  {0, 0, false, sameTypes, part(func(n int) (int, int) { return max(n-1, 0), n })},
		"tail":  {0, 0, false, sameTypes, part(func(n int) (int, int) { return min(n, 1), n })},
		"skip": {1, 1, false, sameTypes, func(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
			i, _, err := r.integer(args[0])
			return append(dst, in[min(max(i, 0), len(in)):]...), err
		}},
		"take": {1, 1, false, sameTypes, func(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
			i, _, err := r.integer(args[0])
			return append(dst, in[:min(max(i, 0), len(in))]...), err
		}},
		"intersect": {1, 1, false, sameTypes, filterBy(true)},
		"exclude":   {1, 1, false, sameTypes, filterBy(false)},
		"union":     {1, 1, false, anyType, join(true)},
		"combine":   {1, 1, false, anyType, join(false)},
		"iif":       {2, 3, true, anyType, iif},
		"trace": {1, 2, true, sameTypes, func(_ *run, in []Item, _ []op, dst []Item) ([]Item, error) {
			return append(dst, in...), nil
		}},
		"aggregate": {1, 2, true, anyType, aggregate},

		"children":    {0, 0, false, anyType, func(r *run, in []Item, _ []op, dst []Item) ([]Item, error) { return r.children(in, dst) }},
		"descendants": {0, 0, false, anyType, descendants},
		"extension":   {1, 1, false, "Extension", extension},
		"hasExtension": {1, 1, false, Boolean, func(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
			found, err := extension(r, in, args, nil)
			return append(dst, boolean(len(found) > 0)), err
		}},
		"hasValue": {0, 0, false, Boolean, func(_ *run, in []Item, _ []op, dst []Item) ([]Item, error) {
			ok := false
			if len(in) == 1 {
				_, ok = in[0].Value()
			}
			return append(dst, boolean(ok)), nil
		}},
		"getValue": {0, 0, false, anyType, func(_ *run, in []Item, _ []op, dst []Item) ([]Item, error) {
			if len(in) == 1 {
				if text, ok := in[0].Value(); ok {
					return append(dst, Item{Type: in[0].kind(), Text: text}), nil
				}
			}
			return dst, nil
		}},
		"htmlChecks": {0, 0, false, Boolean, func(_ *run, _ []Item, _ []op, dst []Item) ([]Item, error) {
			return append(dst, boolean(true)), nil // what may stand in a narrative is the validator's concern
		}},

		"startsWith": {1, 1, false, Boolean, onStrings(func(s, t string) []Item { return one(boolean(strings.HasPrefix(s, t))) })},
		"endsWith":   {1, 1, false, Boolean, onStrings(func(s, t string) []Item { return one(boolean(strings.HasSuffix(s, t))) })},
		"contains":   {1, 1, false, Boolean, onStrings(func(s, t string) []Item { return one(boolean(strings.Contains(s, t))) })},
		"indexOf": {1, 1, false, Integer, onStrings(func(s, t string) []Item {
			i := strings.Index(s, t)
			if i > 0 {
				i = utf8.RuneCountInString(s[:i])
			}
			return one(integer(i))
		})},
		"split": {1, 1, false, String, onStrings(func(s, t string) (out []Item) {
			for _, x := range strings.Split(s, t) {
				out = append(out, Item{Type: String, Text: x})
			}
			return out
		})},
		"upper":  {0, 0, false, String, onString(func(s string) []Item { return one(Item{Type: String, Text: strings.ToUpper(s)}) })},
		"lower":  {0, 0, false, String, onString(func(s string) []Item { return one(Item{Type: String, Text: strings.ToLower(s)}) })},
		"trim":   {0, 0, false, String, onString(func(s string) []Item { return one(Item{Type: String, Text: strings.TrimSpace(s)}) })},
		"length": {0, 0, false, Integer, onString(func(s string) []Item { return one(integer(utf8.RuneCountInString(s))) })},
		"toChars": {0, 0, false, String, onString(func(s string) (out []Item) {
			for _, c := range s {
				out = append(out, Item{Type: String, Text: string(c)})
			}
			return out
		})},
		"join":           {0, 1, false, String, joinStrings},
		"substring":      {1, 2, false, String, substring},
		"replace":        {2, 2, false, String, replace},
		"matches":        {1, 1, false, Boolean, matches},
		"replaceMatches": {2, 2, false, String, replaceMatches},

		"toString": {0, 0, false, String, convert(toString)}, "convertsToString": {0, 0, false, Boolean, converts(toString)},
		"toBoolean": {0, 0, false, Boolean, convert(toBoolean)}, "convertsToBoolean": {0, 0, false, Boolean, converts(toBoolean)},
		"toInteger": {0, 0, false, Integer, convert(toInteger)}, "convertsToInteger": {0, 0, false, Boolean, converts(toInteger)},
		"toDecimal": {0, 0, false, Decimal, convert(toDecimal)}, "convertsToDecimal": {0, 0, false, Boolean, converts(toDecimal)},
		"toDate": {0, 0, false, Date, convert(toDate)}, "convertsToDate": {0, 0, false, Boolean, converts(toDate)},
		"toDateTime": {0, 0, false, DateTime, convert(toDateTime)}, "convertsToDateTime": {0, 0, false, Boolean, converts(toDateTime)},
		"toTime": {0, 0, false, Time, convert(toTime)}, "convertsToTime": {0, 0, false, Boolean, converts(toTime)},

		"abs":      {0, 0, false, anyType, onNumber(func(x *big.Rat) *big.Rat { return x.Abs(x) }, false)},
		"ceiling":  {0, 0, false, Integer, onNumber(func(x *big.Rat) *big.Rat { return floor(x.Neg(x)).Neg(x) }, true)},
		"floor":    {0, 0, false, Integer, onNumber(floor, true)},
		"truncate": {0, 0, false, Integer, onNumber(func(x *big.Rat) *big.Rat { return x.SetInt(new(big.Int).Quo(x.Num(), x.Denom())) }, true)},

		"now":   {0, 0, false, DateTime, clock(DateTime, "2006-01-02T15:04:05.000Z")},
		"today": {0, 0, false, Date, clock(Date, "2006-01-02")},
	}
}

type eval = func(r *run, in []Item, args []op, dst []Item) ([]Item, error)

func one(it Item) []Item { return []Item{it} }

func test(f func([]Item) tri) eval {
	return func(_ *run, in []Item, _ []op, dst []Item) ([]Item, error) { return f(in).append(dst), nil }
}

func exists(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
	found := len(in) > 0
	if len(args) > 0 {
		found = false
		err := r.each(in, args[0], func(_ int, out []Item) bool {
			found = truth(out) == yes
			return !found
		})
		if err != nil {
			return dst, err
		}
	}
	return append(dst, boolean(found)), nil
}

func all(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
	holds := true
	err := r.each(in, args[0], func(_ int, out []Item) bool {
		holds = truth(out) == yes
		return holds
	})
	return append(dst, boolean(holds)), err
}

// quantify says whether all items, or any of them, have the truth value.
func quantify(want tri, every bool) eval {
	return test(func(in []Item) tri {
		for i := range in {
			if (truth(in[i:i+1]) == want) != every {
				return truthOf(!every)
			}
		}
		return truthOf(every)
	})
}

func subset(reverse bool) eval {
	return func(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
		other, err := r.value(args[0])
		if err != nil {
			return dst, err
		}
		if reverse {
			in, other = other, in
		}
		for _, it := range in {
			if err := r.tick(0); err != nil {
				return dst, err
			}
			if !contains(other, it) {
				return append(dst, boolean(false)), nil
			}
		}
		return append(dst, boolean(true)), nil
	}
}

func where(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
	err := r.each(in, args[0], func(i int, out []Item) bool {
		if truth(out) == yes {
			dst = append(dst, in[i])
		}
		return true
	})
	return dst, err
}

func selectItems(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
	var over error
	err := r.each(in, args[0], func(_ int, out []Item) bool {
		dst = append(dst, out...)
		over = r.tick(len(dst))
		return over == nil
	})
	if err == nil {
		err = over
	}
	return dst, err
}

func repeat(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
	from := len(dst)
	for todo := in; len(todo) > 0; {
		next, err := selectItems(r, todo, args, nil)
		if err != nil {
			return dst, err
		}
		before := len(dst)
		for _, it := range next {
			if err := r.tick(len(dst)); err != nil {
				return dst, err
			}
			if !contains(dst[from:], it) {
				dst = append(dst, it)
			}
		}
		todo = slices.Clone(dst[before:])
	}
	return dst, nil
}

func part(f func(n int) (from, to int)) eval {
	return func(_ *run, in []Item, _ []op, dst []Item) ([]Item, error) {
		from, to := f(len(in))
		return append(dst, in[from:to]...), nil
	}
}

func filterBy(keep bool) eval {
	return func(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
		other, err := r.value(args[0])
		if err != nil {
			return dst, err
		}
		from := len(dst)
		for _, it := range in {
			if err := r.tick(0); err != nil {
				return dst, err
			}
			if contains(other, it) == keep && (!keep || !contains(dst[from:], it)) {
				dst = append(dst, it)
			}
		}
		return dst, nil
	}
}

func join(distinct bool) eval {
	return func(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
		other, err := r.value(args[0])
		if err != nil {
			return dst, err
		}
		if !distinct {
			return append(append(dst, in...), other...), r.tick(len(in) + len(other))
		}
		return r.distinct(slices.Concat(in, other), dst)
	}
}

func iif(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
	if len(in) > 1 {
		return dst, fault("iif() on several items")
	}
	this := r.this
	if len(in) == 1 {
		r.this = in
	}
	defer func() { r.this = this }()
	c, err := r.value(args[0])
	if err != nil {
		return dst, err
	}
	if truth(c) == yes {
		return args[1].eval(r, r.this, dst)
	}
	if len(args) == 3 {
		return args[2].eval(r, r.this, dst)
	}
	return dst, nil
}

func aggregate(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
	outer := r.total
	defer func() { r.total = outer }()
	r.total = nil
	if len(args) == 2 {
		v, err := r.value(args[1])
		if err != nil {
			return dst, err
		}
		r.total = v
	}
	err := r.each(in, args[0], func(_ int, out []Item) bool {
		r.total = slices.Clone(out)
		return true
	})
	return append(dst, r.total...), err
}

// children appends the items of all elements.
func (r *run) children(in, dst []Item) ([]Item, error) {
	var err error
	for _, it := range in {
		obj := it.Node
		if it.Ext != nil {
			obj = it.Ext
		}
		if obj == nil || obj.JSON != fhir.Object {
			continue
		}
		for c := obj.First; c != nil; c = c.Next {
			name, ext := strings.CutPrefix(c.Name, "_")
			if ext && obj.Get(name) != nil || c.Name == "resourceType" {
				continue // comes with its value
			}
			fields := r.model.Fields(it.Type, name)
			if len(fields) != 1 || fields[0].JSON != name {
				continue
			}
			s := [1]step{{name: name, alts: []alt{{it.Type, fields}}}}
			if dst, err = r.walk(s[:], it, dst); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
}

func descendants(r *run, in []Item, _ []op, dst []Item) ([]Item, error) {
	for todo := in; len(todo) > 0; {
		before := len(dst)
		var err error
		if dst, err = r.children(todo, dst); err != nil {
			return dst, err
		}
		todo = slices.Clone(dst[before:])
	}
	return dst, nil
}

func extension(r *run, in []Item, args []op, dst []Item) ([]Item, error) {
	url, ok, err := r.text(args[0])
	if err != nil || !ok {
		return dst, err
	}
	for _, it := range in {
		obj := it.Node
		if it.Ext != nil {
			obj = it.Ext
		}
		for e := range items(obj.Get("extension")) {
			if e.Str("url") == url {
				dst = append(dst, Item{Node: e, Type: "Extension"})
			}
		}
	}
	return dst, nil
}
