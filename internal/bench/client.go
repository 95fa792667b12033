package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Client is one keep-alive HTTP/1.1 connection. It parses just what it needs, so that on two shared cores the figures
// are the server's and not the client's. It is for one goroutine.
type Client struct {
	addr string
	conn net.Conn
	r    *bufio.Reader
	out  []byte
	body []byte
}

// Response is an answer; Body is valid until the next request of the same Client.
type Response struct {
	Status   int
	Body     []byte
	Location string
	ETag     string
}

// Dial makes a client of addr (host:port).
func Dial(addr string) *Client { return &Client{addr: addr} }

// Close ends the connection.
func (c *Client) Close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// Get requests path with further header lines ("If-None-Match: …").
func (c *Client) Get(path string, header ...string) (Response, error) {
	return c.Do("GET", path, nil, header...)
}

// Do sends one request and reads the whole answer. A body is FHIR, unless the header lines say otherwise.
func (c *Client) Do(method, path string, body []byte, header ...string) (Response, error) {
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.addr)
		if err != nil {
			return Response{}, fmt.Errorf("connecting to %s: %w", c.addr, err)
		}
		c.conn, c.r = conn, bufio.NewReaderSize(conn, 64<<10)
	}
	c.out = append(c.out[:0], method...)
	c.out = append(c.out, ' ')
	c.out = append(c.out, path...)
	c.out = append(c.out, " HTTP/1.1\r\nHost: "...)
	c.out = append(c.out, c.addr...)
	media := "\r\nContent-Type: application/fhir+json"
	for _, h := range header {
		c.out = append(c.out, "\r\n"...)
		c.out = append(c.out, h...)
		if strings.HasPrefix(h, "Content-Type:") {
			media = ""
		}
	}
	if body != nil {
		c.out = append(c.out, media...)
		c.out = append(c.out, "\r\nContent-Length: "...)
		c.out = strconv.AppendInt(c.out, int64(len(body)), 10)
	}
	c.out = append(c.out, "\r\n\r\n"...)
	c.out = append(c.out, body...)
	c.conn.SetDeadline(time.Now().Add(5 * time.Minute))
	if _, err := c.conn.Write(c.out); err != nil {
		c.Close()
		return Response{}, err
	}
	res, err := c.read()
	if err != nil {
		c.Close()
	}
	return res, err
}

func (c *Client) read() (Response, error) {
	var res Response
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return res, err
	}
	if len(line) < 12 {
		return res, errors.New("not an HTTP answer")
	}
	res.Status, _ = strconv.Atoi(string(line[9:12]))
	length, chunked := -1, false
	for {
		line, err = c.r.ReadSlice('\n')
		if err != nil {
			return res, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			length, _ = strconv.Atoi(string(value))
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		case bytes.EqualFold(name, []byte("Location")):
			res.Location = string(value)
		case bytes.EqualFold(name, []byte("ETag")):
			res.ETag = string(value)
		}
	}
	if res.Status == 304 || res.Status == 204 {
		return res, nil
	}
	if chunked || length < 0 {
		return res, errors.New("an answer without Content-Length")
	}
	if cap(c.body) < length {
		c.body = make([]byte, length+length/4)
	}
	res.Body = c.body[:length]
	_, err = io.ReadFull(c.r, res.Body)
	return res, err
}
