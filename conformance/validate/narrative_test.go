package validate

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

const open = `<div xmlns="http://www.w3.org/1999/xhtml">`

func TestNarrative(t *testing.T) {
	for _, c := range []struct{ text, why string }{
		{open + `a</div>`, ""},
		{" \n" + open + "a</div>\n", ""},
		{`<div lang="en" xmlns='http://www.w3.org/1999/xhtml' class="x"><p style="color: red">a<br/>b</p><!-- c --></div>`, ""},
		{open + `<table border="1"><tbody><tr><td colspan="2">&lt;a&gt; &amp; &#160;&#xA0;</td></tr></tbody></table></div>`, ""},
		{open + `<a href="http://a/b?c=d&amp;e=f">x</a><a href="Patient/1">y</a><a href="#z">z</a><a href="mailto:a@b">w</a></div>`, ""},
		{open + `<img src="data:image/png;base64,AAAA" alt="a"/></div>`, ""},
		{open + `<div xmlns="http://www.w3.org/1999/xhtml">a</div></div>`, ""},

		{``, "must be a div"},
		{`text`, "must be a div"},
		{`<p xmlns="http://www.w3.org/1999/xhtml">a</p>`, "must be a div"},
		{`<divan xmlns="http://www.w3.org/1999/xhtml">a</divan>`, "<divan>"},
		{`<div>a</div>`, "namespace"},
		{`<div xmlns="http://www.w3.org/2000/svg">a</div>`, "namespace"},
		{open + `<p xmlns="http://www.w3.org/2000/svg">a</p></div>`, "namespace"},
		{open + `</div>`, "no content"},
		{open + "<p> \n&#160; </p></div>", ""}, // a reference counts as content
		{open + "<p> \n</p></div>", "no content"},
		{`<div xmlns="http://www.w3.org/1999/xhtml"/>`, "no content"},

		{open + `<p>a</div>`, "</div>"},
		{open + `<b><i>a</b></i></div>`, "</b>"},
		{open + `a`, "does not close <div>"},
		{open + `a</div>b`, "after its div"},
		{open + `a</div><div>b</div>`, "after its div"},
		{open + `<p`, "does not end <p>"},
		{open + `<p class=a>b</p></div>`, "not well-formed in <p>"},
		{open + `<p class>b</p></div>`, "not well-formed in <p>"},
		{open + `<p class="a"id="b">c</p></div>`, "not well-formed in <p>"},
		{open + `<p class="a<b">c</p></div>`, "not well-formed in <p>"},
		{open + `<p class="a" class="b">c</p></div>`, "repeats the attribute class"},
		{open + `<p/ >a</div>`, "not well-formed in <p>"},
		{open + `a & b</div>`, "&amp;"},
		{open + `a &nbsp; b</div>`, "&nbsp;"},
		{open + `&#0;</div>`, "&#0;"},
		{open + `&#xD800;</div>`, "&#xD800;"},
		{open + `&#x110000;</div>`, "&#x110000;"},
		{open + `a ]]> b</div>`, "]]>"},
		{open + `a < b</div>`, "<>"},
		{open + `<!-- a -- b --></div>`, "comment"},
		{open + `<![CDATA[a]]></div>`, "<!"},
		{open + `<?xml version="1.0"?>a</div>`, "<?"},
		{`<?xml version="1.0"?>` + open + `a</div>`, "must be a div"},
		{`<!DOCTYPE html>` + open + `a</div>`, "must be a div"},

		{open + `<script>alert(1)</script></div>`, "<script>"},
		{open + `<SCRIPT>alert(1)</SCRIPT></div>`, "<SCRIPT>"},
		{open + `<style>p{}</style></div>`, "<style>"},
		{open + `<iframe src="http://a"/>a</div>`, "<iframe>"},
		{open + `<form action="http://a">a</form></div>`, "<form>"},
		{open + `<input/>a</div>`, "<input>"},
		{open + `<svg><a>a</a></svg></div>`, "<svg>"},
		{open + `<font color="red">a</font></div>`, "<font>"},
		{open + `<body>a</body></div>`, "<body>"},
		{open + `<x:script xmlns:x="http://www.w3.org/1999/xhtml">a</x:script></div>`, "<x:script>"},
		{open + `<!--><script>alert(1)</script>-->a</div>`, "comment"},
		{open + `<!-->a--></div>`, "comment"},
		{open + `<!--->a--></div>`, "comment"},
		{open + `<p onclick="x()">a</p></div>`, "onclick"},
		{open + `<p ONCLICK="x()">a</p></div>`, "ONCLICK"},
		{open + `<img src="http://a" onerror='x()'/></div>`, "onerror"},
		{open + `<a href="javascript:x()">a</a></div>`, "javascript:"},
		{open + `<a href=" JavaScript:x()">a</a></div>`, "javascript:"},
		{open + "<a href=\"java\tscript:x()\">a</a></div>", "javascript:"},
		{open + `<a href="java&#10;script:x()">a</a></div>`, "javascript:"},
		{open + `<a href="&#x6A;avascript&#58;x()">a</a></div>`, "javascript:"},
		{open + `<a href="vbscript:x">a</a></div>`, "vbscript:"},
		{open + `<a href="data:text/html,x">a</a></div>`, "data:"},
		{open + `<a xlink:href="javascript:x()">a</a></div>`, "xlink:href"},
		{open + `<p style="background:url(java&#115;cript:x())">a</p></div>`, "script in a style"},
		{open + `<p style="width:expression(x())">a</p></div>`, "script in a style"},
		{open + `<p ` + strings.Repeat(`a="" `, 60) + `>a</p></div>`, "repeats"},
		{open + `<p` + manyAttributes(60) + `>a</p></div>`, "too many attributes"},
	} {
		why := narrative(c.text)
		if (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%s: %q, want %q", c.text, why, c.why)
		}
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" a" + strings.Repeat("b", i) + `=""`)
	}
	return b.String()
}

// What is accepted is well-formed XML to another reader too, with permitted elements only.
func FuzzNarrative(f *testing.F) {
	for _, s := range []string{"a</div>", "<p>a</p></div>", "<a href=\"b\">c</a>&lt;</div>", "<!-- a -->b</div>", "<br/>a</div>", "<img src='data:image/png,'/></div>"} {
		f.Add(open + s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if narrative(s) != "" || strings.ContainsFunc(s, func(r rune) bool { return r == 0xFFFD || r < ' ' || r == 0xFFFE || r == 0xFFFF }) {
			return // encoding/xml also refuses characters that JSON's parser leaves to others
		}
		d := xml.NewDecoder(strings.NewReader(s))
		for {
			token, err := d.Token()
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatalf("%q: %v", s, err)
			}
			if e, ok := token.(xml.StartElement); ok && !permittedElement(e.Name.Local) {
				t.Fatalf("%q: <%s>", s, e.Name.Local)
			}
		}
	})
}
