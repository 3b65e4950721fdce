package httpapi

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

const benchBody = `{"placement":"item","limit":20,"anonymous_id":"4c1d9c5e-6b1f-4f7e-8f7a-0a4a0d6f2c11","session_id":"0d6f2c11-6b1f-4f7e-8f7a-4c1d9c5e0a4a","consent":"full","context":{"item_id":"85123A"},"key":"pk_test"}`

// prepared is a request as fasthttp hands it to its handler.
func prepared(t testing.TB, path, body string) *fasthttp.RequestCtx {
	t.Helper()
	var rc fasthttp.RequestCtx
	rc.Init(&fasthttp.Request{}, nil, nil)
	h := &rc.Request.Header
	h.SetMethod(fiber.MethodPost)
	h.SetHost("shop.example")
	h.SetContentType("text/plain;charset=UTF-8")
	h.SetUserAgent("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0")
	rc.Request.SetRequestURI(path)
	rc.Request.SetBodyString(body)
	return &rc
}

// handlerOf is the server's handler without the check of raw headers, which a
// request that never was on a socket does not have.
func handlerOf(s *Server) fasthttp.RequestHandler {
	return func(rc *fasthttp.RequestCtx) {
		c := s.calls.Get().(*call)
		c.begin(rc)
		rc.SetUserValue(callKey, c)
		s.inner(rc)
		c.finish()
		s.calls.Put(c)
	}
}

// onCPU reports processor time beside wall time, which says little on a
// machine that others use too.
func onCPU(b *testing.B) {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	start := used()
	b.Cleanup(func() { b.ReportMetric(float64(used()-start)/float64(b.N), "cpu-ns/op") })
}

// BenchmarkRecommendations is a whole POST /v1/recommendations over a site that
// answers 20 items at once.
func BenchmarkRecommendations(b *testing.B) {
	f := newFakeSite()
	f.record = false
	serve := handlerOf(newServer(b, f))
	rc := prepared(b, "/v1/recommendations", benchBody)
	b.ReportAllocs()
	onCPU(b)
	for b.Loop() {
		rc.Response.Reset()
		rc.ResetUserValues()
		serve(rc)
	}
	if rc.Response.StatusCode() != 200 {
		b.Fatalf("answered %d %s", rc.Response.StatusCode(), rc.Response.Body())
	}
}

// BenchmarkAppend is the control: a bare Fiber handler that appends an answer
// of the same length, and does nothing else.
func BenchmarkAppend(b *testing.B) {
	app := fiber.New()
	app.Post("/v1/recommendations", func(c *fiber.Ctx) error {
		buf := make([]byte, 0, 4096)
		buf = append(buf, `{"recommendation_id":"AQRpdGVtAAABnT2VYgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","placement":"item","items":[`...)
		for i := range 20 {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = append(buf, `{"item_id":"item-`...)
			buf = strconv.AppendInt(buf, int64(i), 10)
			buf = append(buf, `","slot":`...)
			buf = strconv.AppendInt(buf, int64(i+1), 10)
			buf = append(buf, `,"score":`...)
			buf = strconv.AppendFloat(buf, 1/float64(i+1), 'f', -1, 64)
			buf = append(buf, `,"reason":"session","attributes":{}}`...)
		}
		buf = append(buf, `],"blend":{"session":0.62,"profile":0.38},"session":{"session_id":"s1","events":12,"last_event_id":"e1"},"degraded":[],"versions":{"model":"m1","catalog":"c1","rules":"","profiles":""}}`...)
		c.Set("Content-Type", "application/json")
		return c.Send(buf)
	})
	serve := app.Handler()
	rc := prepared(b, "/v1/recommendations", benchBody)
	b.ReportAllocs()
	onCPU(b)
	for b.Loop() {
		rc.Response.Reset()
		serve(rc)
	}
}

// BenchmarkEvents is a whole POST /v1/events of one event over a site that
// stores nothing.
func BenchmarkEvents(b *testing.B) {
	f := newFakeSite()
	f.record = false
	serve := handlerOf(newServer(b, f))
	rc := prepared(b, "/v1/events", `{"anonymous_id":"4c1d9c5e-6b1f-4f7e-8f7a-0a4a0d6f2c11","session_id":"s1","key":"pk_test","events":[{"event_id":"0d6f2c11-6b1f-4f7e-8f7a-4c1d9c5e0a4a","seq":7,"kind":"view","item_id":"85123A","ts":1790000000000}]}`)
	b.ReportAllocs()
	onCPU(b)
	for b.Loop() {
		rc.Response.Reset()
		rc.ResetUserValues()
		serve(rc)
	}
	if rc.Response.StatusCode() != 202 {
		b.Fatalf("answered %d %s", rc.Response.StatusCode(), rc.Response.Body())
	}
}

// BenchmarkDecode and BenchmarkEncode are the two ends alone.
func BenchmarkDecode(b *testing.B) {
	c := newCall(newServer(b, newFakeSite()))
	body := []byte(benchBody)
	b.ReportAllocs()
	onCPU(b)
	for b.Loop() {
		d := c.startQuery()
		if err := d.decode(body); err != nil {
			b.Fatal(err)
		}
		d.reset()
	}
}

// BenchmarkEncode writes 20 items.
func BenchmarkEncode(b *testing.B) {
	a, _ := sample("85123A", "White hanging heart", 3, .81)
	a.Events, a.Explanation = nil, nil
	for i := range 18 {
		it := a.Items[0]
		it.ItemID = fmt.Sprint("item-", i)
		a.Items = append(a.Items, it)
	}
	var buf []byte
	b.ReportAllocs()
	onCPU(b)
	for b.Loop() {
		buf = appendAnswer(buf[:0], a, []byte("rid"), "home", nil)
	}
}
