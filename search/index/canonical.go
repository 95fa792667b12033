package index

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// A canonical (R4 references.html#canonical) names resources by their url: "url" all of them, "url|version" the one of
// that business version.

// Canonical says whether a reference parameter holds canonicals.
func Canonical(p *r4.SearchParameter) bool { return slices.Contains(p.Elements, "canonical") }

// CanonicalType says whether resources of the type are named by canonicals.
func CanonicalType(typ string) bool {
	return r4.Lookup(typ, "url") != nil && r4.Lookup(typ, "version") != nil
}

// Canonicals are the canonicals that name a resource; none if nothing does.
func Canonicals(res *fhir.Resource) []string {
	url := res.Root.Str("url")
	if url == "" || !CanonicalType(res.Type) {
		return nil
	}
	if version := res.Root.Str("version"); version != "" {
		return []string{url, url + "|" + version}
	}
	return []string{url}
}

// Names says whether a canonical names a resource.
func Names(canonical string, res *fhir.Resource) bool {
	return canonical != "" && slices.Contains(Canonicals(res), canonical)
}

// VersionParts are what stands between the parts of a version: 1.2 and 1-draft are versions below 1.
const VersionParts = ".-"

// CanonicalURL is the url of a canonical, without its version.
func CanonicalURL(canonical string) string {
	url, _, _ := strings.Cut(canonical, "|")
	return url
}
