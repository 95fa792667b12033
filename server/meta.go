package server

import (
	"context"
	"net/http"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/server/interaction"
)

// meta answers $meta of an instance or of a version.
func (x *exchange) meta() error {
	out, err := x.s.o.Service.Meta(x.context(), x.caller, x.typ, x.param("id"), x.param("version"))
	if err != nil {
		return err
	}
	x.versionHeaders(&out.Row)
	return x.parameters(out)
}

// metaOf answers $meta of a type or of the system.
func (x *exchange) metaOf() error {
	out, err := x.s.o.Service.MetaOf(x.context(), x.caller, x.typ)
	if err != nil {
		return err
	}
	return x.parameters(out)
}

func (x *exchange) parameters(out interaction.Result) error {
	x.setBytes(hCacheControl, vNoStore)
	x.send(http.StatusOK, out.Parameters)
	return nil
}

func (x *exchange) metaAdd() error    { return x.relabel(x.s.o.Service.MetaAdd) }
func (x *exchange) metaDelete() error { return x.relabel(x.s.o.Service.MetaDelete) }

// relabel answers $meta-add and $meta-delete.
func (x *exchange) relabel(
	f func(context.Context, interaction.Caller, string, string, *fhir.Resource, interaction.WriteOptions) (interaction.Result, error)) error {
	params, err := x.resource()
	if err != nil {
		return err
	}
	out, err := f(x.context(), x.caller, x.typ, x.param("id"), params, x.writeOptions())
	if err != nil {
		return err
	}
	x.setBytes(hCacheControl, vNoStore)
	x.versionHeaders(&out.Row)
	x.result(http.StatusOK, out, out.Parameters)
	return nil
}
