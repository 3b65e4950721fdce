package httpapi

import (
	"bytes"
	"io"
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"
)

const limitExtra = 1 << 20

// registerExtra leads a path to a net/http handler of another package.
func (s *Server) registerExtra(x Route) {
	limit := x.Limit
	if limit <= 0 {
		limit = limitExtra
	}
	s.register(&route{method: x.Method, path: x.Path, name: x.Path, lane: laneControl, limit: limit, handle: plain(x.Handler)})
	if x.Method == fiber.MethodGet {
		s.register(&route{method: fiber.MethodHead, path: x.Path, name: x.Path, lane: laneControl, limit: limit, handle: plain(x.Handler)})
	}
}

// plain calls a net/http handler. Fiber's own adaptor reads bodies without a
// bound and hands out strings that change after the request; here the body is
// capped and everything is copied.
func plain(h http.Handler) func(c *call) error {
	return func(c *call) error {
		body, err := c.readRaw(c.route.limit)
		if err != nil {
			return err
		}
		req, err := c.plainRequest(body)
		if err != nil {
			return err
		}
		w := &plainWriter{header: http.Header{}}
		h.ServeHTTP(w, req)
		w.answer(c)
		return nil
	}
}

// plainRequest is the request as net/http knows it.
func (c *call) plainRequest(body []byte) (*http.Request, error) {
	in := &c.rc.Request
	uri := string(in.Header.RequestURI())
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return nil, badRequest("invalid_path", "the path is not a valid URL")
	}
	req := &http.Request{
		Method: string(in.Header.Method()), URL: u, RequestURI: uri, Host: string(in.Host()), Header: http.Header{},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: c.rc.RemoteAddr().String(),
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(bytes.Clone(body))),
	}
	for name, value := range in.Header.All() {
		if n := string(name); n != fiber.HeaderTransferEncoding && n != fiber.HeaderHost {
			req.Header.Add(n, string(value))
		}
	}
	return req.WithContext(c.ctx), nil
}

// plainWriter collects an answer.
type plainWriter struct {
	header http.Header
	status int
	body   []byte
}

// Header is what the answer will carry.
func (w *plainWriter) Header() http.Header { return w.header }

// WriteHeader sets the status; the first one counts.
func (w *plainWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write adds to the body.
func (w *plainWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, b...)
	return len(b), nil
}

func (w *plainWriter) answer(c *call) {
	w.WriteHeader(http.StatusOK)
	if len(w.body) > 0 && w.header.Get(fiber.HeaderContentType) == "" {
		w.header.Set(fiber.HeaderContentType, http.DetectContentType(w.body))
	}
	h := &c.rc.Response.Header
	for name, values := range w.header {
		for i, v := range values {
			if i == 0 {
				h.Set(name, v)
			} else {
				h.Add(name, v)
			}
		}
	}
	c.rc.Response.SetStatusCode(w.status)
	c.rc.Response.SetBodyRaw(w.body)
}
