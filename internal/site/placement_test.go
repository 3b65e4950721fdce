package site

import (
	"testing"

	"github.com/nextbest/nextbest/recommend"
)

// A placement's own blend holds there and nowhere else, and makes no placement
// that does not exist.
func TestPlacementsHaveTheirOwnBlend(t *testing.T) {
	s := openShop(t)
	own, _ := recommend.PlacementNamed("cart")
	own.AMax, own.Kappa = .4, 1
	s.cfg.Settings.Placements = map[string]recommend.Placement{"cart": own, "attic": {Name: "attic"}}
	s.click("past0", item(9)) // who has a history of another session
	for placement, want := range map[string]float64{"cart": .4 / 2, "home": .75 / 1.33} {
		q := visitorQuery("past0")
		q.Placement = placement
		// The click is a moment old: its evidence is a little below 1.
		if a := s.ask(q); a.Blend.Session > want || a.Blend.Session < .99*want {
			t.Errorf("%s blends %+v, want %v of the session", placement, a.Blend, want)
		}
	}
	var a Answer
	if err := s.Recommend(t.Context(), &Query{Placement: "attic"}, &a); err == nil {
		t.Error("a placement exists because it was configured")
	}
}
