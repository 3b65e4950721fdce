package ingest

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// dropReason is why an event went no further.
type dropReason uint8

const (
	dropInvalid dropReason = iota
	dropConsent
	dropDuplicate
	dropErased
	dropQueueFull
	dropClosing
	dropStore
	dropReasons // their number
)

var reasonNames = [dropReasons]string{"invalid", "consent", "duplicate", "erased", "queue_full", "closing", "store"}

// instruments are the collector's metrics. They carry no ids.
type instruments struct {
	accepted metric.Int64Counter
	dropped  metric.Int64Counter
	flagged  metric.Int64Counter
	unknown  metric.Int64Counter
	unproved metric.Int64Counter
	append   metric.Float64Histogram
	reasons  [dropReasons][]metric.AddOption // made once: counting must not allocate
	queue    metric.Registration
}

func newInstruments(p metric.MeterProvider, log *slog.Logger, depth func() int64) instruments {
	if p == nil {
		p = noop.NewMeterProvider()
	}
	m := p.Meter("github.com/nextbest/nextbest/session/ingest")
	check := func(err error) {
		if err != nil {
			log.Warn("a metric could not be made", "error", err)
		}
	}
	var i instruments
	var err error
	i.accepted, err = m.Int64Counter("nextbest.ingest.accepted", metric.WithUnit("{event}"), metric.WithDescription("Events taken in."))
	check(err)
	i.dropped, err = m.Int64Counter("nextbest.ingest.dropped", metric.WithUnit("{event}"), metric.WithDescription("Events that went no further, by reason."))
	check(err)
	i.flagged, err = m.Int64Counter("nextbest.ingest.flagged", metric.WithUnit("{event}"), metric.WithDescription("Events past a session's daily limit: stored, not folded."))
	check(err)
	i.unknown, err = m.Int64Counter("nextbest.ingest.unknown_fields", metric.WithUnit("{field}"), metric.WithDescription("Unknown fields that were ignored."))
	check(err)
	i.unproved, err = m.Int64Counter("nextbest.ingest.user_tokens_refused", metric.WithUnit("{batch}"),
		metric.WithDescription("Batches whose user_token proved nothing: their user_id stayed a label."))
	check(err)
	i.append, err = m.Float64Histogram("nextbest.ingest.append.duration", metric.WithUnit("s"), metric.WithDescription("Time to store one write."),
		metric.WithExplicitBucketBoundaries(.00001, .00003, .0001, .0003, .001, .003, .01, .03, .1, .3, 1, 3))
	check(err)
	waiting, err := m.Int64ObservableGauge("nextbest.ingest.queue", metric.WithUnit("{batch}"), metric.WithDescription("Batches that wait to be stored."))
	check(err)
	i.queue, err = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(waiting, depth())
		return nil
	}, waiting)
	check(err)
	for r := range i.reasons {
		i.reasons[r] = []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reasonNames[r])))}
	}
	return i
}

func (i *instruments) drop(ctx context.Context, r dropReason, n int) {
	if n > 0 {
		i.dropped.Add(ctx, int64(n), i.reasons[r]...)
	}
}

// count counts a batch that was answered.
func (i *instruments) count(ctx context.Context, r *Result, unknown int) {
	if r.Accepted > 0 {
		i.accepted.Add(ctx, int64(r.Accepted))
	}
	if unknown > 0 {
		i.unknown.Add(ctx, int64(unknown))
	}
	i.drop(ctx, dropInvalid, len(r.Invalid))
}

func (i *instruments) close() error {
	if i.queue == nil {
		return nil
	}
	return i.queue.Unregister()
}
