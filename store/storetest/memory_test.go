package storetest_test

import (
	"testing"

	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/storetest"
)

func open(*testing.T) store.Store { return storetest.NewMemory() }

func TestMemory(t *testing.T) { storetest.Run(t, open) }

func TestDifferential(t *testing.T) { storetest.Differential(t, open) }

func TestMemoryParameters(t *testing.T) {
	storetest.RunParameters(t, func(*testing.T) store.Store { return storetest.NewMemory() }, nil)
}
