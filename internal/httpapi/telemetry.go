package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
	"go.opentelemetry.io/otel/trace"
)

const scopeName = "github.com/nextbest/nextbest/internal/httpapi"

// meters holds the server's instruments. Attribute sets are made once per
// route, method and status, because making one costs more than recording.
type meters struct {
	on       bool
	duration metric.Float64Histogram
	problems metric.Int64Counter
	unknown  metric.Int64Counter
	active   [len(methodNames)]atomic.Int64
	strays   route // stands for requests that no route got
}

// methodNames are the values of http.request.method; the last stands for the rest.
var methodNames = [...]string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "_OTHER"}

func newMeters(mp metric.MeterProvider) (*meters, error) {
	m := &meters{on: mp != nil}
	if mp == nil {
		mp = noop.NewMeterProvider()
	}
	meter := mp.Meter(scopeName)
	duration, err := httpconv.NewServerRequestDuration(meter, metric.WithExplicitBucketBoundaries(
		.0005, .001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10))
	if err != nil {
		return nil, err
	}
	m.duration = duration.Inst()
	if m.problems, err = meter.Int64Counter("nextbest.http.problems", metric.WithUnit("{answer}"),
		metric.WithDescription("Answers that refused a request, by code.")); err != nil {
		return nil, err
	}
	if m.unknown, err = meter.Int64Counter("nextbest.http.unknown_fields", metric.WithUnit("{field}"),
		metric.WithDescription("Unknown JSON fields that were ignored.")); err != nil {
		return nil, err
	}
	active, err := httpconv.NewServerActiveRequestsObservable(meter)
	if err != nil {
		return nil, err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for i, name := range methodNames {
			o.ObserveInt64(active.Inst(), m.active[i].Load(),
				metric.WithAttributes(active.AttrRequestMethod(httpconv.RequestMethodAttr(name)), active.AttrURLScheme("http")))
		}
		return nil
	}, active.Inst())
	return m, err
}

func methodIndex(method []byte) int {
	for i, name := range methodNames {
		if string(method) == name {
			return i
		}
	}
	return len(methodNames) - 1
}

func (m *meters) begin(method []byte) {
	if m.on {
		m.active[methodIndex(method)].Add(1)
	}
}

// end records what the request took.
func (m *meters) end(c *call, status int) {
	if !m.on {
		return
	}
	i := methodIndex(c.rc.Method())
	m.active[i].Add(-1)
	r := c.route
	if r == nil {
		r = &m.strays
	}
	m.duration.Record(context.Background(), time.Since(c.start).Seconds(), r.labels.of(r.name, i, status)...)
}

// problem counts a refusal. Codes are ours, so their number is bounded.
func (m *meters) problem(code string) {
	if m.on {
		m.problems.Add(context.Background(), 1, metric.WithAttributes(attribute.String("code", code)))
	}
}

// ignored counts unknown fields.
func (m *meters) ignored(r *route, n int) {
	if m.on && n > 0 {
		m.unknown.Add(context.Background(), int64(n), metric.WithAttributes(semconv.HTTPRoute(r.name)))
	}
}

const (
	firstStatus = 100
	statusRange = 500
)

// labelCache holds the attribute sets of one route.
type labelCache struct {
	sets [len(methodNames)]atomic.Pointer[[statusRange]atomic.Pointer[[]metric.RecordOption]]
}

func (l *labelCache) of(route string, method, status int) []metric.RecordOption {
	if status < firstStatus || status >= firstStatus+statusRange {
		status = http.StatusInternalServerError
	}
	row := l.sets[method].Load()
	if row == nil {
		l.sets[method].CompareAndSwap(nil, new([statusRange]atomic.Pointer[[]metric.RecordOption]))
		row = l.sets[method].Load()
	}
	at := &row[status-firstStatus]
	if opts := at.Load(); opts != nil {
		return *opts
	}
	attrs := []attribute.KeyValue{
		attribute.String("http.request.method", methodNames[method]),
		semconv.URLScheme("http"),
		semconv.HTTPResponseStatusCode(status),
	}
	if route != "" {
		attrs = append(attrs, semconv.HTTPRoute(route))
	}
	if status >= http.StatusInternalServerError {
		attrs = append(attrs, attribute.String("error.type", strconv.Itoa(status)))
	}
	opts := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
	at.Store(&opts)
	return opts
}

// spans continues the caller's trace.
type spans struct {
	tracer trace.Tracer // nil: nothing is sampled, the context is still handed on
	read   propagation.TraceContext
}

// spanHandle is the span of one request; the zero value is none.
type spanHandle struct{ span trace.Span }

func newSpans(tp trace.TracerProvider) *spans {
	s := &spans{}
	if tp != nil {
		s.tracer = tp.Tracer(scopeName)
	}
	return s
}

// carrier reads trace headers.
type carrier struct{ c *call }

// Get returns a header.
func (h carrier) Get(key string) string { return string(h.c.header(key)) }

// Set does nothing: a request's headers are not changed.
func (h carrier) Set(string, string) {}

// Keys names what is read.
func (h carrier) Keys() []string { return []string{"traceparent", "tracestate"} }

// start makes the context that the request's own derives from.
func (s *spans) start(c *call) context.Context {
	ctx := context.Background()
	if len(c.header("Traceparent")) > 0 {
		ctx = s.read.Extract(ctx, carrier{c})
	}
	if s.tracer == nil {
		return ctx
	}
	ctx, span := s.tracer.Start(ctx, c.route.method+" "+c.route.name, trace.WithSpanKind(trace.SpanKindServer))
	if span.IsRecording() {
		span.SetAttributes(attribute.String("http.request.method", c.route.method), semconv.HTTPRoute(c.route.name),
			semconv.URLScheme("http"))
	}
	c.span = spanHandle{span: span}
	return ctx
}

func (s *spans) end(c *call, status int) {
	span := c.span.span
	if span == nil {
		return
	}
	if span.IsRecording() {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	}
	span.End()
}

// traceID is for the log; "" when there is none.
func (h spanHandle) traceID() string {
	if h.span == nil || !h.span.SpanContext().HasTraceID() {
		return ""
	}
	return h.span.SpanContext().TraceID().String()
}
