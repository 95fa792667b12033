package server

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/server/interaction"
)

func (x *exchange) create() error {
	res, err := x.resource()
	if err != nil {
		return err
	}
	condition := string(x.req.Header.PeekBytes(hIfNoneExist))
	if _, query, ok := strings.Cut(condition, "?"); ok { // some write the URL of the search
		condition = query
	}
	out, err := x.s.o.Service.Create(x.context(), x.caller, x.typ, res, interaction.CreateOptions{IfNoneExist: condition})
	return x.written(out, err)
}

func (x *exchange) update() error {
	res, err := x.resource()
	if err != nil {
		return err
	}
	out, err := x.s.o.Service.Update(x.context(), x.caller, x.typ, x.param("id"), res, x.writeOptions())
	return x.written(out, err)
}

func (x *exchange) delete() error {
	out, err := x.s.o.Service.Delete(x.context(), x.caller, x.typ, x.param("id"), x.writeOptions())
	if err != nil {
		return err
	}
	x.setBytes(hCacheControl, vNoStore)
	if out.Row.Type != "" {
		x.versionHeaders(&out.Row)
	}
	if x.wanted(interaction.ReturnMinimal) == interaction.ReturnOperationOutcome {
		x.send(http.StatusOK, interaction.Informational("nothing is left under this id"))
		return nil
	}
	x.res.SetStatusCode(http.StatusNoContent)
	return nil
}

func (x *exchange) bundle() error {
	res, err := x.resource()
	if err != nil {
		return err
	}
	out, err := x.s.o.Service.Bundle(x.context(), x.caller, res, interaction.BundleOptions{Return: x.wanted(interaction.ReturnMinimal)})
	return x.sendBundle(out, err)
}

// written answers a create or an update (R4 http.html#create, #update). Without Prefer it holds the resource.
func (x *exchange) written(out interaction.Result, err error) error {
	if err != nil {
		return err
	}
	x.setBytes(hCacheControl, vNoStore)
	x.versionHeaders(&out.Row)
	x.setBytes(hLocation, []byte(x.s.o.Service.Location(out.Row)))
	status, text := http.StatusOK, "found or updated"
	if out.Effect == interaction.Created {
		status, text = http.StatusCreated, "created"
	}
	switch want := x.wanted(interaction.ReturnRepresentation); {
	case want == interaction.ReturnOperationOutcome:
		x.send(status, interaction.Informational(text+": "+out.Row.Type+"/"+out.Row.ID))
	case want == interaction.ReturnRepresentation && out.Readable:
		x.send(status, out.Row.Body)
	default: // the caller wants no body, or may not read it
		x.res.SetStatusCode(status)
	}
	return nil
}

// resource is the body, parsed.
func (x *exchange) resource() (*fhir.Resource, error) {
	if media := x.req.Header.ContentType(); len(media) > 0 && !isJSON(media) {
		return nil, fhir.Errorf(fhir.KindMediaType, "http.Content-Type", notJSON)
	}
	body, err := x.content(x.s.o.Limits.Body)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, fhir.Errorf(fhir.KindRequired, "", "the request has no body")
	}
	return fhir.Parse(body, x.s.o.Service.Limits.Parse)
}

func (x *exchange) writeOptions() interaction.WriteOptions {
	return interaction.WriteOptions{IfMatch: string(x.req.Header.PeekBytes(hIfMatch))}
}

// wanted is Prefer: return=… (R4 http.html#ops), otherwise what the interaction does by itself.
func (x *exchange) wanted(otherwise interaction.Return) interaction.Return {
	switch v := x.preference("return"); {
	case bytes.EqualFold(v, []byte("minimal")):
		return interaction.ReturnMinimal
	case bytes.EqualFold(v, []byte("representation")):
		return interaction.ReturnRepresentation
	case bytes.EqualFold(v, []byte("OperationOutcome")):
		return interaction.ReturnOperationOutcome
	}
	return otherwise
}
