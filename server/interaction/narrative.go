package interaction

import (
	"bytes"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/fhir/patch"
)

// narrated keeps a PATCH from leaving a narrative that tells what the resource said before (R4 http.html#patch: it must
// not be unsafe). One that the patch writes itself is taken as it is. One that was made from the data goes when the data
// change: whoever shows the resource makes another. One that says more than the data do cannot be made again: then the
// patch has to say what becomes of it.
func narrated(before, after *fhir.Resource, l fhir.Limits) (*fhir.Resource, error) {
	text := after.Root.Get("text")
	if text == nil || !sameMember(before, after, "text") || sameData(before, after) {
		return after, nil
	}
	switch text.Str("status") {
	case "generated", "extensions":
		without, err := patch.JSON([]byte(`[{"op":"remove","path":"/text"}]`), l)
		if err != nil {
			return nil, err
		}
		return without.Apply(after, l)
	case "empty":
		return after, nil
	}
	return nil, fhir.Errorf(fhir.KindProcessing, after.Type+".text",
		"the narrative says more than the data do (status %s), and the patch changes the data: it must replace or remove text, too", clip(text.Str("status")))
}

// sameData says whether two versions differ in nothing but metadata and narrative.
func sameData(a, b *fhir.Resource) bool {
	for _, pair := range [2][2]*fhir.Resource{{a, b}, {b, a}} {
		for n := pair[0].Root.First; n != nil; n = n.Next {
			switch n.Name {
			case "id", "meta", "text":
			default:
				if !sameMember(pair[0], pair[1], n.Name) {
					return false
				}
			}
		}
	}
	return true
}

// sameMember says whether two versions have the same text of a member, or both have none.
func sameMember(a, b *fhir.Resource, name string) bool {
	x, y := a.Root.Get(name), b.Root.Get(name)
	if x == nil || y == nil {
		return x == y
	}
	return bytes.Equal(a.Raw(x), b.Raw(y))
}
