package httpapi

import (
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/nextbest/nextbest/internal/fault"
)

// callKey is where a request's call is found between serve and its route.
const callKey = "nextbest.call"

// serve is the one way in for every request that fasthttp could read: framing
// first, then the route, and whatever happens an answer that says what it is.
func (s *Server) serve(rc *fasthttp.RequestCtx) {
	c := s.calls.Get().(*call)
	c.begin(rc)
	if !s.survive(c, s.run) {
		return // a panic left the call in an unknown state: it is not reused
	}
	c.finish()
	s.calls.Put(c)
}

// survive runs the request; a panic is a defect of ours, logged, and a 500.
func (s *Server) survive(c *call, run func(*call)) (sound bool) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("a handler panicked", "route", c.routeName(), "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			c.rc.Response.ResetBody()
			c.refuse(fault.New(fault.Internal, "internal", "something went wrong on our side"))
			c.finish()
			sound = false
		}
	}()
	run(c)
	return true
}

func (s *Server) run(c *call) {
	rc := c.rc
	if err := checkFraming(&rc.Request.Header); err != nil {
		c.closeAfter()
		c.refuse(err)
		return
	}
	if !knownMethod(rc.Method()) {
		c.refuse(methodNotAllowed(string(rc.Method()), ""))
		return
	}
	if rc.IsPost() {
		// Fiber compares the same bytes: it is case-sensitive and strict here.
		if c.route = s.hot[string(rc.URI().PathOriginal())]; c.route != nil {
			s.answer(c)
			return
		}
	}
	rc.SetUserValue(callKey, c)
	s.inner(rc)
}

func knownMethod(m []byte) bool {
	switch string(m) {
	case fiber.MethodGet, fiber.MethodHead, fiber.MethodPost, fiber.MethodPut, fiber.MethodPatch, fiber.MethodDelete, fiber.MethodOptions:
		return true
	}
	return false // TRACE and CONNECT among them
}

// register makes Fiber lead a path to a route, and answers its preflights.
func (s *Server) register(r *route) {
	s.app.Add(r.method, r.path, func(f *fiber.Ctx) error {
		c, ok := f.Context().UserValue(callKey).(*call)
		if !ok {
			return errors.New("a route ran outside serve")
		}
		c.fiber, c.route = f, r
		s.answer(c)
		return nil
	})
}

// answer runs a route inside its lane.
func (s *Server) answer(c *call) {
	ln := &s.lanes[c.route.lane]
	if !ln.enter() {
		c.refuse(overloaded())
		return
	}
	defer ln.leave()
	c.open()
	if err := c.route.handle(c); err != nil {
		c.refuse(err)
	}
}

// unrouted answers what Fiber found no route for.
func (s *Server) unrouted(f *fiber.Ctx, err error) error {
	c, ok := f.Context().UserValue(callKey).(*call)
	if !ok {
		return err
	}
	var fe *fiber.Error
	switch {
	case errors.As(err, &fe) && fe.Code == fiber.StatusMethodNotAllowed:
		err = methodNotAllowed(f.Method(), string(f.Response().Header.Peek(fiber.HeaderAllow)))
	case errors.As(err, &fe) && fe.Code == fiber.StatusNotFound:
		err = fault.NotFoundf("unknown_path", "there is nothing at %s; GET /openapi.json names what there is", printable(f.Path()))
	}
	c.refuse(err)
	return nil
}

// unreadable answers what fasthttp could not read as a request. The cause is
// not shown: it can hold the client's bytes.
func (s *Server) unreadable(rc *fasthttp.RequestCtx, err error) {
	c := s.calls.Get().(*call)
	c.begin(rc)
	c.closeAfter()
	c.refuse(unreadableFault(err))
	c.finish()
	s.calls.Put(c)
}

func unreadableFault(err error) error {
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	switch {
	case errors.As(err, &small):
		f := fault.Invalidf("headers_too_large", "the request line and headers are larger than %d bytes", headerLimit)
		f.Status = fiber.StatusRequestHeaderFieldsTooLarge
		return f
	case errors.As(err, &timeout) && timeout.Timeout():
		return tooSlow()
	}
	return badFraming("this is not a well-formed HTTP/1.1 request")
}

func tooSlow() error {
	f := fault.Invalidf("request_timeout", "the request did not arrive in time")
	f.Status = fiber.StatusRequestTimeout
	return f
}

func overloaded() error {
	f := fault.Overloadedf(time.Second, "overloaded", "too many requests are being answered; try again after the time in Retry-After")
	f.Status = fiber.StatusServiceUnavailable
	return f
}

func methodNotAllowed(method, allow string) error {
	detail := "the method " + printable(method) + " is not answered here"
	if allow != "" {
		detail += "; allowed: " + allow
	}
	f := fault.New(fault.Invalid, "method_not_allowed", "%s", detail)
	f.Status = fiber.StatusMethodNotAllowed
	return f
}

// laneID is one of the lanes that requests are admitted in.
type laneID uint8

const (
	laneLive laneID = iota
	laneEvents
	laneControl
	laneCount
)

// lane counts what is being worked on.
type lane struct {
	max  int64
	busy atomic.Int64
}

func (l *lane) enter() bool {
	if l.busy.Add(1) > l.max {
		l.busy.Add(-1)
		return false
	}
	return true
}

func (l *lane) leave() { l.busy.Add(-1) }
