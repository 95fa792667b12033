package program

import (
	"testing"
	"time"
)

// Patience is how long a test waits for what has to come: longer than any machine takes, however slow and busy it is.
const Patience = 3 * time.Minute

// Until waits until something is so, and ends the test if it never is.
func Until(t testing.TB, what string, so func() bool) {
	t.Helper()
	if !until(so) {
		t.Fatalf("no end of waiting for %s", what)
	}
}

func until(so func() bool) bool {
	for deadline := time.Now().Add(Patience); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
