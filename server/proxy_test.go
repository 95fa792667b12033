package server

import (
	"net/netip"
	"testing"
)

func TestBehindProxies(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32")}
	for _, tt := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"203.0.113.7:5", []string{"198.51.100.1"}, "203.0.113.7:5"}, // no proxy of ours: it may say what it likes
		{"10.0.0.1:5", []string{"198.51.100.1"}, "198.51.100.1:0"},
		{"10.0.0.1:5", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1:0"}, // what the client has made up stands before
		{"127.0.0.1:5", []string{"1.1.1.1", "198.51.100.1, 10.2.3.4"}, "198.51.100.1:0"},
		{"10.0.0.1:5", []string{"2001:db8::7"}, "[2001:db8::7]:0"},
		{"10.0.0.1:5", nil, "10.0.0.1:5"},
		{"10.0.0.1:5", []string{"nonsense"}, "10.0.0.1:5"},
		{"10.0.0.1:5", []string{"198.51.100.1, nonsense"}, "10.0.0.1:5"},
		{"10.0.0.1:5", []string{"10.9.9.9"}, "10.0.0.1:5"},
		{"[::ffff:10.0.0.1]:5", []string{"::ffff:198.51.100.1"}, "198.51.100.1:0"},
	} {
		var lines [][]byte
		for _, f := range tt.forwarded {
			lines = append(lines, []byte(f))
		}
		if got := behind(tt.remote, lines, proxies); got != tt.want {
			t.Errorf("%s %q: %s, want %s", tt.remote, tt.forwarded, got, tt.want)
		}
	}
}
