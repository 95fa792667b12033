package fhir

// Reference is a parsed literal reference or the identity of a local resource.
type Reference struct {
	Type     string // "" if the text names none (a bare id, an absolute URL of an unknown shape)
	ID       string
	Version  string // of a versioned reference; "" else
	URL      string // the whole text when it is not local: absolute to another server, urn:, canonical
	Fragment string // "#id" of a contained resource
}

// String is Type/ID, or the URL, or #Fragment.
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
