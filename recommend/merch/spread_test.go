package merch

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/recommend/catalog"
)

// plainSpread is what diversify means, word by word: of the items left, the
// first of whose value the window holds less than most; where there is none,
// the first.
func plainSpread(value func(v uint32) int, list []uint32, most, window, slots int) []uint32 {
	left := slices.Clone(list)
	var out []uint32
	for len(left) > 0 {
		before := out
		if window > 0 && len(before) >= window {
			before = before[len(before)-window+1:]
		}
		best := 0
		if len(out) < slots {
			best = max(0, slices.IndexFunc(left, func(v uint32) bool {
				count := 0
				for _, b := range before {
					if value(v) >= 0 && value(b) == value(v) {
						count++
					}
				}
				return count < most
			}))
		}
		out = append(out, left[best])
		left = slices.Delete(left, best, best+1)
	}
	return out
}

// TestSpreadIsWhatItSays: the list of a placement's diversify, and that of a
// rule, is that of the plain words, however much of it is asked for.
func TestSpreadIsWhatItSays(t *testing.T) {
	const items = 40
	snap := snapshot()
	var a Active
	rapid.Check(t, func(rt *rapid.T) {
		attribute := rapid.SampledFrom([]string{"brand", "categories", "none"}).Draw(rt, "attribute")
		most, window := rapid.IntRange(1, 4).Draw(rt, "max"), rapid.IntRange(0, 6).Draw(rt, "window")
		slots := rapid.IntRange(0, items).Draw(rt, "slots")
		order := rapid.Permutation(rapid.SliceOfNDistinct(rapid.Uint32Range(0, items-1), 0, items, rapid.ID[uint32]).Draw(rt, "list")).Draw(rt, "order")
		value := func(v uint32) int {
			if code := snap.Attribute(attribute).First(v); code != catalog.None {
				return int(code)
			}
			return -1
		}
		placed := func() []Placed {
			list := make([]Placed, len(order))
			for n, v := range order {
				list[n] = Placed{Index: int(v), Group: v, Variant: v, From: n + 1}
			}
			return list
		}
		list := placed()
		a.Spread(snap, Spread{Attribute: attribute, Max: most, Window: window}, list, slots)
		if got, want := variants(list), plainSpread(value, order, most, window, slots); !slices.Equal(got, want) {
			rt.Fatalf("%d of %s in %d over %d slots: %v, want %v", most, attribute, window, slots, got, want)
		}
		for n := range list {
			if list[n].Stage != Ranked && list[n].Rule.ID() != "" {
				rt.Fatalf("slot %d names a rule: %+v", n+1, list[n])
			}
		}
		ruled := placed()
		b := bind(t, fmt.Sprintf(`[{"id":"d","action":{"type":"diversify","attribute":%q,"max":%d,"window":%d}}]`, attribute, most, window))
		b.Active(&Request{Item: catalog.None}, &a)
		a.Arrange(b.snap, ruled)
		if got, want := variants(ruled), plainSpread(value, order, most, window, items); !slices.Equal(got, want) {
			rt.Fatalf("rule: %v, want %v", got, want)
		}
	})
}

func variants(list []Placed) []uint32 {
	var out []uint32
	for _, p := range list {
		out = append(out, p.Variant)
	}
	return out
}

// TestNoRuleHasNoID: what no rule moved can be asked for its rule.
func TestNoRuleHasNoID(t *testing.T) {
	if got := (*Ready)(nil).ID(); got != "" {
		t.Errorf("no rule is called %q", got)
	}
}
