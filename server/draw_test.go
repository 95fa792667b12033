package server

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/conformance/terminology"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

// absent are values that no example has, by type of parameter.
var absent = map[r4.ParamType]string{
	r4.Number: "987654.25", r4.Date: "1801-02-03", r4.String: "zzqx", r4.Token: "urn:absent|zzqx", r4.Reference: "Basic/zzqx",
	r4.Quantity: "987654.25|http://unitsofmeasure.org|mg", r4.URI: "urn:absent:zzqx", r4.Special: "-88|10|1|m",
}

// drawn are search values that find a value of a resource with a modifier, or a prefix, in several spellings.
func (l *library) drawn(p *r4.SearchParameter, modifier string, v index.Value) []string {
	switch {
	case index.IsText(p):
		return []string{escape(word(v.Text))}
	case modifier == "missing":
		return []string{"true", "false"}
	case modifier == "text":
		return some(escape(word(v.Text)))
	case modifier == "of-type":
		if len(v.Types) > 0 {
			return spelt(v.Types[0].System, "|", v.Types[0].Code, "|", v.Code)
		}
		return nil
	case modifier == "identifier":
		if v.Identifier == nil {
			return nil
		}
		return l.drawn(&r4.SearchParameter{Type: r4.Token}, "", *v.Identifier)
	case modifier == "in" || modifier == "not-in":
		return l.valueSets(v)
	case p.Type == r4.Token && (modifier == "above" || modifier == "below"):
		return l.subsuming(p, v)
	case p.Type == r4.Reference && modifier == "below" && v.Ref.URL != "" && index.Canonical(p):
		url, version, _ := strings.Cut(v.Ref.URL, "|")
		part, _, _ := strings.Cut(version, ".")
		return []string{url, url + "|" + cmp.Or(part, "1")}
	case p.Type == r4.Reference && (modifier == "above" || modifier == "below"):
		if search.PartOf(v.Ref.Type) == nil || !v.Ref.Local() {
			return nil
		}
	case p.Type == r4.Reference && modifier != "":
		if v.Ref.Type != modifier || !v.Ref.Local() {
			return nil
		}
		return []string{v.Ref.ID, v.Ref.String()}
	}
	switch p.Type {
	case r4.Date:
		at := time.UnixMicro(v.Time.Low).UTC()
		if at.Year() < 1 || at.Year() > 9999 {
			return nil
		}
		return []string{at.Format("2006"), at.Format("2006-01-02"), at.Format("2006-01-02T15:04:05Z")}
	case r4.Number:
		return some(v.Low.String())
	case r4.Quantity:
		n := v.Low.String()
		list := []string{n}
		if v.Code != "" {
			list = append(list, n+"|"+escape(v.System)+"|"+escape(v.Code), n+"||"+escape(v.Code))
		}
		return list
	case r4.String:
		if modifier == "exact" {
			return some(escape(v.Text))
		}
		r := []rune(v.Text)
		return some(escape(string(r[:min(len(r), 4)])))
	case r4.Token:
		switch {
		case p.Code == "_id":
			return some(v.Code)
		case v.Code == "":
			return spelt(v.System, "|")
		}
		return append(spelt(v.System, "|", v.Code), escape(v.Code), "|"+escape(v.Code))
	case r4.Reference:
		if v.Ref.ID == "" && v.Ref.URL == "" {
			return nil // an identifier alone, or what is contained
		}
		return some(escape(v.Ref.String()))
	case r4.URI:
		return some(escape(v.Text))
	case r4.Composite:
		var parts []string
		for i, c := range p.Components {
			list := l.drawn(&r4.SearchParameter{Type: c.Type}, "", v.Parts[i][0])
			if len(list) == 0 {
				return nil
			}
			parts = append(parts, list[0])
		}
		return []string{strings.Join(parts, "$")}
	case r4.Special:
		return []string{v.Low.String() + "|" + v.High.String() + "|1|km"}
	}
	return nil
}

// without is a value that no example has, for a parameter with a modifier.
func without(p *r4.SearchParameter, modifier string) string {
	switch {
	case modifier == "missing":
		return "true"
	case modifier == "of-type":
		return "urn:absent|zzqx|zzqx"
	case modifier == "identifier":
		return "urn:absent|zzqx"
	case modifier == "in" || modifier == "not-in":
		return "http://hl7.org/fhir/ValueSet/days-of-week"
	case p.Code == "_id" || index.IsText(p) || modifier == "text":
		return "zzqx"
	case p.Code == "contenttype":
		return "zzqx/zzqx"
	case p.Type == r4.Token && (modifier == "above" || modifier == "below"):
		return "http://hl7.org/fhir/days-of-week|mon"
	case p.Type == r4.Reference && modifier == "below" && index.Canonical(p):
		return "http://zzqx.example|1"
	case p.Type == r4.Reference && (modifier == "above" || modifier == "below"):
		return p.Targets[slices.IndexFunc(p.Targets, func(typ string) bool { return search.PartOf(typ) != nil })] + "/zzqx"
	case p.Type == r4.Reference && modifier != "":
		return modifier + "/zzqx"
	case p.Type == r4.Reference && len(p.Targets) > 0:
		return p.Targets[0] + "/zzqx"
	case p.Type == r4.Composite:
		var parts []string
		for _, c := range p.Components {
			parts = append(parts, absent[c.Type])
		}
		return strings.Join(parts, "$")
	}
	return absent[p.Type]
}

// valueSets are value sets of the examples that name the system of v, and hold v where one does.
func (l *library) valueSets(v index.Value) []string {
	var holds, names string
	for _, url := range l.setsOf[v.System] {
		var e terminology.Expander
		set, err := e.ValueSet(url)
		switch {
		case err != nil:
		case set.Has(v.System, v.Code):
			holds = url
		default:
			names = url
		}
		if holds != "" && names != "" {
			break
		}
	}
	return some(escape(holds), escape(names))
}

// subsuming is v in a code system that is known, with or without the system where the binding implies it.
func (l *library) subsuming(p *r4.SearchParameter, v index.Value) []string {
	if p.Code == "contenttype" {
		kind, _, _ := strings.Cut(v.Code, "/")
		return some(escape(v.Code), kind)
	}
	var e terminology.Expander
	if _, err := e.Below(v.System, v.Code); err != nil || v.Code == "" {
		return nil
	}
	return spelt(v.System, "|", v.Code)
}

// word is the longest of the first words of a text.
func word(text string) (longest string) {
	n := 0
	index.EachWord(fhir.Fold(text), func(w string) bool {
		if len(w) > len(longest) {
			longest = w
		}
		n++
		return n < 8
	})
	return longest
}

// some are those of a list that say anything.
func some(list ...string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// spelt is one value of parts, those that are no bar escaped.
func spelt(parts ...string) []string {
	var b strings.Builder
	for _, p := range parts {
		if p != "|" {
			p = escape(p)
		}
		b.WriteString(p)
	}
	if b.String() == "|" {
		return nil
	}
	return []string{b.String()}
}

// escape puts a backslash before what separates values (R4 search.html#escaping).
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `$`, `\$`, `|`, `\|`).Replace(s)
}
