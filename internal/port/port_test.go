package port

import (
	"net"
	"testing"
)

func TestFree(t *testing.T) {
	seen := map[string]bool{}
	for range 300 {
		number, err := Free()
		if err != nil {
			t.Fatal(err)
		}
		if seen[number] || len(number) != 5 || number >= "32768" {
			t.Errorf("port %s", number)
		}
		seen[number] = true
		l, err := net.Listen("tcp", "127.0.0.1:"+number)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
}
