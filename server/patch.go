package server

import (
	"bytes"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/fhir/patch"
)

func (x *exchange) patch() error {
	p, err := x.patchDocument()
	if err != nil {
		return err
	}
	out, err := x.s.o.Service.Patch(x.context(), x.caller, x.typ, x.param("id"), p, x.writeOptions())
	return x.written(out, err)
}

func (x *exchange) patchWhere() error {
	p, err := x.patchDocument()
	if err != nil {
		return err
	}
	out, err := x.s.o.Service.PatchWhere(x.context(), x.caller, x.typ, x.condition(), p, x.writeOptions())
	return x.written(out, err)
}

// patchFormats are the media types of patches: JSON Patch, and FHIRPath Patch as a resource (R4 http.html#patch).
var patchFormats = []string{"application/json-patch+json", "application/fhir+json"}

// patchDocument is the body as a patch, by its media type.
func (x *exchange) patchDocument() (patch.Patch, error) {
	media := x.req.Header.ContentType()
	name, params := next(media, ';')
	switch {
	case bytes.EqualFold(name, []byte(patchFormats[0])) && agrees(params):
		body, err := x.document()
		if err != nil {
			return patch.Patch{}, err
		}
		return patch.JSON(body, x.s.o.Service.Limits.Parse)
	case len(media) == 0 || isJSON(media):
		res, err := x.resource()
		if err == nil && res.Type != "Parameters" {
			err = fhir.Errorf(fhir.KindInvalid, "resourceType", "a patch is Parameters (FHIRPath Patch), or a JSON Patch as %s", patchFormats[0])
		}
		if err != nil {
			return patch.Patch{}, err
		}
		return x.s.o.Service.ReadPatch(x.typ, res)
	}
	return patch.Patch{}, fhir.Errorf(fhir.KindMediaType, "http.Content-Type",
		"a patch is a JSON Patch as %s, or Parameters (FHIRPath Patch) as %s", patchFormats[0], patchFormats[1])
}
