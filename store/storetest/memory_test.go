package storetest_test

import (
	"testing"

	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return storetest.NewMemory() })
}
