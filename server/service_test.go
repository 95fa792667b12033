package server

import (
	"context"
	"testing"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/store/storetest"
)

// newService is a service over an empty store in memory.
func newService(t testing.TB, base string) *interaction.Service {
	t.Helper()
	m := storetest.NewMemory()
	m.Indexer = &index.Indexer{Base: base}
	seal, err := interaction.OpenSeal(context.Background(), m.KV(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &interaction.Service{Store: m, Indexer: m.Indexer, Base: base, Seal: seal}
}
