package telemetry

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// bucketBounds are in nanoseconds. They tell a stage of 10 µs from one of 20,
// and still see a request of ten seconds. The promised 2, 20 and 50 ms are
// bounds, so that they can be alerted on.
var bucketBounds = [...]int64{
	5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
	1e6, 2e6, 5e6, 1e7, 2e7, 5e7, 1e8, 2e8, 5e8, 1e9, 2e9, 5e9, 1e10,
}

// boundsInSeconds are bucketBounds as the exporter shows them.
func boundsInSeconds() []float64 {
	out := make([]float64, len(bucketBounds))
	for i, b := range bucketBounds {
		out[i] = float64(b) / 1e9
	}
	return out
}

// recordShards spread the counters of a histogram over cache lines, so that
// cores do not wait for each other.
const recordShards = 8

// histogram counts durations for one attribute set. The SDK's own costs half a
// microsecond per record, and an answer records every stage.
type histogram struct {
	attributes attribute.Set
	shards     [recordShards]struct {
		buckets [len(bucketBounds) + 1]atomic.Uint64
		sum     atomic.Int64 // ns
		_       [64]byte
	}
}

// record counts one duration; it may be called concurrently.
func (h *histogram) record(took time.Duration) {
	at := 0
	for at < len(bucketBounds) && int64(took) > bucketBounds[at] {
		at++
	}
	s := &h.shards[rand.Uint32()%recordShards]
	s.buckets[at].Add(1)
	s.sum.Add(int64(took))
}

// point is what was counted since start.
func (h *histogram) point(start, now time.Time) metricdata.HistogramDataPoint[float64] {
	p := metricdata.HistogramDataPoint[float64]{
		Attributes: h.attributes, StartTime: start, Time: now,
		Bounds: boundsInSeconds(), BucketCounts: make([]uint64, len(bucketBounds)+1),
	}
	for i := range h.shards {
		s := &h.shards[i]
		for j := range s.buckets {
			n := s.buckets[j].Load()
			p.BucketCounts[j] += n
			p.Count += n
		}
		p.Sum += time.Duration(s.sum.Load()).Seconds()
	}
	return p
}

// histograms are those that count without the SDK; it reads them as a producer.
type histograms struct {
	start time.Time

	mu  sync.Mutex
	all []metricdata.Metrics // Data is filled when they are read
	of  [][]*histogram       // of each
}

var _ sdkmetric.Producer = (*histograms)(nil)

// add makes the histograms of a metric, one per value of the label key.
func (p *histograms) add(name, description, key string, values []string) map[string]*histogram {
	made := make(map[string]*histogram, len(values))
	list := make([]*histogram, 0, len(values))
	for _, v := range values {
		h := &histogram{attributes: attribute.NewSet(attribute.String(key, v))}
		made[v], list = h, append(list, h)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, metricdata.Metrics{Name: name, Description: description, Unit: "s"})
	p.of = append(p.of, list)
	return made
}

// Produce shows what was counted; what never was is left out.
func (p *histograms) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	out := metricdata.ScopeMetrics{Scope: instrumentation.Scope{Name: scope}}
	for i, m := range p.all {
		data := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
		for _, h := range p.of[i] {
			if point := h.point(p.start, now); point.Count > 0 {
				data.DataPoints = append(data.DataPoints, point)
			}
		}
		m.Data = data
		out.Metrics = append(out.Metrics, m)
	}
	return []metricdata.ScopeMetrics{out}, nil
}
