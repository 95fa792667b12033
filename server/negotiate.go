package server

import (
	"bytes"

	"github.com/firewarden/firewarden/internal/fhir"
)

// negotiate reads _format, Accept and _pretty (R4 http.html#mime-type). The only format is JSON.
func (x *exchange) negotiate() error {
	if len(x.req.URI().QueryString()) > 0 {
		q := x.req.URI().QueryArgs()
		x.pretty = bytes.Equal(q.PeekBytes(pPretty), vTrue)
		if f := q.PeekBytes(pFormat); len(f) > 0 {
			return acceptFormat(f)
		}
	}
	return x.accept()
}

// acceptFormat takes a _format: a short name or a media type. Its plus may have been read as a blank.
func acceptFormat(f []byte) error {
	if bytes.EqualFold(f, []byte("json")) || isJSON(bytes.ReplaceAll(f, []byte("application/fhir json"), []byte("application/fhir+json"))) {
		return nil
	}
	return fhir.Errorf(fhir.KindNotAcceptable, "http._format", notJSON)
}

const notJSON = "the only format is JSON (application/fhir+json) of FHIR version 4.0"

func (x *exchange) accept() error {
	given := false
	for _, header := range x.req.Header.PeekAll("Accept") {
		for len(header) > 0 {
			var media []byte
			media, header = next(header, ',')
			if len(media) == 0 {
				continue
			}
			given = true
			if isWild(media) || isJSON(media) {
				return nil
			}
		}
	}
	if given {
		return fhir.Errorf(fhir.KindNotAcceptable, "http.Accept", notJSON)
	}
	return nil
}

// isWild says whether a media range takes any JSON type: */* or application/*, not refused by q=0.
func isWild(media []byte) bool {
	name, params := next(media, ';')
	return (bytes.Equal(name, []byte("*/*")) || bytes.EqualFold(name, []byte("application/*"))) && agrees(params)
}

// isJSON says whether a media type, with its parameters, is the JSON of FHIR 4.0.
func isJSON(media []byte) bool {
	name, params := next(media, ';')
	switch {
	case bytes.EqualFold(name, []byte("application/fhir+json")), bytes.EqualFold(name, []byte("application/json")),
		bytes.EqualFold(name, []byte("text/json")), bytes.EqualFold(name, []byte("application/json+fhir")):
		return agrees(params)
	}
	return false
}

// agrees says whether nothing in the parameters of a media type speaks against us.
func agrees(params []byte) bool {
	for len(params) > 0 {
		var p []byte
		p, params = next(params, ';')
		name, value := next(p, '=')
		value = bytes.Trim(value, `"`)
		switch {
		case bytes.EqualFold(name, []byte("fhirVersion")):
			if !bytes.Equal(value, []byte("4.0")) && !bytes.HasPrefix(value, []byte("4.0.")) {
				return false
			}
		case bytes.EqualFold(name, []byte("charset")):
			if !bytes.EqualFold(value, []byte("utf-8")) && !bytes.EqualFold(value, []byte("utf8")) {
				return false
			}
		case bytes.EqualFold(name, []byte("q")):
			if len(bytes.Trim(value, "0.")) == 0 {
				return false
			}
		}
	}
	return true
}

// next cuts a list at a separator; the part before it is trimmed.
func next(list []byte, sep byte) (first, rest []byte) {
	if i := bytes.IndexByte(list, sep); i >= 0 {
		return bytes.TrimSpace(list[:i]), list[i+1:]
	}
	return bytes.TrimSpace(list), nil
}

// takesGzip says whether the caller takes gzip (RFC 9110 §12.5.3).
func (x *exchange) takesGzip() bool {
	header := x.req.Header.PeekBytes(hAcceptEncoding)
	for len(header) > 0 {
		var coding []byte
		coding, header = next(header, ',')
		name, params := next(coding, ';')
		if (bytes.EqualFold(name, vGzip) || bytes.Equal(name, []byte("*"))) && agrees(params) {
			return true
		}
	}
	return false
}

// preference is the value of one preference of the Prefer headers (RFC 7240); nil if it is not given.
func (x *exchange) preference(name string) []byte {
	for _, header := range x.req.Header.PeekAll("Prefer") {
		for len(header) > 0 {
			var p []byte
			p, header = next(header, ',')
			for len(p) > 0 { // some clients write ; between preferences
				var one []byte
				one, p = next(p, ';')
				key, value := next(one, '=')
				if bytes.EqualFold(key, []byte(name)) {
					return bytes.Trim(bytes.TrimSpace(value), `"`)
				}
			}
		}
	}
	return nil
}
