package site

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/store"
	"github.com/nextbest/nextbest/store/memory"
)

// keepAll logs every answer that is sampled.
func keepAll(c *Config) { c.Settings.DecisionEvery = time.Nanosecond }

// logged asks until an answer is sampled, logs it under an id and waits until
// it is kept.
func (s *shop) logged(id string, q Query) (KeptDecision, *Answer) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		a := s.ask(q)
		if a.Keep == nil {
			continue
		}
		a.Keep(id)
		for time.Now().Before(deadline) {
			all, err := s.Decisions(s.t.Context(), time.Now().Add(time.Minute), 10)
			if err != nil {
				s.t.Fatal(err)
			}
			for _, d := range all {
				if d.ID == id {
					return d, a
				}
			}
		}
	}
	s.t.Fatal("no answer was sampled and kept in time")
	return KeptDecision{}, nil
}

// A decision that was logged gives the same scores again, also when another
// model has taken over since.
func TestLoggedDecisionIsReplayed(t *testing.T) {
	s, _ := openWalks(t, 10, keepAll)
	first := s.train()
	s.click("v", walkItem(7))
	d, a := s.logged("one", visitorQuery("v"))
	if d.Versions.Model != first.ID || len(d.Candidates) < len(a.Items) || !d.Ranked {
		t.Fatalf("decision %+v of an answer with %d items by model %s", d, len(a.Items), first.ID)
	}
	for n, it := range a.Items {
		if x := d.Candidates[n]; x.ItemID != it.ItemID || x.Slot != it.Slot || x.Score != it.Score {
			t.Errorf("slot %d: logged %+v, answered %+v", n+1, x, it)
		}
	}
	check := func() {
		t.Helper()
		one, err := s.Decision(t.Context(), d.At, "one")
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Replay(t.Context(), one)
		if err != nil || len(r.Differences) > 0 {
			t.Fatalf("replay: %v, %v", err, r.Differences)
		}
		for n, x := range one.Candidates {
			if x.Drop == "" && math.Abs(r.Scores[n]-x.Score) > 1e-9*x.Score {
				t.Errorf("candidate %d: logged %v, replayed %v", n, x.Score, r.Scores[n])
			}
		}
	}
	check()
	s.log(walks("more", 300, .5, time.Now()))
	if _, _, err := s.Train(t.Context(), TrainOptions{Force: true}, nil); err != nil {
		t.Fatal(err)
	}
	if s.activeModel() == first.ID {
		t.Fatal("the model did not change")
	}
	check()

	d.Candidates[0].Score++
	if r, err := s.Replay(t.Context(), d); err != nil || len(r.Differences) == 0 {
		t.Errorf("a changed decision came out as logged: %v, %v", err, r.Differences)
	}
	d.Versions.Model = "gone"
	if _, err := s.Replay(t.Context(), d); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a model that is gone: %v", err)
	}
	if _, err := s.Decision(t.Context(), d.At, "never"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("an answer that was not kept: %v", err)
	}
}

// stuck is a store that keeps no decision.
type stuck struct{ *memory.Store }

func (stuck) PutDecisions(context.Context, string, []store.Decision) error {
	return errors.New("the disk is full")
}

// A store that cannot keep decisions changes no answer and grows nothing.
func TestDecisionsAreDroppedNotAnswers(t *testing.T) {
	s := &shop{t: t, db: &away{Store: memory.New()}, change: []func(*Config){keepAll, func(c *Config) { c.Store = stuck{memory.New()} }}}
	s.open()
	s.click("v", "a")
	for n := range 200 {
		s.decisions.watch.Store(0) // every answer is due
		if a := s.ask(visitorQuery("v")); a.Keep != nil {
			a.Keep(fmt.Sprint(n))
		}
	}
	if n := len(s.decisions.queue); n > decisionsQueued {
		t.Errorf("%d decisions wait", n)
	}
}

// An input that has moved makes the site answer without the ranker and say so,
// within a minute, until it is as before.
func TestDriftIsSaidWithinAMinute(t *testing.T) {
	s, _ := openWalks(t, 10)
	s.train()
	s.click("v", walkItem(7))
	m := s.live().(*best.Model)
	mean, sd, ok := m.InputStats(best.Current)
	if !ok {
		t.Fatal("the model has no ranker")
	}
	traffic := func(now time.Time, shift float32, seconds int) {
		for n := range seconds * 5 {
			x := make([]float32, best.Inputs)
			copy(x, mean[:])
			x[3] += shift * sd[3]
			s.decisions.monitor.Observe(now.Add(time.Duration(n)*200*time.Millisecond), &recommend.Decision{
				Policy: "current", Versions: recommend.Versions{Model: m.Version()}, Candidates: []recommend.Considered{{Inputs: x}},
			})
		}
	}
	said := func() bool {
		s.trust()
		for _, word := range s.ask(visitorQuery("v")).Degraded {
			if word == recommend.DegradedModel {
				return true
			}
		}
		return false
	}
	start := time.Now().Add(time.Hour) // past what the test's own answers showed
	traffic(start, 0, 120)
	if said() {
		t.Fatalf("healthy traffic has drifted: %+v", s.Drift())
	}
	traffic(start.Add(2*time.Minute), 4, 60)
	if !said() {
		t.Fatalf("a shift by 4 deviations was not said within a minute: %+v", s.Drift())
	}
	traffic(start.Add(3*time.Minute), 0, 120)
	if said() {
		t.Fatalf("it is still said two minutes later: %+v", s.Drift())
	}
}

// Healthy answers stay far from the bound.
func TestHealthyTrafficDoesNotDrift(t *testing.T) {
	s, _ := openWalks(t, 10)
	s.train()
	for n := range 300 {
		who := fmt.Sprint("visitor", n)
		for k := range n%4 + 1 {
			s.click(who, walkItem((n*17+k)%walkItems))
		}
		s.decisions.watch.Store(0)
		s.ask(visitorQuery(who))
	}
	figures := s.Drift()
	if len(figures) == 0 {
		t.Fatal("nothing was watched")
	}
	for _, f := range figures {
		if f.Drifted || f.Shift > 1.5 {
			t.Errorf("%s (%s) has moved by %.2f deviations", f.Input, f.Policy, f.Shift)
		}
	}
}

// Sampling is bounded in time, whatever the load.
func TestSamplingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &decisions{every: time.Second}
		sampled, kept := 0, 0
		for range 10_000 { // 100 s
			if d.sample(time.Now()) != nil {
				sampled++
			}
			if due(&d.keep, time.Now(), d.every) {
				kept++
			}
			<-time.After(10 * time.Millisecond)
		}
		if sampled < 490 || sampled > 501 || kept < 98 || kept > 101 {
			t.Errorf("in 100 s %d were sampled and %d kept", sampled, kept)
		}
		d.every = -1
		if due(&d.keep, time.Now().Add(time.Hour), d.every) {
			t.Error("one was kept although none are wanted")
		}
	})
}
