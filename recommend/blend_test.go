package recommend

import (
	"math"
	"testing"
	"time"

	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// smallEngine knows x, y, z from three sessions (x y), (x y), (x z) and a
// catalog that also has w. That is too little for a ranker or an embedding.
// With a = 1 and λ = 1, by hand:
//
//	C_xx = 3/2, C_xy = 2·1/2 = 1, C_xz = 1/2, G_xx = 3·1/4 → B_xx = 1.5/1.75, B_xy = 1/1.75, B_xz = .5/1.75
//	after x came y twice of three times and z once, shrunk by one: f1 = 2/4 and 1/4
//	after x: pre = B/B_xx + .3·f1, .6667+.15 for y and half of it for z
//	C_zx = C_zz = 1/2, G_zz = 1/4 → B_zx = B_zz = .5/1.25 = .4
func smallEngine(t *testing.T) *Engine {
	t.Helper()
	p := best.DefaultParams()
	p.A, p.Lambda = 1, 1
	e := New(Config{})
	e.SetModel(modelOf(t, p, []string{"x", "y"}, []string{"x", "y"}, []string{"x", "z"}))
	e.SetCatalog(catalog.Build([]catalog.Item{{ItemID: "w"}, {ItemID: "x"}, {ItemID: "y"}, {ItemID: "z"}}))
	return e
}

func liking(weights ...any) *profile.Profile {
	p := &profile.Profile{Version: "v1"}
	for n := 0; n < len(weights); n += 2 {
		p.Affinities = append(p.Affinities, profile.Affinity{ItemID: weights[n].(string), Weight: weights[n+1].(float64)})
	}
	return p
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }

// alike allows for the eight bits in which a model keeps its rates.
func alike(a, b float64) bool { return math.Abs(a-b) < .002 }

// TestBlendByHand follows one answer with pencil and paper. The session is one
// view of x, now: n_eff = 1, a = .75·1/1.33. S: y = 1, z = .5. The profile
// likes z twice as much as w: L before normalisation is 1 + .2·.4 for z (itself
// and its own row) and √.5 for w, which no row knows.
func TestBlendByHand(t *testing.T) {
	e := smallEngine(t)
	req := ask(t)
	req.Session, req.Profile, req.Explain = viewOf("x"), liking("z", 2.0, "w", 1.0), true
	ans := rank(t, e, req)

	a := .75 / 1.33
	if !near(ans.Blend.Session, a) || !near(ans.Blend.Profile, 1-a) {
		t.Fatalf("blend = %+v, want %v and the rest", ans.Blend, a)
	}
	want := []struct {
		id     string
		score  float64
		reason Reason
	}{
		{"z", a*.5 + (1-a)*1, ReasonBlend},
		{"y", a, ReasonSession},
		{"w", (1 - a) * math.Sqrt(.5) / 1.08, ReasonProfile},
	}
	if len(ans.Items) != len(want) {
		t.Fatalf("items = %v, want %d of them: the current item is left out", ids(ans), len(want))
	}
	for n, w := range want {
		it := ans.Items[n]
		if it.ItemID != w.id || !alike(it.Score, w.score) || it.Reason != w.reason || it.Slot != n+1 {
			t.Errorf("slot %d = %s %v %s, want %s %v %s", n+1, it.ItemID, it.Score, it.Reason, w.id, w.score, w.reason)
		}
	}
	if l := sides(ans.Items[0].Ledger); len(l) != 2 || !alike(l[0].Value, a*.5) || !alike(l[1].Value, 1-a) {
		t.Errorf("ledger of z = %+v, want a·S and (1−a)·L", l)
	}
}

func TestBlendRule(t *testing.T) {
	home, _ := PlacementNamed("home")
	some := liking("z", 1.0)
	old := viewOf("x")
	old.Steps[0].Time = noon().Add(-30 * time.Minute).UnixMilli() // one half-life
	taken := viewOf("x")
	taken.Steps[0].Kind = event.CartRemove
	for _, c := range []struct {
		name     string
		session  *session.View
		profile  *profile.Profile
		override float64
		evidence float64
		want     Blend
	}{
		{"nobody", nil, nil, math.NaN(), 0, Blend{}},
		{"nobody, override", nil, nil, .5, 0, Blend{}},
		{"named, nothing known", viewOf(), nil, math.NaN(), 0, Blend{}},
		{"session only", viewOf("x"), nil, math.NaN(), 1, Blend{Session: 1}},
		{"profile only", viewOf(), some, math.NaN(), 0, Blend{Profile: 1}},
		{"profile without a word", viewOf("x"), &profile.Profile{Segments: []string{"vip"}}, math.NaN(), 1, Blend{Session: 1}},
		{"both", viewOf("x"), some, math.NaN(), 1, Blend{Session: .75 / 1.33, Profile: 1 - .75/1.33}},
		{"both, a half-life ago", old, some, math.NaN(), .5, Blend{Session: .75 * .5 / .83, Profile: 1 - .75*.5/.83}},
		{"removals are no evidence", taken, some, math.NaN(), 0, Blend{Profile: 1}},
		{"override", viewOf("x"), some, .25, 1, Blend{Session: .25, Profile: .75}},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := &Request{Placement: home, Now: noon(), Session: c.session, Profile: c.profile, BlendA: c.override}
			if c.session != nil {
				if n := c.session.Evidence(noon(), home.HalfLife); !near(n, c.evidence) {
					t.Fatalf("evidence = %v, want %v", n, c.evidence)
				}
			}
			got := blendOf(req, c.evidence).shown
			if !near(got.Session, c.want.Session) || !near(got.Profile, c.want.Profile) {
				t.Errorf("blend = %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestPageItemIsTheNewestStep compares being on a page with having clicked.
func TestPageItemIsTheNewestStep(t *testing.T) {
	e := smallEngine(t)
	clicked, onPage, both := ask(t), ask(t), ask(t)
	clicked.Session = viewOf("x", "y")
	onPage.Session, onPage.ContextItem = viewOf("y"), "x"
	onPage.Session.Steps[0].Time = clicked.Session.Steps[1].Time
	both.Session, both.ContextItem = viewOf("x", "y"), "x"
	want := rank(t, e, clicked)
	for name, req := range map[string]*Request{"page": onPage, "page and click": both} {
		got := rank(t, e, req)
		if got.Blend != want.Blend || len(got.Items) != len(want.Items) {
			t.Fatalf("%s: %+v, want %+v", name, got, want)
		}
		for n := range got.Items {
			if got.Items[n].ItemID != want.Items[n].ItemID || !near(got.Items[n].Score, want.Items[n].Score) {
				t.Errorf("%s: slot %d = %+v, want %+v", name, n+1, got.Items[n], want.Items[n])
			}
		}
	}
}

// TestNobodyOnAnItemPage: the page's item brings its row in, the blend says
// that nobody was named.
func TestNobodyOnAnItemPage(t *testing.T) {
	req := ask(t)
	req.ContextItem = "x"
	ans := rank(t, smallEngine(t), req)
	if ans.Blend != (Blend{}) || len(ans.Items) != 3 || ans.Items[0].ItemID != "y" || ans.Items[1].ItemID != "z" {
		t.Errorf("answer = %+v, want y and z by the rows, blend 0/0", ans)
	}
	if last := ans.Items[2]; last.ItemID != "w" || last.Reason != ReasonFallback || !(last.Score > 0) {
		t.Errorf("last = %+v, want w as fallback", last)
	}
}

// TestTailStaysBelow: popularity fills up, it never passes what is blended.
func TestTailStaysBelow(t *testing.T) {
	e := smallEngine(t)
	req := ask(t)
	req.Session = viewOf("z") // its row names x and z; y and w are the tail
	ans := rank(t, e, req)
	if got := ids(ans); len(got) != 3 || got[0] != "x" || got[1] != "y" || got[2] != "w" {
		t.Fatalf("items = %v, want x by the row, y by popularity, w", got)
	}
	if ans.Items[1].Reason != ReasonPopular || ans.Items[1].Score >= ans.Items[0].Score {
		t.Errorf("second = %+v, want a popular one below %v", ans.Items[1], ans.Items[0].Score)
	}
}

// TestOverrideZeroStillAnswers: with a = 0 and no profile both sides are 0.
func TestOverrideZeroStillAnswers(t *testing.T) {
	req := ask(t)
	req.Session, req.BlendA = viewOf("x"), 0
	ans := rank(t, smallEngine(t), req)
	if len(ans.Items) != 3 || ans.Blend != (Blend{Profile: 1}) {
		t.Fatalf("answer = %+v, want three items at 0/1", ans)
	}
	for _, it := range ans.Items {
		if !(it.Score > 0) || it.Reason == ReasonSession {
			t.Errorf("%+v: want a score above 0 that is not the session's", it)
		}
	}
}

// TestPeaksScaleEachSideByItsOwn: the best of a side has 1, what a side takes
// back stays below 0, and a side that says nothing stays 0.
func TestPeaksScaleEachSideByItsOwn(t *testing.T) {
	var none, some Peaks
	if none.See(-1, 0); none != (Peaks{}) || none.S(-1) != -1 || none.L(0) != 0 {
		t.Errorf("peaks of what says nothing = %+v", none)
	}
	some.See(2, 0)
	some.See(.5, 8)
	if some.S(.5) != .25 || some.S(2) != 1 || some.L(8) != 1 || some.L(2) != .25 || some.S(-2) != -2 {
		t.Errorf("peaks = %+v", some)
	}
}

func TestSessionShare(t *testing.T) {
	p := Placement{AMax: .8, Kappa: .5}
	for evidence, want := range map[float64]float64{0: 0, -1: 0, .5: .4, 1.5: .6} {
		if got := p.SessionShare(evidence); !near(got, want) {
			t.Errorf("share at %v = %v, want %v", evidence, got, want)
		}
	}
	if p.Kappa = 0; !near(p.SessionShare(.1), .8) || p.SessionShare(math.NaN()) != 0 {
		t.Errorf("κ = 0: %v, of NaN: %v", p.SessionShare(.1), p.SessionShare(math.NaN()))
	}
}

func TestFromLogitKeepsTheOrder(t *testing.T) {
	if FromLogit(3, 3) != 1 || !(FromLogit(-40, 3) > 0) || !(FromLogit(1, 3) > FromLogit(0, 3)) {
		t.Error("signed scores do not lie in 0..1 in their order")
	}
}

// TestEachLikingIsTheRootAgainstTheStrongest: whatever the scale and order of
// the weights, and only so many.
func TestEachLikingIsTheRootAgainstTheStrongest(t *testing.T) {
	got := map[string]float64{}
	EachLiking(liking("b", 8.0, "a", 32.0, "none", 0.0, "less", -2.0), func(id string, l float64, related bool) {
		if got[id] = l; !related {
			t.Errorf("what goes with %s does not count", id)
		}
	})
	if len(got) != 2 || got["a"] != 1 || got["b"] != .5 {
		t.Errorf("likings = %v", got)
	}
	many := &profile.Profile{}
	for range 3 * maxAffinities {
		many.Affinities = append(many.Affinities, profile.Affinity{ItemID: "x", Weight: 1})
	}
	n, hops := 0, 0
	EachLiking(many, func(_ string, _ float64, related bool) {
		n++
		if related {
			hops++
		}
	})
	if n != maxAffinities || hops != maxHops {
		t.Errorf("%d affinities and %d of them with their rows, want %d and %d", n, hops, maxAffinities, maxHops)
	}
	EachLiking(&profile.Profile{}, func(string, float64, bool) { t.Error("an empty profile likes something") })
}
