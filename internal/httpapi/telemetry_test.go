package httpapi

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/nextbest/nextbest/internal/site"
)

// tracedSite looks at the context it is called with.
type tracedSite struct {
	*fakeSite
	seen trace.SpanContext
}

func (s *tracedSite) Recommend(ctx context.Context, q *site.Query, a *site.Answer) error {
	s.seen = trace.SpanContextFromContext(ctx)
	return s.fakeSite.Recommend(ctx, q, a)
}

const parent = "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestTraceIsContinued(t *testing.T) {
	for name, provider := range map[string]*sdktrace.TracerProvider{"without spans": nil, "with spans": sdktrace.NewTracerProvider()} {
		t.Run(name, func(t *testing.T) {
			spans := tracetest.NewSpanRecorder()
			f := &tracedSite{fakeSite: newFakeSite()}
			r := run(t, newServer(t, f.fakeSite, func(c *Config) {
				c.Sites = func(string) (Site, bool) { return f, true }
				if provider != nil {
					provider.RegisterSpanProcessor(spans)
					c.TracerProvider = provider
				}
			}))
			if got := r.call("POST", "/v1/recommendations", `{"placement":"home"}`, pageKey, parent); got.status != 200 {
				t.Fatalf("answered %d", got.status)
			}
			if f.seen.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" {
				t.Errorf("the site saw the trace %s", f.seen.TraceID())
			}
			if provider == nil {
				return
			}
			ended := spans.Ended()
			if len(ended) != 1 || ended[0].Name() != "POST /v1/recommendations" || ended[0].Parent().SpanID().String() != "b7ad6b7169203331" {
				t.Errorf("spans %+v", ended)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	r := run(t, newServer(t, newFakeSite(), func(c *Config) {
		c.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	}))
	r.call("POST", "/v1/recommendations", `{"placement":"home","whatever":1}`, pageKey)
	r.call("POST", "/v1/recommendations", `{"placement":"nowhere"}`, pageKey)
	r.call("GET", "/v1/items/a-private-id", "", secretKey)
	r.call("GET", "/nothing/at/all", "")
	r.raw("nonsense\r\n\r\n")

	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	requests := map[string]uint64{}
	counters := map[string]int64{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch points := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range points.DataPoints {
					requests[label(p.Attributes, "http.route")+" "+label(p.Attributes, "http.response.status_code")] += p.Count
				}
			case metricdata.Sum[int64]:
				for _, p := range points.DataPoints {
					counters[m.Name] += p.Value
				}
			}
		}
	}
	for want, n := range map[string]uint64{"/v1/recommendations 200": 1, "/v1/recommendations 404": 1, "/v1/items/{id} 404": 1, " 404": 1, " 400": 1} {
		if requests[want] != n {
			t.Errorf("%q was counted %d times in %v", want, requests[want], requests)
		}
	}
	if counters["nextbest.http.unknown_fields"] != 1 || counters["nextbest.http.problems"] != 4 || counters["http.server.active_requests"] != 0 {
		t.Errorf("counters %v", counters)
	}
}

func label(set attribute.Set, key attribute.Key) string {
	v, _ := set.Value(key)
	return v.String()
}
