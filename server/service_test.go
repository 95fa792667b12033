package server

import (
	"testing"

	"github.com/firewarden/firewarden/server/interaction"
)

func newService(t testing.TB, base string) *interaction.Service {
	return &interaction.Service{Base: base}
}
