package server

import (
	"bytes"
	"log/slog"
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
	out, err := x.s.o.Service.Update(x.context(), x.caller, x.typ, x.param("id"), res, x.updateOptions())
	return x.written(out, err)
}

func (x *exchange) updateWhere() error {
	res, err := x.resource()
	if err != nil {
		return err
	}
	out, err := x.s.o.Service.UpdateWhere(x.context(), x.caller, x.typ, x.condition(), res, x.updateOptions())
	return x.written(out, err)
}

func (x *exchange) delete() error {
	out, err := x.s.o.Service.Delete(x.context(), x.caller, x.typ, x.param("id"), x.writeOptions())
	return x.deleted(out, err)
}

func (x *exchange) deleteWhere() error {
	out, err := x.s.o.Service.DeleteWhere(x.context(), x.caller, x.typ, x.condition(), x.writeOptions())
	return x.deleted(out, err)
}

// deleted answers a delete: without a body, but for several resources at once, whose number is told.
func (x *exchange) deleted(out interaction.Result, err error) error {
	if err != nil {
		return err
	}
	x.setBytes(hCacheControl, vNoStore)
	if out.Row.Type != "" {
		x.versionHeaders(&out.Row)
	}
	otherwise := interaction.ReturnMinimal
	if out.Count > 1 {
		otherwise = interaction.ReturnOperationOutcome
	}
	if x.wanted(otherwise) == interaction.ReturnOperationOutcome {
		x.send(http.StatusOK, interaction.Informational(out.Summary()))
		return nil
	}
	x.res.SetStatusCode(http.StatusNoContent)
	return nil
}

// condition are the search parameters of the URL, as they are written.
func (x *exchange) condition() string { return string(x.req.URI().QueryString()) }

func (x *exchange) bundle() error {
	res, err := x.resource()
	if err != nil {
		return err
	}
	if x.s.o.Trace {
		x.trace(x.s.needsOf(res)...)
	}
	out, err := x.s.o.Service.Bundle(x.context(), x.caller, res, interaction.BundleOptions{Return: x.wanted(interaction.ReturnMinimal)})
	for _, fault := range out.Faults { // the answer has no text of them
		x.s.o.Logger.Error("entry of a Bundle", slog.String("request", x.id), slog.String("error", fault.Error()))
	}
	return x.sendBundle(out, err)
}

// written answers a create, an update or a patch (R4 http.html#create, #update, #patch). Without Prefer it holds the resource.
func (x *exchange) written(out interaction.Result, err error) error {
	if err != nil {
		return err
	}
	x.setBytes(hCacheControl, vNoStore)
	x.versionHeaders(&out.Row)
	x.setBytes(hLocation, []byte(x.s.o.Service.Location(out.Row)))
	status := http.StatusOK
	if out.Effect == interaction.Created {
		status = http.StatusCreated
	}
	x.result(status, out, out.Row.Body)
	return nil
}

// result sends what the caller wants of a write: body, if it may be read, unless Prefer says otherwise.
func (x *exchange) result(status int, out interaction.Result, body []byte) {
	switch want := x.wanted(interaction.ReturnRepresentation); {
	case want == interaction.ReturnOperationOutcome:
		x.send(status, interaction.Informational(out.Summary()))
	case want == interaction.ReturnRepresentation && out.Readable:
		x.send(status, body)
	default: // the caller wants no body, or may not read it
		x.res.SetStatusCode(status)
	}
}

// resource is the body, parsed.
func (x *exchange) resource() (*fhir.Resource, error) {
	if media := x.req.Header.ContentType(); len(media) > 0 && !isJSON(media) {
		return nil, fhir.Errorf(fhir.KindMediaType, "http.Content-Type", notJSON)
	}
	body, err := x.document()
	if err != nil {
		return nil, err
	}
	return fhir.Parse(body, x.s.o.Service.Limits.Parse)
}

// document is the body, which there must be.
func (x *exchange) document() ([]byte, error) {
	body, err := x.content(x.s.o.Limits.Body)
	if err == nil && len(bytes.TrimSpace(body)) == 0 {
		err = fhir.Errorf(fhir.KindRequired, "", "the request has no body")
	}
	return body, err
}

func (x *exchange) writeOptions() interaction.WriteOptions {
	return interaction.WriteOptions{IfMatch: string(x.req.Header.PeekBytes(hIfMatch))}
}

// updateOptions are those of an update: If-None-Match: * creates only (RFC 9110 §13.1.2).
func (x *exchange) updateOptions() interaction.WriteOptions {
	o := x.writeOptions()
	o.IfNoneMatch = string(x.req.Header.PeekBytes(hIfNoneMatch))
	return o
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
