package server

import (
	"encoding/json"
	"net/http"

	"github.com/gofiber/fiber/v2"
)

const parametersPath = "/api/searchparameters"

// status gives Fiber the path that says how far own search parameters are; it comes before what takes all of /api.
func (s *Server) status() {
	r := route{path: parametersPath, label: parametersPath, open: true, mounted: true, allow: "GET, HEAD", serve: (*exchange).wrongMethod}
	for _, m := range fiber.DefaultMethods {
		if r.method = m; m == get || m == http.MethodHead {
			r := r
			r.serve = (*exchange).searchParameters
			s.app.Add(m, parametersPath, s.handle(r))
			continue
		}
		s.app.Add(m, parametersPath, s.handle(r))
	}
}

// searchParameters tells an administrator how far own search parameters are.
func (x *exchange) searchParameters() error {
	if !x.holdsKey() {
		if x.s.o.Auth == nil {
			return errLogin()
		}
		r, err := x.request()
		if err != nil {
			return err
		}
		if !x.s.o.Auth.Administrator(r) {
			return errLogin()
		}
	}
	b, err := json.Marshal(x.s.o.Service.Parameters.Status())
	if err != nil {
		return err
	}
	x.setBytes(hCacheControl, vNoStore)
	x.res.Header.SetContentTypeBytes(vJSON)
	x.res.SetStatusCode(http.StatusOK)
	x.res.SetBodyRaw(b)
	return nil
}
