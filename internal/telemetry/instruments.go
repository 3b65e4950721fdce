package telemetry

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// scope names the program's own instruments.
const scope = "github.com/nextbest/nextbest"

// other stands for a value that was not announced: labels stay bounded.
const other = "other"

// Names are the values that labels may take. What is not among them is counted
// as "other".
type Names struct {
	Stages  []string // of an answer: "session", "profile", "retrieve" …
	Signals []string // that an answer may lack: "profile", "model" …
}

// Stages holds the instruments of the path of an answer. Every attribute set is
// built once, so that recording allocates nothing. Its methods may be called
// concurrently and never block.
type Stages struct {
	meter    metric.Meter
	degraded metric.Int64Counter

	stage  map[string]*histogram
	signal map[string][]metric.AddOption
}

// NewStages makes the instruments:
// nextbest.stage.duration{stage} and nextbest.degraded{signal}.
func NewStages(t *Telemetry, n Names) (*Stages, error) {
	s := &Stages{
		meter: t.Meter.Meter(scope),
		stage: t.histograms.add("nextbest.stage.duration", "Time that a stage of an answer took.",
			"stage", append([]string{other}, n.Stages...)),
	}
	var err error
	if s.degraded, err = s.meter.Int64Counter("nextbest.degraded",
		metric.WithDescription("Answers that were made without a signal.")); err != nil {
		return nil, fmt.Errorf("make the degradation counter: %w", err)
	}
	s.signal = s.counted(s.degraded, "signal", n.Signals)
	return s, nil
}

// counted builds a counter's attribute sets and shows each series as 0 from the
// start: an alert on an increase must see the first one.
func (s *Stages) counted(c metric.Int64Counter, key string, values []string) map[string][]metric.AddOption {
	sets := map[string][]metric.AddOption{other: {label(key, other)}}
	for _, v := range values {
		sets[v] = []metric.AddOption{label(key, v)}
		c.Add(context.Background(), 0, sets[v]...)
	}
	return sets
}

// Stage records what one stage took.
func (s *Stages) Stage(name string, took time.Duration) {
	h, ok := s.stage[name]
	if !ok {
		h = s.stage[other]
	}
	h.record(took)
}

// Degraded counts an answer that lacked a signal.
func (s *Stages) Degraded(signal string) { add(s.degraded, s.signal, signal) }

func add(c metric.Int64Counter, sets map[string][]metric.AddOption, value string) {
	set, ok := sets[value]
	if !ok {
		set = sets[other]
	}
	c.Add(context.Background(), 1, set...)
}

// ObserveSessions shows the number of live sessions as nextbest.sessions. The
// returned function ends it.
func (s *Stages) ObserveSessions(count func() int) (stop func() error, err error) {
	g, err := s.meter.Int64ObservableGauge("nextbest.sessions",
		metric.WithDescription("Sessions held in memory."))
	if err != nil {
		return nil, fmt.Errorf("make the sessions gauge: %w", err)
	}
	return s.observe(g, func(o metric.Observer) { o.ObserveInt64(g, int64(count())) })
}

// ObserveFreshness shows how old a signal of a site is as
// nextbest.freshness{site, signal}, in seconds: the time since the newest input
// that the signal reflects. age reports false while there is nothing to say.
// The returned function ends it.
func (s *Stages) ObserveFreshness(site, signal string, age func() (time.Duration, bool)) (stop func() error, err error) {
	g, err := s.meter.Float64ObservableGauge("nextbest.freshness", metric.WithUnit("s"),
		metric.WithDescription("Age of the newest input that a signal reflects."))
	if err != nil {
		return nil, fmt.Errorf("make the freshness gauge: %w", err)
	}
	set := metric.WithAttributeSet(attribute.NewSet(attribute.String("site", site), attribute.String("signal", signal)))
	return s.observe(g, func(o metric.Observer) {
		if d, ok := age(); ok {
			o.ObserveFloat64(g, d.Seconds(), set)
		}
	})
}

// observe calls fn whenever metrics are read.
func (s *Stages) observe(g metric.Observable, fn func(metric.Observer)) (func() error, error) {
	r, err := s.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		fn(o)
		return nil
	}, g)
	if err != nil {
		return nil, fmt.Errorf("register a gauge: %w", err)
	}
	return r.Unregister, nil
}
