package session_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// entries reads "view a, click b" as a session, oldest first.
func entries(text string) []session.Entry {
	var out []session.Entry
	for i, word := range strings.Split(text, ", ") {
		kind, item, _ := strings.Cut(word, " ")
		k, _ := event.ParseKind(kind)
		out = append(out, session.Entry{Time: int64(i) * 1000, ItemID: item, EventID: fmt.Sprintf("e%d", i), Kind: k})
	}
	return out
}

func TestSteps(t *testing.T) {
	for text, want := range map[string][]string{
		"view a":                                {"view a"},
		"view a, view b":                        {"view b", "view a"},
		"click a, view a":                       {"view a"},
		"click a, view a, cart_add a":           {"cart_add a"},
		"cart_add a, view a":                    {"cart_add a"},
		"view a, view a":                        {"view a", "view a"},
		"click a, view a, click a, view a":      {"view a", "view a"},
		"view a, click a, view a":               {"view a", "view a"}, // cut from the newest end; equal weights: the newer kind
		"view a, view b, view a":                {"view a", "view b", "view a"},
		"view a, cart_add a, cart_remove a":     {"cart_remove a", "cart_add a"}, // against is not for
		"cart_remove a, dislike a":              {"dislike a"},
		"cart_add a, purchase a, view b":        {"view b", "purchase a"},
		"purchase a, refund a":                  {"refund a", "purchase a"},
		"wish_add a, wish_remove a, wish_add a": {"wish_add a", "wish_remove a", "wish_add a"},
	} {
		got := items(session.Steps(nil, entries(text)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestStepsCarryTheNewestEvent(t *testing.T) {
	got := session.Steps(nil, entries("click a, cart_add a, view a"))
	want := []session.Step{{ItemID: "a", Kind: event.CartAdd, Time: 2000, EventID: "e2"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStepsAreBounded(t *testing.T) {
	var all []session.Entry
	for i := range 200 {
		all = append(all, session.Entry{Time: int64(i), ItemID: fmt.Sprint(i), Kind: event.View})
	}
	got := session.Steps(nil, all)
	if len(got) != session.MaxSteps || got[0].ItemID != "199" {
		t.Errorf("%d steps from %s", len(got), got[0].ItemID)
	}
	// Older entries never change newer steps.
	for n := range 100 {
		if !slices.Equal(session.Steps(nil, all[n:]), got) {
			t.Fatalf("without the oldest %d entries the steps differ", n)
		}
	}
}

func TestVectors(t *testing.T) {
	steps := session.Steps(nil, entries("view a, cart_add b, view a, cart_remove c"))
	got := session.SparseVector(steps, 2, 10)
	want := []session.Weighted{
		{ItemID: "c", Weight: -3},
		{ItemID: "a", Weight: math.Exp(-.5) + math.Exp(-1.5)},
		{ItemID: "b", Weight: 3 * math.Exp(-1)},
	}
	close := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-12 })
	if diff := cmp.Diff(want, got, close); diff != "" {
		t.Error(diff)
	}
	if n := len(session.SparseVector(steps, 2, 2)); n != 2 {
		t.Errorf("the last 2 steps give %d items", n)
	}
	dst := []float32{0, 0}
	session.DenseVector(steps, func(id string) []float32 {
		return map[string][]float32{"a": {1, 0}, "b": {0, 1}, "c": {1}}[id]
	}, dst)
	if math.Abs(float64(dst[0])-want[1].Weight) > 1e-6 || math.Abs(float64(dst[1])-want[2].Weight) > 1e-6 {
		t.Errorf("dense: %v", dst)
	}
}

func TestEvidence(t *testing.T) {
	now := time.UnixMilli(3_600_000)
	v := session.View{Steps: []session.Step{
		{Kind: event.View, Time: 3_600_000},
		{Kind: event.CartAdd, Time: 1_800_000},
		{Kind: event.CartRemove, Time: 3_600_000},
		{Kind: event.View, Time: 7_200_000}, // not yet: counts as now
	}}
	if got := v.Evidence(now, 30*time.Minute); math.Abs(got-(1+1.5+1)) > 1e-12 {
		t.Errorf("evidence %v", got)
	}
	if got := new(session.View).Evidence(now, time.Minute); got != 0 {
		t.Errorf("evidence of nothing: %v", got)
	}
}
