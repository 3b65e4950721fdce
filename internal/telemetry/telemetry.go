// Package telemetry sets up what the program tells about itself: metrics for
// Prometheus, traces for an OTLP collector, a log. It alone knows the
// OpenTelemetry SDK; everybody else is given a provider and uses the API.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// ServiceName is the program's name in every signal.
const ServiceName = "nextbest"

// Options say where telemetry goes. The zero value logs text to standard
// error, traces nothing and keeps metrics for the handler.
type Options struct {
	ServiceVersion string
	OTLPEndpoint   string     // URL of an OTLP/HTTP collector; "" traces nothing
	SampleRatio    float64    // share of new traces that are kept; 0 means 0.01
	LogFormat      string     // "text" (the default) or "json"
	LogLevel       slog.Level // the least level that is logged
	Out            io.Writer  // where the log goes; nil means standard error
}

// Telemetry is the running set-up. Its providers are handed to constructors;
// nothing is registered globally.
type Telemetry struct {
	Meter          metric.MeterProvider
	Tracer         trace.TracerProvider
	Logger         *slog.Logger
	MetricsHandler http.Handler // answers /metrics

	histograms *histograms
	shutdown   []func(context.Context) error
}

// New starts telemetry. The caller ends it with Shutdown.
func New(ctx context.Context, o Options) (*Telemetry, error) {
	logger, err := newLogger(o)
	if err != nil {
		return nil, err
	}
	res, err := resource.Merge(resource.Default(), resource.NewSchemaless(
		semconv.ServiceName(ServiceName), semconv.ServiceVersion(o.ServiceVersion)))
	if err != nil {
		return nil, fmt.Errorf("describe the service: %w", err)
	}
	t := &Telemetry{Logger: logger, histograms: &histograms{start: time.Now()}}
	if err := t.startMetrics(res); err != nil {
		return nil, err
	}
	if err := t.startTraces(ctx, o, res); err != nil {
		return nil, errors.Join(err, t.Shutdown(ctx))
	}
	return t, nil
}

// Shutdown sends what is buffered and stops; ctx bounds the wait.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	var errs []error
	for i := len(t.shutdown) - 1; i >= 0; i-- {
		errs = append(errs, t.shutdown[i](ctx))
	}
	t.shutdown = nil
	return errors.Join(errs...)
}

// newLogger makes the program's log.
func newLogger(o Options) (*slog.Logger, error) {
	out := o.Out
	if out == nil {
		out = os.Stderr
	}
	h := &slog.HandlerOptions{Level: o.LogLevel}
	switch o.LogFormat {
	case "", "text":
		return slog.New(slog.NewTextHandler(out, h)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(out, h)), nil
	}
	return nil, fmt.Errorf("log format %q is unknown: use text or json", o.LogFormat)
}

// startMetrics makes a meter provider that a registry of its own reads, so two
// servers in one process (tests) do not meet.
func (t *Telemetry) startMetrics(res *resource.Resource) error {
	reg := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := reg.Register(c); err != nil {
			return fmt.Errorf("register the runtime's metrics: %w", err)
		}
	}
	exporter, err := otelprom.New(otelprom.WithRegisterer(reg), otelprom.WithoutScopeInfo(), otelprom.WithProducer(t.histograms))
	if err != nil {
		return fmt.Errorf("start the metrics exporter: %w", err)
	}
	provider := sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(exporter), sdkmetric.WithResource(res),
		sdkmetric.WithView(durations()), sdkmetric.WithExemplarFilter(noExemplars))
	t.Meter = provider
	t.MetricsHandler = promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: promLog{t.Logger}, MaxRequestsInFlight: 4,
	})
	t.shutdown = append(t.shutdown, provider.Shutdown)
	return nil
}

// durations gives every histogram of seconds named *.duration the same buckets.
func durations() sdkmetric.View {
	return sdkmetric.NewView(
		sdkmetric.Instrument{Name: "*.duration", Kind: sdkmetric.InstrumentKindHistogram, Unit: "s"},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: boundsInSeconds()}})
}

// noExemplars keeps no example measurements: they cost time on the hot path.
func noExemplars(context.Context) bool { return false }

// promLog passes the exposition handler's complaints to the log.
type promLog struct{ l *slog.Logger }

// Println logs one complaint.
func (p promLog) Println(v ...any) { p.l.Warn("metrics could not be shown", "cause", fmt.Sprint(v...)) }

// label is the attribute set {key: value} as a ready-made option.
func label(key, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
}
