package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance"
	own "github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/server/interaction"
)

// document is an answer that is made once: its bytes, plain and compressed, and its entity tag.
type document struct {
	body, gzipped []byte
	etag          []byte
	media         []byte
}

func newDocument(body, media []byte) document {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level exists, and memory takes everything
	z.Write(body)
	z.Close()
	sum := sha256.Sum256(body)
	return document{body, b.Bytes(), []byte(`W/"` + hex.EncodeToString(sum[:8]) + `"`), media}
}

// serve answers with d, or 304.
func (d *document) serve(x *exchange) error {
	x.setBytes(hCacheControl, vRevalidate)
	x.setBytes(hVary, vVary)
	x.setBytes(hETag, d.etag)
	if holdsTag(x.req.Header.PeekBytes(hIfNoneMatch), d.etag) {
		x.res.SetStatusCode(http.StatusNotModified)
		return nil
	}
	x.res.Header.SetContentTypeBytes(d.media)
	if x.takesGzip() {
		x.res.Header.SetContentEncodingBytes(vGzip)
		x.res.SetBodyRaw(d.gzipped)
		return nil
	}
	x.res.SetBodyRaw(d.body)
	return nil
}

func (x *exchange) capabilities() error {
	if x.pretty {
		x.setBytes(hCacheControl, vNoStore)
		x.send(http.StatusOK, x.s.metadata.of(x.s.o.Service.Parameters.Set()).body)
		return nil
	}
	d := x.s.metadata.of(x.s.o.Service.Parameters.Set())
	return d.serve(x)
}

// statements keeps the CapabilityStatement of one set of search parameters, the newest that was asked for.
type statements struct {
	build func(*own.Set) document
	last  atomic.Pointer[claimed]
}

type claimed struct {
	document
	params *own.Set
}

func (s *statements) of(params *own.Set) document {
	last := s.last.Load()
	if last == nil || last.params != params {
		last = &claimed{s.build(params), params}
		s.last.Store(last)
	}
	return last.document
}

func (s *Server) capabilityStatement(table []route, date string, params *own.Set) document {
	security := "Requests need an access token as Authorization: Bearer."
	if s.o.Anonymous != nil {
		security = "Requests without an access token are answered."
	}
	var oauth *conformance.OAuth
	if s.o.Auth != nil {
		oauth = &conformance.OAuth{Authorize: s.o.Auth.URL("authorize"), Token: s.o.Auth.URL("token"), Register: s.o.Auth.URL("register"),
			Manage: s.o.Auth.URL("manage"), Introspect: s.o.Auth.URL("introspect"), Revoke: s.o.Auth.URL("revoke")}
	}
	c := conformance.Claims{
		Software: "Firewarden", Version: s.o.Version, Date: date, Base: s.o.Service.Base,
		Interactions: claims(table), Except: map[string][]string{"AuditEvent": {"update", "patch", "delete"}, "Binary": {"patch"}},
		UpdateCreate: true, ConditionalCreate: true, ConditionalRead: true,
		ConditionalUpdate: conditional(table, put), PatchFormats: patchFormats, Operations: operations(table),
		Modifiers: search.Modifiers, Prefixes: search.Prefixes, Searches: searches(), Compartments: compartments.Compartments(),
		Security: security, OAuth: oauth, Params: params,
	}
	if conditional(table, del) {
		c.ConditionalDelete = "single"
		if s.o.Service.ConditionalDelete == interaction.DeleteMultiple {
			c.ConditionalDelete = "multiple"
		}
	}
	body, err := conformance.Statement(c)
	if err != nil {
		panic(fmt.Errorf("build capability statement: %w", err))
	}
	return newDocument(body, vFHIR)
}
