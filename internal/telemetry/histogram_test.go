package telemetry

import (
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func TestHistogramCountsWhatManyRecord(t *testing.T) {
	p := &histograms{start: time.Unix(1, 0)}
	h := p.add("x", "an x", "stage", []string{"a", "never"})["a"]
	took := []time.Duration{-1, 0, 5 * time.Microsecond, 5*time.Microsecond + 1, 10 * time.Second, 11 * time.Second}
	const each = 500
	var all sync.WaitGroup
	for _, d := range took {
		all.Go(func() {
			for range each {
				h.record(d)
			}
		})
	}
	all.Wait()
	got, err := p.Produce(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	data := got[0].Metrics[0].Data.(metricdata.Histogram[float64])
	if len(data.DataPoints) != 1 {
		t.Fatalf("%d series, want the one that was recorded", len(data.DataPoints))
	}
	point, last := data.DataPoints[0], len(bucketBounds)
	want := map[int]uint64{0: 3 * each, 1: each, last - 1: each, last: each}
	for i, n := range point.BucketCounts {
		if n != want[i] {
			t.Errorf("bucket %d holds %d, want %d", i, n, want[i])
		}
	}
	sum := time.Duration(0)
	for _, d := range took {
		sum += each * d
	}
	if diff := point.Sum - sum.Seconds(); point.Count != uint64(each*len(took)) || diff > 1e-6 || diff < -1e-6 {
		t.Errorf("count %d, sum %v, want %d and %v", point.Count, point.Sum, each*len(took), sum.Seconds())
	}
}

func TestStagesShareTheirBucketsWithOtherDurations(t *testing.T) {
	tel := start(t, Options{})
	s, err := NewStages(tel, names())
	if err != nil {
		t.Fatal(err)
	}
	other, err := tel.Meter.Meter("x").Float64Histogram("x.duration", metric.WithUnit("s"))
	if err != nil {
		t.Fatal(err)
	}
	s.Stage("score", 20*time.Millisecond)
	other.Record(t.Context(), .02)
	var les [2]int
	for line := range strings.Lines(scrape(t, tel)) {
		if strings.HasPrefix(line, "nextbest_stage_duration_seconds_bucket") {
			les[0]++
		}
		if strings.Contains(line, "nextbest_stage_duration_seconds_sum") && !strings.HasSuffix(strings.TrimSpace(line), " 0.02") {
			t.Errorf("the sum reads %s", line)
		}
		if strings.HasPrefix(line, "x_duration") && strings.Contains(line, "_bucket") {
			les[1]++
		}
	}
	if les[0] != len(bucketBounds)+1 || les[1] != les[0] {
		t.Errorf("a stage and another duration show %v buckets, want %d", les, len(bucketBounds)+1)
	}
}
