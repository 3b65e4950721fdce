package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
)

func start(t *testing.T, o Options) *Telemetry {
	t.Helper()
	if o.Out == nil {
		o.Out = io.Discard
	}
	tel, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	return tel
}

func scrape(t *testing.T, tel *Telemetry) string {
	t.Helper()
	w := httptest.NewRecorder()
	tel.MetricsHandler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("/metrics answered %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func names() Names {
	return Names{Stages: []string{"session", "score"}, Signals: []string{"profile", "rules"}}
}

func TestMetricsShowTheSeries(t *testing.T) {
	tel := start(t, Options{ServiceVersion: "v1.2.3"})
	s, err := NewStages(tel, names())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ObserveSessions(func() int { return 7 }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ObserveFreshness("shop", "trending", func() (time.Duration, bool) { return 250 * time.Millisecond, true }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ObserveFreshness("shop", "model", func() (time.Duration, bool) { return 0, false }); err != nil {
		t.Fatal(err)
	}
	s.Stage("session", 15*time.Microsecond)
	s.Stage("nobody announced this", time.Millisecond)
	s.Degraded("profile")
	s.Degraded("moon phase")

	got := scrape(t, tel)
	for _, want := range []string{
		`nextbest_stage_duration_seconds_bucket{stage="session",le="1e-05"} 0`,
		`nextbest_stage_duration_seconds_bucket{stage="session",le="2e-05"} 1`,
		`nextbest_stage_duration_seconds_count{stage="other"} 1`,
		`nextbest_degraded_total{signal="profile"} 1`,
		`nextbest_degraded_total{signal="rules"} 0`,
		`nextbest_degraded_total{signal="other"} 1`,
		`nextbest_sessions 7`,
		`nextbest_freshness_seconds{signal="trending",site="shop"} 0.25`,
		`service_name="nextbest"`, `service_version="v1.2.3"`,
		"go_goroutines", "process_resident_memory_bytes",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if strings.Contains(got, `signal="model"`) || strings.Contains(got, "announced") || strings.Contains(got, "moon") {
		t.Error("/metrics shows a series that it must not")
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestObservingEnds(t *testing.T) {
	tel := start(t, Options{})
	s, err := NewStages(tel, Names{})
	if err != nil {
		t.Fatal(err)
	}
	stop, err := s.ObserveSessions(func() int { return 1 })
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(scrape(t, tel), "nextbest_sessions 1") {
		t.Error("the gauge is still observed")
	}
}

func TestRecordingAllocatesNothing(t *testing.T) {
	tel := start(t, Options{})
	s, err := NewStages(tel, names())
	if err != nil {
		t.Fatal(err)
	}
	got := testing.AllocsPerRun(1000, func() {
		s.Stage("session", 123*time.Microsecond)
		s.Degraded("profile")
		s.Degraded("moon phase")
		s.Stage("unknown", time.Second)
	})
	if got != 0 && !raceEnabled {
		t.Errorf("recording allocates %v times", got)
	}
}

func TestNoEndpointMeansNoSpans(t *testing.T) {
	tel := start(t, Options{})
	tracer := tel.Tracer.Tracer("test")
	_, span := tracer.Start(t.Context(), "an answer")
	if span.IsRecording() || span.SpanContext().IsSampled() {
		t.Error("a span is recorded though nobody wants it")
	}
	parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, Remote: true})
	_, child := tracer.Start(trace.ContextWithSpanContext(t.Context(), parent), "an answer")
	if child.SpanContext().TraceID() != parent.TraceID() {
		t.Error("the caller's trace is lost")
	}
}

func TestShutdownSendsTheSpans(t *testing.T) {
	var posts atomic.Int32
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/traces" {
			posts.Add(1)
		}
	}))
	defer collector.Close()
	tel := start(t, Options{OTLPEndpoint: collector.URL, SampleRatio: 1})
	_, span := tel.Tracer.Tracer("test").Start(t.Context(), "an answer")
	span.End()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if posts.Load() != 1 {
		t.Errorf("the collector got %d posts, want 1", posts.Load())
	}
}

func TestFailedExportIsLogged(t *testing.T) {
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer collector.Close()
	var log bytes.Buffer
	tel := start(t, Options{OTLPEndpoint: collector.URL, SampleRatio: 1, Out: &log})
	_, span := tel.Tracer.Tracer("test").Start(t.Context(), "an answer")
	span.End()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "traces could not be sent") {
		t.Errorf("the log says nothing of the failure: %q", log.String())
	}
}

func TestWrongOptions(t *testing.T) {
	for _, o := range []Options{
		{LogFormat: "xml"}, {OTLPEndpoint: "collector:4318"}, {OTLPEndpoint: "ftp://collector"}, {OTLPEndpoint: "http://"},
	} {
		if _, err := New(t.Context(), o); err == nil {
			t.Errorf("New(%+v) found nothing wrong", o)
		}
	}
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	tel := start(t, Options{LogFormat: "json", LogLevel: slog.LevelWarn, Out: &out})
	tel.Logger.Info("hidden")
	tel.Logger.Warn("shown", "n", 1)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["msg"] != "shown" || line["n"] != 1.0 {
		t.Errorf("logged %q (%v)", out.String(), err)
	}
	out.Reset()
	tel = start(t, Options{Out: &out})
	tel.Logger.Debug("hidden")
	tel.Logger.Info("shown")
	if s := out.String(); !strings.Contains(s, "msg=shown") || strings.Contains(s, "hidden") {
		t.Errorf("logged %q", s)
	}
}

func BenchmarkStage(b *testing.B) {
	tel, err := New(b.Context(), Options{Out: io.Discard})
	if err != nil {
		b.Fatal(err)
	}
	s, err := NewStages(tel, names())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Stage("session", 123*time.Microsecond)
	}
}
