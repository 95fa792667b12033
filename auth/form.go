package auth

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// maxForm bounds the body of a request to the authorization server.
const maxForm = 256 << 10

// readForm reads the parameters of a request: those of the body of a POST, otherwise those of the URL. A parameter
// that comes twice is refused (RFC 6749 §3.1, §3.2), and r.Form and r.PostForm are set for the engine. Names are those
// that may be repeated.
func readForm(r *http.Request, repeated ...string) (url.Values, error) {
	query := r.URL.RawQuery
	if r.Method == http.MethodPost {
		media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if media != "application/x-www-form-urlencoded" {
			return nil, errorf(invalidRequest, "the body has to be application/x-www-form-urlencoded")
		}
		body, err := readBody(r)
		if err != nil {
			return nil, err
		}
		query = string(body)
	}
	form, err := url.ParseQuery(query)
	if err != nil {
		return nil, errorf(invalidRequest, "the parameters are not well encoded")
	}
	for name, values := range form {
		may := false
		for _, n := range repeated {
			may = may || n == name
		}
		if len(values) > 1 && !may {
			return nil, errorf(invalidRequest, "a parameter comes more than once").hint("it is %s", name)
		}
	}
	r.Form = form
	if r.Method == http.MethodPost {
		r.PostForm = form
	}
	return form, nil
}

// readBody reads a body within the limit.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil || len(body) > maxForm {
		return nil, errorf(invalidRequest, "the body cannot be read or is too long")
	}
	return body, nil
}

// peek reads a posted form and leaves the body as it was.
func (s *Server) peek(r *http.Request) (url.Values, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return url.ParseQuery(string(body))
}
