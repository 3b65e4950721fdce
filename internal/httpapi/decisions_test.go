package httpapi

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/drift"
)

func (f *fakeSite) decision(id string, at int64) site.KeptDecision {
	return site.KeptDecision{ID: id, Decision: recommend.Decision{
		At: at, Placement: "item", Limit: 20, Policy: "current", Ranked: true, Retrieved: 1,
		Candidates: []recommend.Considered{{ItemID: "item-00", Slot: 1, Sources: []string{"session"}, Available: true, Inputs: make([]float32, best.Inputs), Score: .5, Stage: "rank"}},
	}}
}

func (f *fakeSite) Decision(_ context.Context, at int64, id string) (site.KeptDecision, error) {
	if f.fail != nil {
		return site.KeptDecision{}, f.fail
	}
	return f.decision(id, at), nil
}

func (f *fakeSite) Decisions(_ context.Context, before time.Time, limit int) ([]site.KeptDecision, error) {
	if f.fail != nil {
		return nil, f.fail
	}
	all := []site.KeptDecision{f.decision("one", before.UnixMilli()-1), f.decision("two", before.UnixMilli()-2)}
	return all[:min(limit, 2)], nil
}

func (f *fakeSite) Replay(_ context.Context, d site.KeptDecision) (site.Replayed, error) {
	return site.Replayed{KeptDecision: d, Scores: []float64{.5}}, f.fail
}

func (f *fakeSite) Drift() []drift.Figure {
	return []drift.Figure{{Input: "rows", Policy: "current", Shift: .1}}
}

func TestTokenTime(t *testing.T) {
	id := string(NewSigner([]byte("secret")).Sign(nil, "main", Token{Placement: "item", Time: 1764000000123, Random: 9}))
	if at, ok := TokenTime(id); !ok || at != 1764000000123 {
		t.Errorf("time %d, %v", at, ok)
	}
	for _, bad := range []string{"", "x", id[1:], id + "AAAA", strings.Repeat("A", 100), "é"} {
		if at, ok := TokenTime(bad); ok {
			t.Errorf("%q has the time %d", bad, at)
		}
	}
}
