package server

import "testing"

func TestHosts(t *testing.T) {
	names := []string{"fhir.internal", "dev.example.org:8443"}
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:8080": true, "127.0.0.1:8080": true, "127.9.9.9": true, "[::1]:8080": true, "[::1]": true,
		"fhir.internal": true, "fhir.internal:1": true, "dev.example.org:8443": true,
		"dev.example.org": false, "evil.example:8080": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false, "": false,
		"10.0.0.1": false,
	} {
		if got := ofHost(host, names); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}
