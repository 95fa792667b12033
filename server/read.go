package server

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/server/interaction"
)

func (x *exchange) read() error {
	params, err := x.params(nil)
	if err != nil {
		return err
	}
	out, err := x.s.o.Service.Read(x.context(), x.caller, x.typ, x.param("id"), params...)
	return x.version(out, err)
}

func (x *exchange) vread() error {
	params, err := x.params(nil)
	if err != nil {
		return err
	}
	out, err := x.s.o.Service.VRead(x.context(), x.caller, x.typ, x.param("id"), x.param("version"), params...)
	return x.version(out, err)
}

// version answers with one version of a resource, or 304 if the caller has it (R4 http.html#cread).
func (x *exchange) version(out interaction.Result, err error) error {
	if err != nil {
		return err
	}
	if !out.Readable {
		return fhir.Errorf(fhir.KindForbidden, "", "reading is not permitted")
	}
	x.setBytes(hCacheControl, vRevalidate)
	if tag := x.versionHeaders(&out.Row); x.unchanged(tag, time.UnixMicro(out.Row.LastUpdated)) {
		x.res.SetStatusCode(http.StatusNotModified)
		return nil
	}
	x.send(http.StatusOK, out.Row.Body)
	return nil
}

// versionHeaders sets ETag and Last-Modified and returns the tag.
func (x *exchange) versionHeaders(r *plan.Row) []byte {
	tag := append(strconv.AppendUint(append(x.tag[:0], `W/"`...), r.Version, 10), '"')
	x.setBytes(hETag, tag)
	x.setBytes(hLastModified, fasthttp.AppendHTTPDate(x.text[:0], time.UnixMicro(r.LastUpdated)))
	return tag
}

// unchanged evaluates If-None-Match and, only without it, If-Modified-Since (RFC 9110 §13.2.2).
func (x *exchange) unchanged(etag []byte, modified time.Time) bool {
	if list := x.req.Header.PeekBytes(hIfNoneMatch); len(list) > 0 {
		return holdsTag(list, etag)
	}
	since := x.req.Header.PeekBytes(hIfModifiedSince)
	if len(since) == 0 {
		return false
	}
	t, err := http.ParseTime(string(since))
	return err == nil && !modified.Truncate(time.Second).After(t)
}

// holdsTag says whether a list of entity tags, or *, holds the tag; compared weakly (RFC 9110 §8.8.3.2).
func holdsTag(list, etag []byte) bool {
	etag = bytes.TrimPrefix(etag, []byte("W/"))
	for len(list) > 0 {
		list = bytes.TrimLeft(list, " \t,")
		if len(list) > 0 && list[0] == '*' {
			return true
		}
		list = bytes.TrimPrefix(list, []byte("W/"))
		if len(list) == 0 || list[0] != '"' {
			return false
		}
		end := bytes.IndexByte(list[1:], '"')
		if end < 0 {
			return false
		}
		if bytes.Equal(list[:end+2], etag) {
			return true
		}
		list = list[end+2:]
	}
	return false
}
