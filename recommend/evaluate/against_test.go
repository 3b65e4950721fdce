package evaluate

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// TestAgainstIsTheDifferenceOfTwoRuns: under a policy and without, and the measured
// model's own figures do not change.
func TestAgainstIsTheDifferenceOfTwoRuns(t *testing.T) {
	for _, exclude := range []Exclude{ExcludeNone, ExcludeCurrent} {
		o := Options{TrainFile: toyTrain, TestFile: toyTest, Exclude: exclude, Resamples: 200}
		alone := run(t, o)
		o.Model = "pop"
		pop := run(t, o)
		o.Model, o.Against = "", "pop"
		both := run(t, o)
		if alone.Against != nil || both.HR != alone.HR || both.MRR != alone.MRR || both.N != alone.N {
			t.Errorf("exclude %s: beside pop hr %v, alone %v", exclude, both.HR, alone.HR)
		}
		a := both.Against
		if a.Model != "pop" || a.HR != pop.HR || a.MRR != pop.MRR || a.ModelBytes != pop.ModelBytes {
			t.Errorf("exclude %s: the other model %+v, measured itself hr %v mrr %v", exclude, a, pop.HR, pop.MRR)
		}
		d := a.Difference
		if math.Abs(d.HR.Value-(alone.HR-pop.HR)) > 1e-12 || math.Abs(d.MRR.Value-(alone.MRR-pop.MRR)) > 1e-12 ||
			!(d.HR.Low < d.HR.Value && d.HR.Value < d.HR.High) || d.HR.P > .02 || d.McNemarZ < 5 {
			t.Errorf("exclude %s: difference %+v", exclude, d)
		}
		if won := float64(d.Won-d.Lost) / float64(both.N); math.Abs(won-d.HR.Value) > 1e-12 {
			t.Errorf("won and lost say %v, hr %v", won, d.HR.Value)
		}
	}
}

// A model may be compared with itself under other parameters.
func TestAgainstTakesParameters(t *testing.T) {
	o := shopOptions(t)
	o.Against, o.AgainstParams = "rows", map[string]string{"top": "1"}
	r := run(t, o)
	if raw, err := json.Marshal(r.Against.Params); err != nil || !strings.Contains(string(raw), `"top":1,`) {
		t.Errorf("parameters of the other model %s, error %v", raw, err)
	}
	if r.Against.Difference.Sessions != 4 || r.Against.HR > r.HR {
		t.Errorf("with one entry per row %+v, with fifty hr %v", r.Against, r.HR)
	}
}

// TestChancesAreTargetsThatMayBeNamed: by definition, with an item that
// training lacks among what is masked.
func TestChancesAreTargetsThatMayBeNamed(t *testing.T) {
	const body = "a a b a c\nz z\nz y\nb z b\n"
	for _, c := range []struct {
		exclude Exclude
		n       int
	}{
		{ExcludeCurrent, 6}, // all eight but a after a and z after z
		{ExcludeSeen, 4},    // a→b, b→c (of a a b a c), z→y, b→z
	} {
		o := shopOptions(t)
		o.TestFile, o.Exclude, o.Top = put(t, "test_sessions.txt", body), c.exclude, 3
		r := run(t, o)
		if r.Chances == nil || r.N != 8 || r.Chances.N != c.n {
			t.Fatalf("exclude %s: chances %+v of %d, want %d of 8", c.exclude, r.Chances, r.N, c.n)
		}
		// What is masked is never hit, so the hits are the same.
		hits, ranks := r.HR*8, r.MRR*8
		if math.Abs(r.Chances.HR*float64(c.n)-hits) > 1e-9 || math.Abs(r.Chances.MRR*float64(c.n)-ranks) > 1e-9 || hits == 0 {
			t.Errorf("exclude %s: %v hits over all, chances %+v", c.exclude, hits, r.Chances)
		}
	}
	if r := run(t, shopOptions(t)); r.Chances != nil {
		t.Errorf("nothing is excluded and there are chances: %+v", r.Chances)
	}
}
