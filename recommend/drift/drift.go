// Package drift compares what a model's ranker reads while it serves with what
// it read in training. An input whose mean has moved far, because a field of
// the beacons was renamed or a counter stands still, makes a ranker guess; the
// order before the ranker then is the better list.
package drift

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/best"
)

// Reference is what training saw of every input, by policy; best.Model is one.
type Reference interface {
	InputStats(policy best.Policy) (mean, sd [best.Inputs]float32, ok bool)
}

// Config are the bounds of a Monitor; zero values are the defaults.
type Config struct {
	Window time.Duration // over which observations fade by e; 20 s
	Least  int           // requests in the window below which nothing is said; 30
	Bound  float64       // shift in standard deviations of training past which an input has drifted; 2
	Back   float64       // shift below which it is back; three quarters of Bound
}

// The defaults. Healthy traffic stays below a quarter of the bound on
// everything we measured; a broken input, such as one that is always 0, lies
// beyond it when it matters to the ranker.
const (
	defaultWindow = 20 * time.Second
	defaultLeast  = 30
	defaultBound  = 2
	defaultBack   = .75
)

// Figure is the state of one input.
type Figure struct {
	Input   string  `json:"input"`
	Policy  string  `json:"policy"`
	Shift   float64 `json:"shift"` // difference of the means in standard deviations of training
	Drifted bool    `json:"drifted"`
}

// Monitor keeps the figures of one site. Its methods may be called
// concurrently; Observe is meant for a sample of the answers.
type Monitor struct {
	cfg Config

	mu      sync.Mutex
	by      [best.Policies]window
	version string
}

// window is what was seen under one policy, fading with time.
type window struct {
	known    bool
	mean, sd [best.Inputs]float32
	last     time.Time
	requests float64
	sums     [best.Inputs]float64 // of the requests' mean offsets
	drifted  [best.Inputs]bool
}

// New is a monitor without a model.
func New(cfg Config) *Monitor {
	if cfg.Window <= 0 {
		cfg.Window = defaultWindow
	}
	if cfg.Least <= 0 {
		cfg.Least = defaultLeast
	}
	if cfg.Bound <= 0 {
		cfg.Bound = defaultBound
	}
	if cfg.Back <= 0 {
		cfg.Back = defaultBack * cfg.Bound
	}
	return &Monitor{cfg: cfg}
}

// SetModel begins anew with another model; nil takes the reference away.
func (m *Monitor) SetModel(version string, r Reference) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version, m.by = version, [best.Policies]window{}
	if r == nil {
		return
	}
	for p := range m.by {
		w := &m.by[p]
		w.mean, w.sd, w.known = r.InputStats(best.Policy(p))
	}
}

// Observe takes the candidates of a decision that have inputs, each request
// with the same weight. Decisions of another model are passed over.
func (m *Monitor) Observe(now time.Time, d *recommend.Decision) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.window(d.Policy)
	if w == nil || !w.known || d.Versions.Model != m.version {
		return
	}
	var sums [best.Inputs]float64
	n := 0
	for i := range d.Candidates {
		x := d.Candidates[i].Inputs
		if len(x) != best.Inputs {
			continue
		}
		n++
		for k, v := range x {
			sums[k] += w.offset(k, float64(v))
		}
	}
	if n == 0 {
		return
	}
	w.fade(now, m.cfg.Window)
	w.requests++
	for k := range sums {
		w.sums[k] += sums[k] / float64(n)
	}
	m.judge(w)
}

// farthest bounds what one value counts, in standard deviations: an absurd one
// is seen at once and forgotten soon.
const farthest = 100

// offset is how far a value lies from the mean of training, in its standard
// deviations. An input that was constant there has no scale: it counts in
// units of its value.
func (w *window) offset(k int, v float64) float64 {
	mean, sd := float64(w.mean[k]), float64(w.sd[k])
	if sd <= 0 {
		sd = max(1, math.Abs(mean))
	}
	if math.IsNaN(v) {
		return farthest
	}
	return min(max((v-mean)/sd, -farthest), farthest)
}

func (m *Monitor) window(policy string) *window {
	for p := range m.by {
		if best.Policy(p).String() == policy {
			return &m.by[p]
		}
	}
	return nil
}

// fade makes what was seen before weigh less.
func (w *window) fade(now time.Time, over time.Duration) {
	if !w.last.IsZero() && now.After(w.last) {
		by := math.Exp(-now.Sub(w.last).Seconds() / over.Seconds())
		w.requests *= by
		for k := range w.sums {
			w.sums[k] *= by
		}
	}
	if now.After(w.last) {
		w.last = now
	}
}

// judge says of every input whether it has drifted; between the two bounds it
// stays what it was.
func (m *Monitor) judge(w *window) {
	if w.requests < float64(m.cfg.Least) {
		return
	}
	for k := range w.drifted {
		switch shift := w.shift(k); {
		case shift > m.cfg.Bound:
			w.drifted[k] = true
		case shift < m.cfg.Back:
			w.drifted[k] = false
		}
	}
}

// shift is how far the mean of an input has moved.
func (w *window) shift(k int) float64 {
	return math.Abs(w.sums[k] / w.requests)
}

// Drifted reports whether an input of a policy is past its bound.
func (m *Monitor) Drifted() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := range m.by {
		if slices.Contains(m.by[p].drifted[:], true) {
			return true
		}
	}
	return false
}

// Figures are those of the policies that enough was seen of, in the order of
// policies and inputs.
func (m *Monitor) Figures() []Figure {
	names := best.InputNames()
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Figure
	for p := range m.by {
		w := &m.by[p]
		if !w.known || w.requests < float64(m.cfg.Least) {
			continue
		}
		for k, name := range names {
			all = append(all, Figure{Input: name, Policy: best.Policy(p).String(), Shift: w.shift(k), Drifted: w.drifted[k]})
		}
	}
	return all
}
