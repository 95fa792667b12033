package server

import "net/http"

// parametersPath is where administrators see how far own search parameters are.
const parametersPath = "/api/searchparameters"

// searchParameters tells an administrator how far own search parameters are.
func (x *exchange) searchParameters() error {
	r, err := x.request()
	if err != nil {
		return err
	}
	if !x.isAdministrator(r) {
		return errLogin()
	}
	x.setBytes(hCacheControl, vNoStore)
	return x.apiAnswer(http.StatusOK, x.s.o.Service.Parameters.Status())
}
