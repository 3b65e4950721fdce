package pace

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is one measurement. Counts and times leave the warm-up out, but for
// Unsent.
type Result struct {
	PerSecond  float64            `json:"per_second"` // good answers
	Sent       int64              `json:"sent"`
	Refused    int64              `json:"refused"`    // 429 and 503
	Errors     int64              `json:"errors"`     // other statuses, no answer
	Mismatches int64              `json:"mismatches"` // 2xx with the wrong content
	Degraded   int64              `json:"degraded"`
	Unsent     int64              `json:"unsent"`     // no connection was free for 65,536 requests
	LagP99     float64            `json:"lag_p99_us"` // how late the generator itself was
	ClientCPU  float64            `json:"client_cores"`
	Latency    map[string]Latency `json:"latency"` // by kind of request; "unit" is all of one moment
}

// Latency is in microseconds.
type Latency struct {
	N    int64   `json:"n"`
	P50  float64 `json:"p50_us"`
	P90  float64 `json:"p90_us"`
	P99  float64 `json:"p99_us"`
	P999 float64 `json:"p999_us"`
	Max  float64 `json:"max_us"`
}

// String shows the figures in milliseconds.
func (l Latency) String() string {
	ms := func(us float64) string { return fmt.Sprintf("%.2f", us/1000) }
	return fmt.Sprintf("p50 %s  p90 %s  p99 %s  p99.9 %s  max %s ms  (n=%d)", ms(l.P50), ms(l.P90), ms(l.P99), ms(l.P999), ms(l.Max), l.N)
}

// wholeUnit names the histogram of a unit of several requests.
const wholeUnit = "unit"

// recorder collects what one measurement saw.
type recorder struct {
	from, to time.Time // intended moments that count

	unsent atomic.Int64
	counts [failed + 1]atomic.Int64
	began  time.Time
	cpu    time.Duration // used before began
	mu     sync.Mutex
	hist   map[string]*hdrhistogram.Histogram
	late   *hdrhistogram.Histogram
}

func newRecorder(from, to time.Time) *recorder {
	return &recorder{from: from, to: to, hist: map[string]*hdrhistogram.Histogram{}, late: histogram()}
}

// histogram holds 1 µs to 100 s with three digits.
func histogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(time.Microsecond), int64(100*time.Second), 3)
}

func (r *recorder) startCPU() { r.began, r.cpu = time.Now(), cpuTime() }

func (r *recorder) counted(at time.Time) bool { return !at.Before(r.from) && at.Before(r.to) }

// lag notes how late a unit left.
func (r *recorder) lag(at, now time.Time) {
	if !r.counted(at) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.late.RecordValue(int64(max(now.Sub(at), 0))) // beyond 100 s it is not worth a figure
}

// answer notes one answer; the latency of a refusal or a failure is none of the
// work's and is left out.
func (r *recorder) answer(op *Op, at time.Time, took time.Duration, v verdict) {
	if !r.counted(at) {
		return
	}
	r.counts[v].Add(1)
	if v < refused {
		r.record(op.Name, took)
	}
}

func (r *recorder) whole(at time.Time, took time.Duration) {
	if r.counted(at) {
		r.record(wholeUnit, took)
	}
}

func (r *recorder) record(name string, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.hist[name]
	if h == nil {
		h = histogram()
		r.hist[name] = h
	}
	_ = h.RecordValue(int64(min(took, 100*time.Second)))
}

// result sums up.
func (r *recorder) result(over time.Duration) Result {
	answered := r.counts[good].Load() + r.counts[degraded].Load()
	res := Result{
		PerSecond: float64(answered) / over.Seconds(),
		Refused:   r.counts[refused].Load(), Errors: r.counts[failed].Load(),
		Mismatches: r.counts[mismatch].Load(), Degraded: r.counts[degraded].Load(), Unsent: r.unsent.Load(),
		LagP99:    micros(r.late.ValueAtQuantile(99)),
		ClientCPU: (cpuTime() - r.cpu).Seconds() / time.Since(r.began).Seconds(),
		Latency:   map[string]Latency{},
	}
	for i := range r.counts {
		res.Sent += r.counts[i].Load()
	}
	for name, h := range r.hist {
		res.Latency[name] = Latency{
			N: h.TotalCount(), P50: micros(h.ValueAtQuantile(50)), P90: micros(h.ValueAtQuantile(90)),
			P99: micros(h.ValueAtQuantile(99)), P999: micros(h.ValueAtQuantile(99.9)), Max: micros(h.Max()),
		}
	}
	return res
}

func micros(ns int64) float64 { return float64(ns/100) / 10 }

// Names lists the kinds of requests in order.
func (r Result) Names() []string { return slices.Sorted(maps.Keys(r.Latency)) }

// Clean reports that every answer was what was asked for and healthy.
func (r Result) Clean() bool {
	return r.Errors == 0 && r.Mismatches == 0 && r.Degraded == 0 && r.Unsent == 0
}
