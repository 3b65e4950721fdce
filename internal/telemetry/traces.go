package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// defaultSampleRatio keeps one new trace of a hundred; a caller's own decision
// (traceparent) always goes first.
const defaultSampleRatio = 0.01

// startTraces makes a tracer provider that exports, or with no endpoint one
// whose spans cost nothing and only carry the caller's context on.
func (t *Telemetry) startTraces(ctx context.Context, o Options, res *resource.Resource) error {
	if o.OTLPEndpoint == "" {
		t.Tracer = noop.NewTracerProvider()
		return nil
	}
	endpoint, err := tracesURL(o.OTLPEndpoint)
	if err != nil {
		return err
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint))
	if err != nil {
		return fmt.Errorf("start the traces exporter: %w", err)
	}
	ratio := o.SampleRatio
	if ratio <= 0 {
		ratio = defaultSampleRatio
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithResource(res),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))),
		sdktrace.WithBatcher(loggedExporter{exporter, t.Logger}))
	t.Tracer = provider
	t.shutdown = append(t.shutdown, provider.Shutdown)
	return nil
}

// tracesURL checks the endpoint and adds the standard path when it has none.
func tracesURL(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", fmt.Errorf("OTLP endpoint %q is not a URL such as http://collector:4318", endpoint)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// loggedExporter logs a failed export through the program's log instead of the
// SDK's global error handler.
type loggedExporter struct {
	sdktrace.SpanExporter
	log *slog.Logger
}

// ExportSpans exports; a failure loses these spans and is logged.
func (e loggedExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.log.Warn("traces could not be sent", "spans", len(spans), "cause", err)
	}
	return nil
}
