package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/nextbest/nextbest/loadtest/pace"
)

// round is one measurement of ours between two of the control.
type round struct {
	Ours    pace.Result   `json:"ours"`
	Control []pace.Result `json:"control,omitempty"`
}

// controlRate is what the control did in this round.
func (r round) controlRate() float64 {
	sum := 0.0
	for _, c := range r.Control {
		sum += c.PerSecond
	}
	if len(r.Control) == 0 {
		return 0
	}
	return sum / float64(len(r.Control))
}

func (r round) String() string {
	s := fmt.Sprintf("%.0f/s", r.Ours.PerSecond)
	for _, name := range r.Ours.Names() {
		l := r.Ours.Latency[name]
		s += fmt.Sprintf("  %s p50 %.2f p99 %.2f ms", name, l.P50/1000, l.P99/1000)
	}
	if c := r.controlRate(); c > 0 {
		s += fmt.Sprintf("  (control %.0f/s)", c)
	}
	return s
}

// report is the outcome of all rounds; the figures outside Rounds are medians
// of them, counts are sums.
type report struct {
	Mode        string  `json:"mode"`
	Closed      bool    `json:"closed"`
	Rate        float64 `json:"rate,omitempty"` // units a second that were asked for
	Conns       int     `json:"conns"`
	Seconds     float64 `json:"seconds"`
	AnswerBytes int     `json:"answer_bytes"`

	PerSecond      float64                 `json:"per_second"`
	ControlSecond  float64                 `json:"control_per_second,omitempty"`
	Share          float64                 `json:"share_of_control,omitempty"` // of requests a second; closed loop
	Latency        map[string]pace.Latency `json:"latency"`
	ControlLatency map[string]pace.Latency `json:"control_latency,omitempty"`
	Sent           int64                   `json:"sent"`
	Refused        int64                   `json:"refused"`
	Errors         int64                   `json:"errors"`
	Mismatches     int64                   `json:"mismatches"`
	Degraded       int64                   `json:"degraded"`
	Unsent         int64                   `json:"unsent"`
	LagP99         float64                 `json:"lag_p99_us"`
	ClientCores    float64                 `json:"client_cores"`
	Rounds         []round                 `json:"rounds"`
}

// sum fills in the medians.
func (r *report) sum() {
	var ours, ctl []pace.Result
	var rates, shares []float64
	for _, round := range r.Rounds {
		ours = append(ours, round.Ours)
		ctl = append(ctl, round.Control...)
		if c := round.controlRate(); c > 0 {
			rates, shares = append(rates, c), append(shares, round.Ours.PerSecond/c)
		}
		r.Sent += round.Ours.Sent
		r.Refused += round.Ours.Refused
		r.Errors += round.Ours.Errors
		r.Mismatches += round.Ours.Mismatches
		r.Degraded += round.Ours.Degraded
		r.Unsent += round.Ours.Unsent
	}
	r.ControlSecond = median(rates)
	if r.Closed {
		r.Share = median(shares)
	}
	of := func(f func(pace.Result) float64) float64 { return median(each(ours, f)) }
	r.PerSecond = of(func(p pace.Result) float64 { return p.PerSecond })
	r.LagP99 = of(func(p pace.Result) float64 { return p.LagP99 })
	r.ClientCores = of(func(p pace.Result) float64 { return p.ClientCPU })
	r.Latency, r.ControlLatency = latencies(ours), latencies(ctl)
}

func each[T any](list []T, f func(T) float64) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}

// latencies are the medians over rounds, by kind of request.
func latencies(results []pace.Result) map[string]pace.Latency {
	by := map[string][]pace.Latency{}
	for _, r := range results {
		for name, l := range r.Latency {
			by[name] = append(by[name], l)
		}
	}
	out := map[string]pace.Latency{}
	for name, list := range by {
		of := func(f func(pace.Latency) float64) float64 { return median(each(list, f)) }
		m := pace.Latency{
			P50: of(func(l pace.Latency) float64 { return l.P50 }), P90: of(func(l pace.Latency) float64 { return l.P90 }),
			P99: of(func(l pace.Latency) float64 { return l.P99 }), P999: of(func(l pace.Latency) float64 { return l.P999 }),
			Max: of(func(l pace.Latency) float64 { return l.Max }),
		}
		for _, l := range list {
			m.N += l.N
		}
		out[name] = m
	}
	return out
}

// print shows the report to a person.
func (r *report) print(out io.Writer) error {
	loop := fmt.Sprintf("open loop, %.0f units/s", r.Rate)
	if r.Closed {
		loop = "closed loop"
	}
	p := printer{out: out}
	p.line("\n%s, %s, %d connections, %d rounds of %.0f s, answers of %d bytes", r.Mode, loop, r.Conns, len(r.Rounds), r.Seconds, r.AnswerBytes)
	p.line("  requests/s        %.0f", r.PerSecond)
	p.latencies(r.Latency)
	if r.ControlSecond > 0 {
		p.line("  control: bare Fiber")
		p.line("  requests/s        %.0f", r.ControlSecond)
		p.latencies(r.ControlLatency)
	}
	if r.Share > 0 {
		p.line("  share of control  %.2f", r.Share)
	}
	p.line("  sent %d, errors %d, mismatches %d, degraded %d, refused %d, unsent %d", r.Sent, r.Errors, r.Mismatches, r.Degraded, r.Refused, r.Unsent)
	p.line("  the client used %.2f cores and was up to %.2f ms late (p99)", r.ClientCores, r.LagP99/1000)
	return p.err
}

// printer keeps the first error of many lines.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", args...)
	}
}

func (p *printer) latencies(all map[string]pace.Latency) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p.line("  %-16s  %s", name, all[name])
	}
}
