package httpapi

import (
	"bytes"
	"context"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/nextbest/nextbest/internal/keys"
	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

// call is one request on its way through the server: what is known of it so
// far, and the buffers it works with. Calls are pooled; nothing that outlives
// the request may point into one.
type call struct {
	s        *Server
	rc       *fasthttp.RequestCtx
	fiber    *fiber.Ctx // set by a route with parameters
	route    *route     // nil until a route is found
	start    time.Time  // monotonic: durations
	received time.Time  // the program's clock: what events are measured against
	ctx      *deadline
	span     spanHandle

	key      *keys.Key // nil until authorize
	site     Site
	siteName string
	trusted  bool   // called within the process: no key, may explain
	origin   []byte // Origin header, empty when there is none
	bodyDone bool   // the body was read to its end

	id           [maxRequestID]byte
	idLen        int
	raw          []byte // body as sent
	inflate      []byte // body inflated
	body         []byte // one of the two
	out          []byte // the answer
	scratch      []byte // header values
	token        [128]byte
	reader       bytes.Reader
	in           queryInput
	query        site.Query
	answer       site.Answer
	request      ingest.Request
	versions     recommend.Versions // of the last answer, and their hash
	versionsHash uint64
	stage        func(name string, took time.Duration) // appends to scratch; made once
}

func newCall(s *Server) *call {
	c := &call{s: s}
	c.stage = c.appendStage
	return c
}

// begin takes a request over from fasthttp.
func (c *call) begin(rc *fasthttp.RequestCtx) {
	c.rc, c.fiber, c.route, c.ctx = rc, nil, nil, nil
	c.key, c.site, c.siteName, c.trusted, c.bodyDone = nil, nil, "", false, false
	c.start = time.Now()
	if c.received = c.start; c.s.cfg.Now != nil {
		c.received = c.s.cfg.Now()
	}
	c.body, c.span = nil, spanHandle{}
	h := &rc.Request.Header
	c.origin = h.Peek(fiber.HeaderOrigin)
	c.idLen = c.s.ids.take(c.id[:], h.Peek(fiber.HeaderXRequestID))
	rc.Response.Header.SetBytesV(fiber.HeaderXRequestID, c.id[:c.idLen])
	c.s.meters.begin(rc.Method())
}

// open makes the request's context: its deadline and the caller's trace.
func (c *call) open() {
	parent := c.s.spans.start(c)
	c.ctx = newDeadline(parent, c.start.Add(c.route.within(&c.s.cfg.Timeouts)))
}

// finish settles what is left of the request after its answer is known.
func (c *call) finish() {
	if c.ctx != nil {
		c.ctx.end(context.Canceled)
	}
	c.settleBody()
	status := c.rc.Response.StatusCode()
	c.s.spans.end(c, status)
	c.s.meters.end(c, status)
	c.release()
}

// settleBody closes the connection after the answer when the body was not read
// to its end: what is left of it must not be taken for the next request.
func (c *call) settleBody() {
	if c.bodyDone || c.rc.RequestBodyStream() == nil {
		return
	}
	if n := c.rc.Request.Header.ContentLength(); n >= 0 && n <= prefetched {
		return // fasthttp has read all of it
	}
	c.closeAfter()
}

// closeAfter makes the connection end, in order, after this answer.
func (c *call) closeAfter() {
	c.rc.SetConnectionClose()
	markUnread(c.rc.Conn())
}

const keptBuffer = 64 << 10

// release drops what must not be kept between requests, large buffers included.
func (c *call) release() {
	c.rc, c.fiber, c.route, c.ctx, c.key, c.site, c.origin, c.body = nil, nil, nil, nil, nil, nil, nil, nil
	for _, b := range []*[]byte{&c.raw, &c.inflate, &c.out, &c.scratch} {
		if cap(*b) > keptBuffer {
			*b = nil
		}
	}
	c.reader.Reset(nil)
	c.in.reset()
	c.query = site.Query{}
	c.request = ingest.Request{}
	c.span = spanHandle{}
}

func (c *call) routeName() string {
	if c.route == nil {
		return ""
	}
	return c.route.name
}

func (c *call) requestID() string { return string(c.id[:c.idLen]) }

// header gives a request header; valid until the request ends.
func (c *call) header(name string) []byte { return c.rc.Request.Header.Peek(name) }

// queryArg gives a query parameter as a string of its own.
func (c *call) queryArg(name string) string { return string(c.rc.QueryArgs().Peek(name)) }

// param gives a path parameter, percent-decoded: an id may hold a slash.
func (c *call) param(name string) (string, error) {
	v, err := url.PathUnescape(c.fiber.Params(name))
	if err != nil {
		return "", badRequest("invalid_path", "the path holds a broken percent escape")
	}
	return v, nil
}

// visitorID is the visitor that the path names, under the rules for bodies.
func (c *call) visitorID() (string, error) { return c.checkedParam(event.Junk) }

// itemID is the item that the path names, under the rules for bodies: shops
// number their products from 0.
func (c *call) itemID() (string, error) {
	return c.checkedParam(func(id string) bool { return id != "0" && event.Junk(id) })
}

func (c *call) checkedParam(junk func(id string) bool) (string, error) {
	id, err := c.param("id")
	switch {
	case err != nil:
		return "", err
	case event.CheckID(id) != nil:
		return "", invalidField("invalid_id", "/id", detailID)
	case junk(id):
		return "", invalidField("junk_id", "/id", "is a placeholder, not an id")
	}
	return id, nil
}

// send writes the answer; body is copied.
func (c *call) send(status int, contentType string, body []byte) {
	c.head(status, contentType)
	c.rc.Response.SetBody(body)
}

// sendOut writes c.out as the answer, by exchanging it for the response's buffer.
func (c *call) sendOut(status int) {
	c.head(status, typeJSON)
	c.out = c.rc.Response.SwapBody(c.out)
}

func (c *call) head(status int, contentType string) {
	r := &c.rc.Response
	r.SetStatusCode(status)
	r.Header.SetContentType(contentType)
	r.Header.SetCanonical(headerCacheControl, valueNoStore)
}

const (
	typeJSON    = "application/json"
	typeProblem = "application/problem+json"
)

// canonical header names and values as bytes, for setting without a conversion.
var (
	headerCacheControl = []byte(fiber.HeaderCacheControl)
	headerServerTiming = []byte("Server-Timing")
	valueNoStore       = []byte("no-store")
)

const maxRequestID = 64

// idSource makes request ids: a random prefix for the process and a counter.
type idSource struct {
	prefix string
	next   atomic.Uint64
}

// take copies the caller's id when it is sane, else makes one; it returns the length.
func (s *idSource) take(dst []byte, sent []byte) int {
	if saneRequestID(sent) {
		return copy(dst, sent)
	}
	b := append(dst[:0], s.prefix...)
	return len(strconv.AppendUint(b, s.next.Add(1), 36))
}

// saneRequestID lets nothing through that could break a log line or a header.
func saneRequestID(b []byte) bool {
	if len(b) == 0 || len(b) > maxRequestID {
		return false
	}
	for _, ch := range b {
		switch {
		case ch >= 'a' && ch <= 'z', ch >= 'A' && ch <= 'Z', ch >= '0' && ch <= '9':
		case ch == '-' || ch == '_' || ch == '.' || ch == ':':
		default:
			return false
		}
	}
	return true
}
