package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	lingerBytes = 32 << 20
	lingerTime  = time.Second
)

// lingering wraps accepted connections so that one which is closed while the
// client still sends (413, 431, a refused upload) is closed in order: without
// it the kernel answers the unread bytes with a reset and the client never
// sees why it was refused.
type lingering struct{ net.Listener }

// Accept waits for the next connection.
func (l lingering) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

// conn is a connection that can be told to drain before it closes, and that
// does not wait for the rest of headers whose lines end wrongly.
type conn struct {
	net.Conn
	unread atomic.Bool // the client may still be sending
	head   lineWatch   // used by the one goroutine that reads
}

// Read reads; after a bare line feed in the headers the next call fails, since
// fasthttp would wait until its timeout for an end that cannot come.
func (c *conn) Read(p []byte) (int, error) {
	if c.head.bare {
		return 0, errBareLineFeed
	}
	n, err := c.Conn.Read(p)
	c.head.see(p[:n])
	return n, err
}

var errBareLineFeed = errors.New("a header line ends with a bare line feed")

// Close ends our side first and reads a little, for a short time, when the
// client may still be sending.
func (c *conn) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.unread.Load() && half.CloseWrite() == nil {
		if c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes) // only the wait matters
		}
	}
	return c.Conn.Close()
}

// markUnread makes Close drain, when the connection is one of ours.
func markUnread(c net.Conn) {
	if ours, ok := c.(*conn); ok {
		ours.unread.Store(true)
	}
}

// connState starts the watch again when a request was answered.
func connState(c net.Conn, state fasthttp.ConnState) {
	if ours, ok := c.(*conn); ok && state == fasthttp.StateIdle {
		ours.head = lineWatch{}
	}
}

// lineWatch follows the line ends of a request's headers as they come.
type lineWatch struct {
	done bool // the headers are over
	bare bool // a line ended without a carriage return
	line int  // bytes of the line so far
	last byte
}

func (w *lineWatch) see(b []byte) {
	for !w.done && !w.bare && len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			w.line += len(b)
			w.last = b[len(b)-1]
			return
		}
		if i > 0 {
			w.last = b[i-1]
		}
		w.line += i
		switch {
		case w.line == 0 || w.last != '\r':
			w.bare = true
		case w.line == 1:
			w.done = true
		}
		w.line, w.last = 0, 0
		b = b[i+1:]
	}
}
