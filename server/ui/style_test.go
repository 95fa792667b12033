package ui

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// rule is a rule of the stylesheet; media is the condition that it stands under.
type rule struct {
	media, selector string
	set             map[string]string
}

var comment = regexp.MustCompile(`(?s)/\*.*?\*/`)

// rules reads the stylesheet: rules, and rules in one level of @media.
func rules(t *testing.T, css string) []rule {
	t.Helper()
	css = comment.ReplaceAllString(css, "")
	var list []rule
	media := ""
	for css = strings.TrimSpace(css); css != ""; css = strings.TrimSpace(css) {
		if rest, ok := strings.CutPrefix(css, "}"); ok {
			media, css = "", rest
			continue
		}
		head, rest, ok := strings.Cut(css, "{")
		if !ok {
			t.Fatalf("no rule: %.80s", css)
		}
		head = strings.Join(strings.Fields(head), " ")
		if strings.HasPrefix(head, "@media") {
			media, css = head, rest
			continue
		}
		body, rest, ok := strings.Cut(rest, "}")
		if !ok {
			t.Fatalf("%s is not closed", head)
		}
		r := rule{media, head, map[string]string{}}
		for _, line := range strings.Split(body, ";") {
			if name, value, ok := strings.Cut(line, ":"); ok {
				r.set[strings.TrimSpace(name)] = strings.TrimSpace(value)
			} else if strings.TrimSpace(line) != "" {
				t.Fatalf("%s: %q", head, line)
			}
		}
		list, css = append(list, r), rest
	}
	return list
}

var sixDigits = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// colors are the named colours in the light and in the dark.
func colors(t *testing.T, list []rule) map[string]map[string]string {
	t.Helper()
	schemes := map[string]map[string]string{}
	for _, r := range list {
		if r.selector != ":root" {
			continue
		}
		scheme := "light"
		if strings.Contains(r.media, "dark") {
			scheme = "dark"
		}
		schemes[scheme] = map[string]string{}
		for name, value := range r.set {
			if strings.HasPrefix(value, "#") {
				if !sixDigits.MatchString(value) {
					t.Errorf("%s: %s is not #rrggbb", name, value)
				}
				schemes[scheme][name] = value
			}
		}
	}
	for name := range schemes["light"] {
		if schemes["dark"][name] == "" {
			t.Errorf("%s has no dark colour", name)
		}
	}
	if len(schemes["light"]) < 10 || len(schemes["light"]) != len(schemes["dark"]) {
		t.Fatalf("%d light and %d dark colours", len(schemes["light"]), len(schemes["dark"]))
	}
	return schemes
}

// contrast is that of WCAG 2.2, 1 to 21.
func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(color string) float64 {
	n, _ := strconv.ParseUint(color[1:], 16, 32)
	part := func(shift uint) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

func TestContrastIsThatOfWCAG(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{{"#000000", "#ffffff", 21}, {"#ffffff", "#ffffff", 1}, {"#767676", "#ffffff", 4.54}, {"#ff0000", "#ffffff", 4.0}} {
		if got := contrast(c.a, c.b); math.Abs(got-c.want) > 0.01 {
			t.Errorf("%s on %s: %.3f, want %.2f", c.a, c.b, got, c.want)
		}
	}
}

// color is the colour that a declaration names; "" if it names none.
var named = regexp.MustCompile(`var\((--[a-z-]+)\)`)

// Text has a contrast of 4.5 at least on whatever it stands on, and borders of controls and the mark of the focus have
// 3 (WCAG 2.2, 1.4.3 and 1.4.11), in the light and in the dark. A rule that sets a text colour alone is held against
// both grounds; one that sets a ground alone is held against the text of the page.
func TestContrast(t *testing.T) {
	list := rules(t, string(style))
	pairs := 0
	for scheme, color := range colors(t, list) {
		of := func(value string) string {
			m := named.FindStringSubmatch(value)
			if m == nil {
				return ""
			}
			return m[1]
		}
		check := func(selector, ink, ground string, least float64) {
			pairs++
			if color[ink] == "" || color[ground] == "" {
				t.Errorf("%s: %s or %s is no colour", selector, ink, ground)
			} else if c := contrast(color[ink], color[ground]); c < least {
				t.Errorf("%s, %s: %s on %s has %.2f, needs %.1f", scheme, selector, ink, ground, c, least)
			}
		}
		for _, r := range list {
			if r.selector == ":root" {
				continue
			}
			for name, value := range r.set {
				if strings.Contains(value, "#") || strings.Contains(value, "rgb") || strings.Contains(value, "hsl") {
					t.Errorf("%s: %s: %s: colours are named in :root", r.selector, name, value)
				}
				if (strings.HasPrefix(name, "border") && name != "border-radius") || name == "outline" {
					if c := of(value); c != "" && c != "--line" { // lines between things are ornament
						check(r.selector+" "+name, c, "--surface", 3)
						check(r.selector+" "+name, c, "--paper", 3)
					}
				}
			}
			ink, ground := of(r.set["color"]), of(r.set["background"])
			if ink == "" && r.set["color"] != "" && r.set["color"] != "inherit" {
				t.Errorf("%s: color: %s", r.selector, r.set["color"])
			}
			switch {
			case ink != "" && ground != "":
				check(r.selector, ink, ground, 4.5)
			case ink != "" && !strings.HasPrefix(r.selector, ".skip"):
				check(r.selector, ink, "--surface", 4.5)
				check(r.selector, ink, "--paper", 4.5)
			case ground != "":
				check(r.selector, "--ink", ground, 4.5)
			}
		}
	}
	if pairs < 100 {
		t.Errorf("only %d pairs: the stylesheet was not read", pairs)
	}
}

// What is pressed is 24 px high at least (WCAG 2.2, 2.5.8). Links within text are excepted there.
func TestTargets(t *testing.T) {
	list := rules(t, string(style))
	var target string
	for _, r := range list {
		if r.selector == ":root" && r.set["--target"] != "" {
			target = r.set["--target"]
		}
	}
	for _, want := range []string{"button", ".chip", "input:not([type=radio], [type=checkbox])", "textarea", "summary", ".brand", ".bar nav a", ".skip", "input[type=radio]", "input[type=checkbox]"} {
		found := false
		for _, r := range list {
			for _, name := range []string{"min-height", "height"} {
				v := strings.Replace(r.set[name], "var(--target)", target, 1)
				rem, err := strconv.ParseFloat(strings.TrimSuffix(v, "rem"), 64)
				if err != nil || !strings.HasSuffix(v, "rem") || !hasSelector(r.selector, want) {
					continue
				}
				if found = true; rem*16 < 24 {
					t.Errorf("%s is %.0f px high", want, rem*16)
				}
			}
		}
		if !found {
			t.Errorf("%s has no height", want)
		}
	}
}

// hasSelector says whether a list of selectors has one.
func hasSelector(list, one string) bool {
	return list == one || strings.HasPrefix(list, one+", ") || strings.HasSuffix(list, ", "+one) || strings.Contains(list, ", "+one+", ")
}

// Nothing is loaded from elsewhere, and what moves can be stilled.
func TestStylesheetStaysHere(t *testing.T) {
	css := comment.ReplaceAllString(string(style), "")
	for _, word := range []string{"url(", "@import", "@font-face", "expression"} {
		if strings.Contains(css, word) {
			t.Errorf("the stylesheet has %s", word)
		}
	}
	for _, r := range rules(t, css) {
		if (r.set["transition"] != "" || r.set["animation"] != "") && !strings.Contains(r.media, "prefers-reduced-motion: no-preference") {
			t.Errorf("%s moves", r.selector)
		}
		if r.set["outline"] == "none" && r.selector != "main" {
			t.Errorf("%s hides the focus", r.selector)
		}
	}
	if strings.Contains(string(icon), "<script") || strings.Contains(string(icon), "href") {
		t.Error("the icon does more than show")
	}
}
