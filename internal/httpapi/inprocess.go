package httpapi

import (
	"context"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/nextbest/nextbest/internal/fault"
)

// Reply is an answer that was made without HTTP.
type Reply struct {
	Status       int
	ContentType  string
	ServerTiming string
	Body         []byte
}

// Recommend answers the body of a POST /v1/recommendations for a site within
// the process, by the same decoder and encoder and with the rights of a secret
// key: explain, why_not, blend. The demo's page uses it behind its same-origin
// route, so that its publishable key gains no right.
func (s *Server) Recommend(ctx context.Context, siteName string, body []byte) Reply {
	var rc fasthttp.RequestCtx
	rc.Init(&fasthttp.Request{}, nil, nil)
	rc.Request.Header.SetMethod(fiber.MethodPost)
	rc.Request.SetBodyRaw(body)
	c := s.calls.Get().(*call)
	c.begin(&rc)
	c.route = &route{method: fiber.MethodPost, name: "in-process recommendations", lane: laneLive, limit: limitRecommend}
	if s.survive(c, func(c *call) { c.within(ctx, siteName) }) {
		c.finish()
		s.calls.Put(c)
	}
	res := &rc.Response
	return Reply{
		Status:       res.StatusCode(),
		ContentType:  string(res.Header.ContentType()),
		ServerTiming: string(res.Header.Peek("Server-Timing")),
		Body:         append([]byte(nil), res.Body()...),
	}
}

// within runs the recommendations handler for a caller that is trusted.
func (c *call) within(ctx context.Context, siteName string) {
	st, ok := c.s.cfg.Sites(siteName)
	if !ok {
		c.refuse(fault.NotFoundf("unknown_site", "there is no site %s", printable(siteName)))
		return
	}
	c.site, c.siteName, c.trusted = st, siteName, true
	at := c.start.Add(c.s.cfg.Timeouts.Answer)
	if d, ok := ctx.Deadline(); ok && d.Before(at) {
		at = d
	}
	c.ctx = newDeadline(context.WithoutCancel(ctx), at)
	own := c.ctx // the call is reused; the function may run late
	stop := context.AfterFunc(ctx, func() { own.end(context.Cause(ctx)) })
	defer stop()
	if err := recommendations(c); err != nil {
		c.refuse(err)
	}
}
