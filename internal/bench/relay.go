package bench

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
)

// Ask appends what a database has of what the request of a path asks for.
type Ask func(path string, dst []byte) ([]byte, error)

// Relay answers by HTTP what is asked of it, and does nothing else, until ctx ends: the least that a process between a
// client and a database can be.
func Relay(ctx context.Context, addr string, ask Ask) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		conn, err := l.Accept()
		if err != nil {
			return cmp.Or(ctx.Err(), err)
		}
		go relay(conn, ask)
	}
}

// relay serves a connection until its client leaves.
func relay(conn net.Conn, ask Ask) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	var body, out []byte
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		_, rest, _ := bytes.Cut(line, []byte(" "))
		target, _, _ := bytes.Cut(rest, []byte(" "))
		path := string(target)
		for len(line) > len("\r\n") {
			if line, err = in.ReadSlice('\n'); err != nil {
				return
			}
		}
		status := "200 OK"
		if body, err = ask(path, body[:0]); err != nil {
			status, body = "500 Internal Server Error", []byte(err.Error())
		}
		out = fmt.Appendf(out[:0], "HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n", status, len(body))
		if _, err := conn.Write(append(out, body...)); err != nil {
			return
		}
	}
}
