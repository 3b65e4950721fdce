package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/nextbest/nextbest/internal/fault"
)

const (
	maxRatio     = 20        // inflated to sent
	freeInflated = 64 << 10  // a small body may compress better than that
	zstdWindow   = 8 << 20   // memory one zstd stream may ask for
	readStep     = 16 << 10  // how much is read at once
	slowestBytes = 256 << 10 // an upload must bring this much per read timeout
)

// readBody reads the whole body, at most limit bytes as sent and as inflated,
// into pooled buffers: c.body is valid until the request ends. A fault of size
// (413) or transport (400, 408) is returned as such; one of content, which
// ranks behind the key, as the second value.
func (c *call) readBody(limit int) (err, content error) {
	sent, err := c.readRaw(limit)
	if err != nil {
		return err, nil
	}
	encoding := string(c.header("Content-Encoding"))
	if encoding == "" || encoding == "identity" {
		c.body = sent
		return nil, nil
	}
	c.reader.Reset(sent)
	in, err := inflater(encoding, &c.reader)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	bounded := min(limit, max(freeInflated, maxRatio*len(sent)))
	c.inflate, err = readAll(c.inflate[:0], in, bounded)
	switch {
	case errors.Is(err, errOverLimit):
		return inflatesTooMuch(limit), nil
	case err != nil:
		return nil, badRequest("invalid_encoding", "the body is not valid %s", encoding).Because(err)
	}
	c.body = c.inflate
	return nil, nil
}

// readRaw reads the body as sent. A declared length over the limit is refused
// before a byte of it is read.
func (c *call) readRaw(limit int) ([]byte, error) {
	stream := c.rc.RequestBodyStream()
	if stream == nil {
		c.bodyDone = true
		if body := c.rc.Request.Body(); len(body) <= limit {
			return body, nil
		}
		return nil, tooLarge(limit)
	}
	declared := c.rc.Request.Header.ContentLength()
	if declared > limit {
		return nil, tooLarge(limit)
	}
	var err error
	c.raw, err = readAll(c.raw[:0], stream, limit)
	switch {
	case errors.Is(err, errOverLimit):
		return nil, tooLarge(limit)
	case err != nil:
		return nil, transportFault(err)
	case declared >= 0 && len(c.raw) != declared:
		return nil, badRequest("truncated_body", "the body ended after %d of %d bytes", len(c.raw), declared)
	}
	c.bodyDone = true
	return c.raw, nil
}

var errOverLimit = errors.New("more than the limit")

// readAll appends all of r to dst, or fails with errOverLimit.
func readAll(dst []byte, r io.Reader, limit int) ([]byte, error) {
	for {
		if len(dst) > limit {
			return dst, errOverLimit
		}
		if cap(dst)-len(dst) < 512 {
			grown := make([]byte, len(dst), min(2*cap(dst)+4096, limit+1024))
			copy(grown, dst)
			dst = grown
		}
		n, err := r.Read(dst[len(dst):min(cap(dst), len(dst)+readStep)])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			if len(dst) > limit {
				return dst, errOverLimit
			}
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
}

// transportFault says why the rest of a body did not come.
func transportFault(err error) error {
	var timeout net.Error
	switch {
	case fault.Of(err) != nil:
		return err
	case errors.As(err, &timeout) && timeout.Timeout():
		return tooSlow()
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return badRequest("truncated_body", "the body ended before its end").Because(err)
	}
	return badRequest("bad_framing", "the body's chunks are not well-formed").Because(err)
}

func tooLarge(limit int) error {
	return withStatus(fault.Invalidf("body_too_large", "the body is larger than the %d bytes taken here; send less at once", limit),
		http.StatusRequestEntityTooLarge)
}

func inflatesTooMuch(limit int) error {
	return withStatus(fault.Invalidf("body_too_large",
		"the body inflates to more than %d bytes or more than %d times its size; send less at once", limit, maxRatio),
		http.StatusRequestEntityTooLarge)
}

// inflater reads one of the encodings that are understood.
func inflater(encoding string, r io.Reader) (io.ReadCloser, error) {
	switch encoding {
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, badRequest("invalid_encoding", "the body is not valid gzip").Because(err)
		}
		return z, nil
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderMaxMemory(zstdWindow))
		if err != nil {
			return nil, badRequest("invalid_encoding", "the body is not valid zstd").Because(err)
		}
		return z.IOReadCloser(), nil
	}
	return nil, withStatus(fault.Invalidf("unsupported_encoding", "Content-Encoding %s is not understood; send gzip, zstd or none", printable(encoding)),
		http.StatusUnsupportedMediaType)
}

// bodyStream reads a large body as it comes, bounded as sent and as inflated.
// Its errors are faults, and the first one stays in Err, for a reader between
// that words errors anew. The connection's deadline moves on as long as bytes
// come fast enough.
func (c *call) bodyStream(limit int) (*streamedBody, error) {
	if c.rc.Request.Header.ContentLength() > limit {
		return nil, tooLarge(limit)
	}
	sent := &meteredBody{c: c, limit: limit}
	if sent.from = c.rc.RequestBodyStream(); sent.from == nil {
		c.reader.Reset(c.rc.Request.Body())
		sent.from = &c.reader
	}
	encoding := string(c.header("Content-Encoding"))
	if encoding == "" || encoding == "identity" {
		return &streamedBody{ReadCloser: io.NopCloser(sent)}, nil
	}
	in, err := inflater(encoding, sent)
	if err != nil {
		return nil, err
	}
	return &streamedBody{ReadCloser: &inflatedBody{in: in, sent: sent, limit: limit, encoding: encoding}}, nil
}

// streamedBody remembers why a body could not be read to its end.
type streamedBody struct {
	io.ReadCloser
	Err error
}

func (b *streamedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF && b.Err == nil {
		b.Err = err
	}
	return n, err
}

// meteredBody counts what was sent and keeps slow clients out.
type meteredBody struct {
	c     *call
	from  io.Reader
	n     int
	fresh int // bytes since the deadline was moved
	limit int
}

func (m *meteredBody) Read(p []byte) (int, error) {
	if m.n == 0 {
		m.extend()
	}
	n, err := m.from.Read(p)
	m.n += n
	if m.fresh += n; m.fresh >= slowestBytes {
		m.extend()
	}
	switch {
	case m.n > m.limit:
		return n, tooLarge(m.limit)
	case err == io.EOF:
		if declared := m.c.rc.Request.Header.ContentLength(); declared > m.n {
			return n, badRequest("truncated_body", "the body ended after %d of %d bytes", m.n, declared)
		}
		m.c.bodyDone = true
		return n, io.EOF
	case err != nil:
		return n, transportFault(err)
	}
	return n, nil
}

func (m *meteredBody) extend() {
	m.fresh = 0
	if conn := m.c.rc.Conn(); conn != nil {
		// A failure shows at the next read.
		_ = conn.SetReadDeadline(time.Now().Add(2 * m.c.s.cfg.Timeouts.Read))
	}
}

// inflatedBody bounds what a compressed body becomes.
type inflatedBody struct {
	in       io.ReadCloser
	sent     *meteredBody
	n, limit int
	encoding string
}

func (b *inflatedBody) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	b.n += n
	switch {
	case b.n > b.limit || b.n > max(freeInflated, maxRatio*b.sent.n):
		return n, inflatesTooMuch(b.limit)
	case err == nil || err == io.EOF:
		return n, err
	case fault.Of(err) != nil:
		return n, err
	}
	return n, badRequest("invalid_encoding", "the body is not valid %s", b.encoding).Because(err)
}

// Close releases the inflater.
func (b *inflatedBody) Close() error {
	if err := b.in.Close(); err != nil {
		return fmt.Errorf("close the inflater: %w", err)
	}
	return nil
}
