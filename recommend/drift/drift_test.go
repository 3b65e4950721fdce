package drift

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/best"
)

// training is a reference whose input k has mean k and deviation 1+k/10.
type training struct{}

func (training) InputStats(p best.Policy) (mean, sd [best.Inputs]float32, ok bool) {
	for k := range mean {
		mean[k], sd[k] = float32(k), 1+float32(k)/10
	}
	return mean, sd, p == best.Current
}

// traffic makes decisions as training saw them, but for what change does.
type traffic struct {
	rng    *rand.Rand
	change func(inputs []float32)
}

func (t *traffic) decision() *recommend.Decision {
	d := &recommend.Decision{Policy: "current", Versions: recommend.Versions{Model: "m"}}
	mean, sd, _ := training{}.InputStats(best.Current)
	for range 40 {
		x := make([]float32, best.Inputs)
		for k := range x {
			x[k] = mean[k] + sd[k]*float32(t.rng.NormFloat64())
		}
		if t.change != nil {
			t.change(x)
		}
		d.Candidates = append(d.Candidates, recommend.Considered{Inputs: x})
	}
	d.Candidates = append(d.Candidates, recommend.Considered{}) // one without inputs counts for nothing
	return d
}

func (t *traffic) run(m *Monitor, now *time.Time, over time.Duration, perSecond int) {
	for range int(over.Seconds()) * perSecond {
		*now = now.Add(time.Second / time.Duration(perSecond))
		m.Observe(*now, t.decision())
	}
}

func start() (*Monitor, *traffic, *time.Time) {
	m := New(Config{})
	m.SetModel("m", training{})
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	return m, &traffic{rng: rand.New(rand.NewPCG(1, 2))}, &now
}

func TestAShiftIsSeenWithinAMinuteAndForgotten(t *testing.T) {
	m, traffic, now := start()
	traffic.run(m, now, 5*time.Minute, 5)
	if m.Drifted() {
		t.Fatalf("healthy traffic has drifted: %v", m.Figures())
	}
	const broken = 9
	traffic.change = func(x []float32) { x[broken] += 3 * (1 + float32(broken)/10) } // 3 deviations
	traffic.run(m, now, time.Minute, 5)
	if !m.Drifted() {
		t.Fatalf("a shift by 3 deviations was not seen within a minute: %v", m.Figures())
	}
	for _, f := range m.Figures() {
		if want := f.Input == best.InputNames()[broken]; f.Drifted != want {
			t.Errorf("%s: drifted %v with a shift of %.2f", f.Input, f.Drifted, f.Shift)
		}
	}
	traffic.change = nil
	traffic.run(m, now, 2*time.Minute, 5)
	if m.Drifted() {
		t.Fatalf("still drifted two minutes after it was mended: %v", m.Figures())
	}
}

func TestBetweenTheBoundsNothingChanges(t *testing.T) {
	m, traffic, now := start()
	shift := func(by float32) func(x []float32) {
		return func(x []float32) { x[0] += by }
	}
	traffic.change = shift(1.75) // between 1.5 and 2
	traffic.run(m, now, 3*time.Minute, 5)
	if m.Drifted() {
		t.Fatal("drifted below the bound")
	}
	traffic.change = shift(4)
	traffic.run(m, now, time.Minute, 5)
	traffic.change = shift(1.75)
	traffic.run(m, now, 3*time.Minute, 5)
	if !m.Drifted() {
		t.Fatal("it was taken back above the lower bound")
	}
}

func TestFewRequestsSayNothing(t *testing.T) {
	m, traffic, now := start()
	traffic.change = func(x []float32) { x[0] = 100 }
	traffic.run(m, now, 20*time.Second, 1)
	if m.Drifted() || len(m.Figures()) != 0 {
		t.Fatalf("20 requests are not enough, but %v", m.Figures())
	}
}

func TestNaNIsADrift(t *testing.T) {
	m, traffic, now := start()
	traffic.change = func(x []float32) { x[3] = float32(math.NaN()) }
	traffic.run(m, now, 20*time.Second, 5)
	if !m.Drifted() {
		t.Fatal("an input that is no number has not drifted")
	}
	traffic.change = nil
	traffic.run(m, now, 3*time.Minute, 5)
	if m.Drifted() {
		t.Fatalf("not forgotten after three minutes: %v", m.Figures())
	}
}

func TestOtherModelsAndPoliciesArePassedOver(t *testing.T) {
	m, traffic, now := start()
	traffic.change = func(x []float32) { x[0] = 100 }
	for range 100 {
		*now = now.Add(time.Second / 5)
		d := traffic.decision()
		d.Versions.Model = "older"
		m.Observe(*now, d)
		d.Versions.Model, d.Policy = "m", "seen" // without a ranker
		m.Observe(*now, d)
		d.Policy = "no such"
		m.Observe(*now, d)
	}
	if m.Drifted() || len(m.Figures()) != 0 {
		t.Fatalf("they were counted: %v", m.Figures())
	}
	traffic.run(m, now, 20*time.Second, 5)
	if !m.Drifted() {
		t.Fatal("not drifted")
	}
	if m.SetModel("n", training{}); m.Drifted() {
		t.Fatal("a new model has drifted before it was seen")
	}
}
