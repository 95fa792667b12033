package index

import "github.com/firewarden/firewarden/internal/fhir"

// OnlyPatient is the one Patient of this server that the resource refers to, in whatever element, contained resources
// and extensions included (access.md D4). ok is false if there is none, if there are several, and if any reference
// may mean another patient: a Patient of another server, a contained Patient, or one that is named by its identifier.
func (x *Indexer) OnlyPatient(res *fhir.Resource) (patient fhir.Reference, ok bool) {
	o := x.patients(res)
	return fhir.Reference{Type: "Patient", ID: o.id}, o.id != "" && !o.other
}

// NoPatient says whether no reference in the resource may mean a Patient.
func (x *Indexer) NoPatient(res *fhir.Resource) bool {
	o := x.patients(res)
	return o.id == "" && !o.other
}

func (x *Indexer) patients(res *fhir.Resource) only {
	o := only{base: x.Base, root: res.Root}
	o.walk(res.Root)
	return o
}

type only struct {
	base  string
	root  *fhir.Node
	id    string
	other bool
}

func (o *only) walk(n *fhir.Node) {
	var reference, typ, identifier *fhir.Node
	for c := n.First; c != nil; c = c.Next {
		switch {
		case c.JSON == fhir.Object || c.JSON == fhir.Array:
			if c.Name == "identifier" {
				identifier = c
			}
			o.walk(c)
		case c.Name == "reference":
			reference = c
		case c.Name == "type":
			typ = c
		}
	}
	switch {
	case reference != nil:
		o.reference(reference.Text, typ)
	case typ != nil && typ.Text == "Patient" && identifier != nil && identifier.JSON == fhir.Object:
		o.other = true
	}
}

func (o *only) reference(text string, typ *fhir.Node) {
	r := fhir.ParseReference(text, o.base)
	if r.Fragment != "" {
		o.root.Get("contained").Each(func(c *fhir.Node) {
			if c.Str("id") == r.Fragment && c.Str("resourceType") == "Patient" {
				o.other = true
			}
		})
		return
	}
	if r.Type == "" && typ != nil {
		r.Type = typ.Text
	}
	switch {
	case r.Type != "Patient":
	case !r.Local() || o.id != "" && o.id != r.ID:
		o.other = true
	default:
		o.id = r.ID
	}
}
