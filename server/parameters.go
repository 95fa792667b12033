package server

import "net/http"

// parametersPath is where administrators see how far own search parameters are.
const parametersPath = "/api/searchparameters"

// searchParameters tells an administrator how far own search parameters are.
func (x *exchange) searchParameters() error {
	if _, err := x.byAdministrator(); err != nil {
		return err
	}
	x.setBytes(hCacheControl, vNoStore)
	return x.apiAnswer(http.StatusOK, x.s.o.Service.Parameters.Status())
}
