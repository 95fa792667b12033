package bench

import (
	"context"
	"errors"
	"net"
	"testing"
)

// TestRelay: a connection gets one answer after the other, and is told what failed.
func TestRelay(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			go relay(conn, func(path string, dst []byte) ([]byte, error) {
				if path == "/bad?x" {
					return dst, errors.New("no such path")
				}
				return append(append(dst, "you asked "...), path...), nil
			})
		}
	}()
	c := Dial(l.Addr().String())
	defer c.Close()
	for _, x := range []struct {
		path, body string
		status     int
	}{{"/a", "you asked /a", 200}, {"/bad?x", "no such path", 500}, {"/b?c=d", "you asked /b?c=d", 200}} {
		res, err := c.Get(x.path, "Accept: text/plain")
		if err != nil || res.Status != x.status || string(res.Body) != x.body {
			t.Errorf("%s: %d %q %v", x.path, res.Status, res.Body, err)
		}
	}
}

// TestRelayEnds: it ends with its context, and says if it cannot begin.
func TestRelayEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Relay(ctx, "127.0.0.1:0", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if err := Relay(t.Context(), "nowhere", nil); err == nil {
		t.Error("it listens nowhere")
	}
}
