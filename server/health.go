package server

import (
	"log/slog"
	"net/http"
)

// live answers as long as the process does.
func (x *exchange) live() error { return x.health(http.StatusOK, `{"status":"up"}`) }

// ready answers 503 while the store does not work and from the beginning of a shutdown.
func (x *exchange) ready() error {
	if x.s.stopping.Load() {
		return x.health(http.StatusServiceUnavailable, `{"status":"stopping"}`)
	}
	if x.s.o.Ready != nil {
		if err := x.s.o.Ready(x.context()); err != nil {
			x.s.o.Logger.Error("not ready", slog.String("error", err.Error()))
			return x.health(http.StatusServiceUnavailable, `{"status":"down"}`)
		}
	}
	return x.health(http.StatusOK, `{"status":"up"}`)
}

func (x *exchange) health(status int, body string) error {
	x.setBytes(hCacheControl, vNoStore)
	x.res.Header.SetContentTypeBytes(vJSON)
	x.res.SetStatusCode(status)
	x.res.SetBodyString(body)
	return nil
}
