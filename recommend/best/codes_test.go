package best

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestCodebooksAscend(t *testing.T) {
	tables := newTables()
	for name, b := range map[string]*codebook{"rate": &tables.rate, "times": &tables.times, "age": &tables.age} {
		for n := 1; n < 256; n++ {
			if b.seen[n] <= b.seen[n-1] || b.value[n] <= b.value[n-1] {
				t.Errorf("%s does not ascend at code %d", name, n)
			}
		}
		for n := range 256 {
			if got := b.encode(float64(b.seen[n])); int(got) != n {
				t.Errorf("%s: code %d reads as what is coded %d", name, n, got)
			}
		}
	}
	if v := tables.rate.value[0]; v != 0 {
		t.Errorf("a rate of 0 reads as %v", v)
	}
	for n := range exactTimes {
		if tables.times.value[n] != float32(n) {
			t.Errorf("%d times read as %v", n, tables.times.value[n])
		}
	}
}

// TestCodesAreNear: what the ranker sees of a coded value is off by at most
// half a step.
func TestCodesAreNear(t *testing.T) {
	tables := newTables()
	rapid.Check(t, func(r *rapid.T) {
		rate := rapid.Float64Range(0, 1).Draw(r, "rate")
		if got := float64(tables.rate.seen[tables.rate.encode(seenRate(rate))]); math.Abs(got-seenRate(rate)) > .0136 {
			r.Errorf("rate %v is seen as %v, not %v", rate, got, seenRate(rate))
		}
		days := rapid.Float64Range(0, maxAge).Draw(r, "days")
		if got := float64(tables.age.seen[tables.age.encode(math.Log1p(days))]); math.Abs(got-math.Log1p(days)) > .0137 {
			r.Errorf("age %v is seen as %v, not %v", days, got, math.Log1p(days))
		}
		times := float64(rapid.Int64Range(0, topTimes).Draw(r, "times"))
		if got := float64(tables.times.seen[tables.times.encode(math.Log1p(times))]); math.Abs(got-math.Log1p(times)) > .041 {
			r.Errorf("%v times are seen as %v, not %v", times, got, math.Log1p(times))
		}
	})
}

func TestWeightCodes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		x := math.Ldexp(rapid.Float64Range(1, 1.99).Draw(r, "fraction"), rapid.IntRange(-56, 7).Draw(r, "exponent"))
		if got := float64(decodeWeight(encodeWeight(x))); math.Abs(got-x) > x/2048+1e-20 {
			r.Errorf("%v reads as %v", x, got)
		}
		y := x * rapid.Float64Range(1, 3).Draw(r, "factor")
		if encodeWeight(y) < encodeWeight(x) {
			r.Errorf("%v has a smaller code than %v", y, x)
		}
	})
	for _, x := range []float64{0, -1, math.NaN(), math.Inf(-1), 1e-300} {
		if got := encodeWeight(x); got != 0 {
			t.Errorf("%v has code %d", x, got)
		}
	}
	if got := decodeWeight(encodeWeight(math.Inf(1))); got != decodeWeight(math.MaxUint16) || math.IsInf(float64(got), 0) {
		t.Errorf("infinity reads as %v", got)
	}
}

func TestEntriesPack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := rapid.Uint8()
		want := entry{
			item: rapid.Uint32().Draw(r, "item"), weight: rapid.Uint16().Draw(r, "weight"),
			first: b.Draw(r, "f1"), second: b.Draw(r, "f2"), third: b.Draw(r, "f3"), together: b.Draw(r, "co"),
			times: b.Draw(r, "n1"), age: b.Draw(r, "age"),
		}
		words := want.pack(nil)
		if len(words) != entryWords {
			r.Fatalf("%d words", len(words))
		}
		if diff := cmp.Diff(want, unpack(words), cmp.AllowUnexported(entry{})); diff != "" {
			r.Error(diff)
		}
	})
}

func TestLn(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		x := float32(math.Exp(rapid.Float64Range(-30, 30).Draw(r, "ln x")))
		want := math.Log(float64(x))
		if got := float64(ln(x)); math.Abs(got-want) > 2e-7+2e-7*math.Abs(want) {
			r.Errorf("ln %v is %v, want %v", x, got, want)
		}
	})
}
