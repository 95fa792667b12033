package fhir

import "strings"

// Reference is a parsed literal reference or the identity of a local resource.
type Reference struct {
	Type     string // "" if the text names none (a bare id, an absolute URL of an unknown shape)
	ID       string
	Version  string // of a versioned reference; "" else
	URL      string // the whole text when it is not local: absolute to another server, urn:, canonical
	Fragment string // "#id" of a contained resource
}

// ParseReference reads the text of Reference.reference, a canonical, or the value of a reference search parameter
// (R4 references.html#literal). base is the server's own base URL, "" if there is none.
//
//	Patient/1, <base>/Patient/1        Type, ID
//	Patient/1/_history/2               Type, ID, Version
//	http://other/fhir/Patient/1        URL, and Type, ID, Version as its end names them
//	1                                  ID
//	#p                                 Fragment
//	urn:uuid:…, http://a/b|1, rest     URL
//
// It never fails: what has no other shape is a URL. "#", the containing resource itself, is a URL too.
func ParseReference(text, base string) Reference {
	if len(text) > 1 && text[0] == '#' {
		return Reference{Fragment: text[1:]}
	}
	if ValidID(text) {
		return Reference{ID: text}
	}
	if base = strings.TrimSuffix(base, "/"); base != "" && strings.HasPrefix(text, base) {
		if rest := text[len(base):]; strings.HasPrefix(rest, "/") {
			if r, whole := tail(rest[1:]); whole {
				return r
			}
		}
	}
	r, whole := tail(text)
	switch {
	case whole:
		return r
	case !strings.Contains(text, "://"):
		return Reference{URL: text}
	}
	r.URL = text
	return r
}

// tail reads Type/id or Type/id/_history/version at the end of s and says whether it is all of s.
func tail(s string) (r Reference, whole bool) {
	head, id := cutLast(s)
	rest, typ := cutLast(head)
	versioned := typ == "_history"
	if versioned {
		r.Version = id
		head, id = cutLast(rest)
		rest, typ = cutLast(head)
	}
	if !validType(typ) || !ValidID(id) || versioned && !ValidID(r.Version) {
		return Reference{}, false
	}
	r.Type, r.ID = typ, id
	return r, len(typ) == len(head)
}

// cutLast cuts s at its last slash.
func cutLast(s string) (before, after string) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+1:]
}

// String is Type/ID, or the URL, or #Fragment. The version is no part of it.
func (r Reference) String() string {
	switch {
	case r.URL != "":
		return r.URL
	case r.Fragment != "":
		return "#" + r.Fragment
	case r.Type == "":
		return r.ID
	}
	return r.Type + "/" + r.ID
}

// Local says whether r names a resource of this server by type and id.
func (r Reference) Local() bool { return r.URL == "" && r.Fragment == "" && r.Type != "" && r.ID != "" }

// ValidID says whether s is a FHIR id: 1 to 64 of A-Z a-z 0-9 - . (R4 datatypes.html#id).
func ValidID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// validType says whether s looks like the name of a resource type.
func validType(s string) bool {
	if len(s) < 2 || len(s) > 64 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := range len(s) {
		if !isLetter(s[i]) {
			return false
		}
	}
	return true
}
