package mongo

import (
	"cmp"
	"slices"

	"github.com/firewarden/firewarden/internal/fhir"
)

// orders is a span of orders: From and To are in it.
type orders struct{ from, to order }

var allOrders = orders{order{}, end(fhir.MaxTime)}

func (s orders) empty() bool { return s.from.compare(s.to) > 0 }

func (s orders) and(o orders) orders {
	if o.from.compare(s.from) > 0 {
		s.from = o.from
	}
	if o.to.compare(s.to) < 0 {
		s.to = o.to
	}
	return s
}

func laterOf(a, b order) order {
	if a.compare(b) < 0 {
		return b
	}
	return a
}

// union sorts spans and joins those that touch.
func union(list []orders) []orders {
	list = slices.DeleteFunc(slices.Clone(list), orders.empty)
	slices.SortFunc(list, func(a, b orders) int { return cmp.Or(a.from.compare(b.from), a.to.compare(b.to)) })
	var out []orders
	for _, s := range list {
		if n := len(out); n > 0 && s.from.compare(out[n-1].to.next()) <= 0 {
			out[n-1].to = laterOf(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// cross is what is in a span of both lists.
func cross(a, b []orders) []orders {
	var out []orders
	for _, x := range a {
		for _, y := range b {
			out = append(out, x.and(y))
		}
	}
	return union(out)
}

// without is what is in a span of list and in none of less, both of which are unions.
func without(list, less []orders) []orders {
	var out []orders
	for _, s := range list {
		for _, l := range less {
			if l.to.compare(s.from) < 0 || l.from.compare(s.to) > 0 {
				continue
			}
			if l.from.compare(s.from) > 0 {
				out = append(out, orders{s.from, l.from.prior()})
			}
			if l.to.compare(s.to) >= 0 {
				s = orders{order{1}, order{}}
				break
			}
			s.from = l.to.next()
		}
		if !s.empty() {
			out = append(out, s)
		}
	}
	return out
}
