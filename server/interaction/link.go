package interaction

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// A link is a string in a resource of a Bundle that may stand for another resource (R4 http.html#trules): the text of
// a Reference; a uri, url, oid or uuid that holds the identity of an entry; a narrative that holds one in src or href.
// Canonicals and plain strings (an identifier's value) are no links, whatever they hold.
type link struct {
	node *fhir.Node
	kind linkKind
}

type linkKind uint8

const (
	linkReference linkKind = iota
	linkURI
	linkNarrative
)

// links are the links of a resource, those of contained resources too; other resources in it (the entries of a Bundle
// that is stored as such) are content.
func links(res *fhir.Resource) []link {
	var found []link
	var walk func(n *fhir.Node)
	walk = func(n *fhir.Node) {
		for c := n.First; c != nil; c = c.Next {
			switch c.JSON {
			case fhir.Array:
				walk(c)
			case fhir.Object:
				if c.Get("resourceType") == nil || n.Name == "contained" {
					walk(c)
				}
			case fhir.String:
				switch {
				case c.Name == "reference":
					if !strings.HasPrefix(c.Text, "#") && typeAt(res, n) == "Reference" {
						found = append(found, link{c, linkReference})
					}
				case c.Name == "div":
					if strings.Contains(c.Text, "urn:") {
						found = append(found, link{c, linkNarrative})
					}
				case placeholder(c.Text):
					switch typeAt(res, c) {
					case "uri", "url", "oid", "uuid":
						found = append(found, link{c, linkURI})
					}
				}
			}
		}
	}
	walk(res.Root)
	return found
}

// added are the links of after that are none of before: those that a patch brought.
func added(before, after *fhir.Resource) []link {
	had := make(map[string]bool)
	for _, l := range links(before) {
		had[l.node.Text] = true
	}
	return slices.DeleteFunc(links(after), func(l link) bool { return had[l.node.Text] })
}

// placeholder says whether text is an identity that means something inside of a Bundle only.
func placeholder(text string) bool {
	return strings.HasPrefix(text, "urn:uuid:") || strings.HasPrefix(text, "urn:oid:")
}

// conditional says whether text is a conditional reference, Type?name=value, and splits it.
func conditional(text string) (typ, query string, ok bool) {
	typ, query, ok = strings.Cut(text, "?")
	return typ, query, ok && r4.IsResource(typ)
}

// ConditionalTypes are the types that a resource of a Bundle refers to by a search, which is one of that type.
func ConditionalTypes(res *fhir.Resource) (types []string) {
	for _, l := range links(res) {
		if typ, _, ok := conditional(l.node.Text); ok && l.kind == linkReference && !slices.Contains(types, typ) {
			types = append(types, typ)
		}
	}
	return types
}

// typeAt is the name of the FHIR type of a node, "" if the tables do not know the node.
func typeAt(res *fhir.Resource, n *fhir.Node) string {
	if n.JSON == fhir.Object {
		if typ := n.Str("resourceType"); typ != "" {
			return typ
		}
	}
	if n == res.Root || n.Parent == nil {
		return ""
	}
	if n.Parent.JSON == fhir.Array {
		return typeAt(res, n.Parent)
	}
	t := r4.TypeOf(typeAt(res, n.Parent))
	if t == nil {
		return ""
	}
	_, ref := t.Lookup(n.Name)
	if ref == nil {
		return ""
	}
	return ref.Code
}

// rewriteNarrative replaces the values of src and href that are identities of entries.
func rewriteNarrative(div string, local func(identity string) (string, bool)) string {
	var out strings.Builder
	for {
		i := strings.Index(div, "=\"")
		if i < 0 {
			break
		}
		end := strings.IndexByte(div[i+2:], '"')
		if end < 0 {
			break
		}
		name, value := div[:i], div[i+2:i+2+end]
		out.WriteString(div[:i+2])
		if id, ok := local(value); ok && (strings.HasSuffix(name, "src") || strings.HasSuffix(name, "href")) {
			value = id
		}
		out.WriteString(value)
		div = div[i+2+end:]
	}
	out.WriteString(div)
	return out.String()
}
