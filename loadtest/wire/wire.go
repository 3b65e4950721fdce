// Package wire is the load test's HTTP client: one connection, one request at a
// time, no allocation. A full client would use the core that is being measured
// against.
package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// maxBody bounds what an answer may make the client read.
const maxBody = 8 << 20

// Response is one answer. Body is valid until the next request.
type Response struct {
	Status int
	Body   []byte
}

// OK reports a 2xx answer.
func (r Response) OK() bool { return r.Status >= 200 && r.Status < 300 }

// Conn is one connection that is opened again when it was lost. It belongs to
// one goroutine.
type Conn struct {
	Addr    string        // host:port
	Key     string        // sent as a bearer token; "" for none
	Timeout time.Duration // of one request; 10 s when 0

	conn net.Conn
	r    *bufio.Reader
	out  []byte
	body []byte
}

// Do sends a request and reads its answer. After an error it is unknown whether
// the server did the work.
func (c *Conn) Do(method, path string, body []byte) (Response, error) {
	if err := c.open(); err != nil {
		return Response{}, err
	}
	c.out = c.appendRequest(c.out[:0], method, path, body)
	if err := c.conn.SetDeadline(time.Now().Add(c.timeout())); err != nil {
		return Response{}, c.fail("set the deadline", err)
	}
	if _, err := c.conn.Write(c.out); err != nil {
		return Response{}, c.fail("send", err)
	}
	res, keep, err := c.read()
	if err != nil {
		return Response{}, c.fail("read the answer", err)
	}
	if !keep {
		c.Close()
	}
	return res, nil
}

// Close ends the connection; the next request opens another.
func (c *Conn) Close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *Conn) timeout() time.Duration {
	if c.Timeout <= 0 {
		return 10 * time.Second
	}
	return c.Timeout
}

func (c *Conn) open() error {
	if c.conn != nil {
		return nil
	}
	conn, err := net.DialTimeout("tcp", c.Addr, c.timeout())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.conn = conn
	if c.r == nil {
		c.r = bufio.NewReaderSize(conn, 32<<10)
	} else {
		c.r.Reset(conn)
	}
	return nil
}

func (c *Conn) fail(what string, err error) error {
	c.Close()
	return fmt.Errorf("%s: %w", what, err)
}

func (c *Conn) appendRequest(dst []byte, method, path string, body []byte) []byte {
	dst = append(dst, method...)
	dst = append(dst, ' ')
	dst = append(dst, path...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, c.Addr...)
	dst = append(dst, "\r\nUser-Agent: nextbest-loadtest\r\n"...)
	if c.Key != "" {
		dst = append(dst, "Authorization: Bearer "...)
		dst = append(dst, c.Key...)
		dst = append(dst, "\r\n"...)
	}
	if body != nil {
		dst = append(dst, "Content-Type: application/json\r\nContent-Length: "...)
		dst = strconv.AppendInt(dst, int64(len(body)), 10)
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, "\r\n"...)
	return append(dst, body...)
}

// read parses one answer; keep tells whether the connection may be used again.
func (c *Conn) read() (res Response, keep bool, err error) {
	line, err := c.line()
	if err != nil {
		return res, false, err
	}
	// HTTP/1.1 202 Accepted
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return res, false, fmt.Errorf("%q is no status line", line)
	}
	if res.Status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return res, false, fmt.Errorf("status of %q: %w", line, err)
	}
	length, chunked, keep := -1, false, true
	for {
		if line, err = c.line(); err != nil {
			return res, false, err
		}
		if len(line) == 0 {
			break
		}
		switch name, value := header(line); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 || length > maxBody {
				return res, false, fmt.Errorf("content length %q", value)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")):
			keep = !bytes.EqualFold(value, []byte("close"))
		}
	}
	res.Body, err = c.readBody(res.Status, length, chunked)
	return res, keep, err
}

func (c *Conn) readBody(status, length int, chunked bool) ([]byte, error) {
	switch {
	case chunked:
		return c.chunks()
	case status == 204 || status == 304:
		return nil, nil
	case length < 0:
		return nil, errors.New("the answer tells no length")
	}
	c.body = grow(c.body[:0], length)
	_, err := io.ReadFull(c.r, c.body)
	return c.body, err
}

// chunks reads a chunked body: servers use it for long answers.
func (c *Conn) chunks() ([]byte, error) {
	c.body = c.body[:0]
	for {
		line, err := c.line()
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil || len(c.body)+int(n) > maxBody {
			return nil, fmt.Errorf("chunk of %q", line)
		}
		at := len(c.body)
		c.body = grow(c.body, int(n))
		if _, err := io.ReadFull(c.r, c.body[at:]); err != nil {
			return nil, err
		}
		if _, err := c.line(); err != nil { // ends the chunk, or the body
			return nil, err
		}
		if n == 0 {
			return c.body, nil
		}
	}
}

// line reads up to CRLF; the result is valid until the next read.
func (c *Conn) line() ([]byte, error) {
	b, err := c.r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(b, "\r\n"), nil
}

func header(line []byte) (name, value []byte) {
	name, value, _ = bytes.Cut(line, []byte(":"))
	return name, bytes.TrimSpace(value)
}

// grow makes b n bytes longer.
func grow(b []byte, n int) []byte {
	for cap(b) < len(b)+n {
		b = append(b[:cap(b)], 0)[:len(b)]
	}
	return b[:len(b)+n]
}
