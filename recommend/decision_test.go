package recommend

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/vector"
)

// decided is a shop in which everything happens at once, and a request that
// captures its decision.
func decided(t *testing.T, m *best.Model) (*Engine, *Request) {
	t.Helper()
	e := newShop(m, func(items []catalog.Item) {
		for n := range items {
			items[n].PublishedAt = noon().AddDate(0, 0, -n%90).Format("2006-01-02T15:04:05Z")
		}
	})
	e.SetPairs(makePairs(itemID(40), itemID(380), .2))
	e.SetRules(compileRules(t, `[
		{"id":"more","action":{"type":"boost","strength":40,"filter":{"attribute":"colour","op":"=","value":"k1"}}},
		{"id":"less","action":{"type":"bury","strength":40,"item":"i00042"}},
		{"id":"none","action":{"type":"hide","item":"i00041"}},
		{"id":"top","action":{"type":"pin","item":"i00150","slot":3}}]`))
	e.Catalog().Apply(itemID(14), catalog.Patch{Available: ptr(false)})
	var names []string
	var vectors [][]float32
	for n := range 400 {
		names, vectors = append(names, itemID(n)), append(vectors, []float32{float32(n % 7), 1, float32(n % 3), 0})
	}
	set, err := vector.NewSet("v1", 4, names, vectors)
	if err != nil {
		t.Fatal(err)
	}
	e.SetVectors(set)
	req := ask(t)
	req.Session, req.Profile = viewOf(itemID(40), itemID(13)), liking(itemID(43), 2., itemID(200), 1.)
	req.Session.Shown = []string{itemID(43)}
	req.Placement.Variety = Variety{Rotate: Rotate{Factor: .5, Least: .1}, Fresh: Fresh{Days: 60, Lift: 2}}
	req.Capture = &Decision{}
	return e, req
}

func considered(d *Decision, id string) *Considered {
	for n := range d.Candidates {
		if d.Candidates[n].ItemID == id {
			return &d.Candidates[n]
		}
	}
	return nil
}

// TestDecisionSaysWhatHappened item by item.
func TestDecisionSaysWhatHappened(t *testing.T) {
	e, req := decided(t, rankedModel(t))
	ans := rank(t, e, req)
	d := req.Capture
	if d.At != noon().UnixMilli() || d.Placement != "home" || d.Limit != 20 || d.Versions != ans.Versions ||
		d.Policy != "current" || !d.Ranked || d.Session != ans.Blend.Session || d.Profile != ans.Blend.Profile || d.Retrieved < 100 {
		t.Errorf("decision = %+v", d)
	}
	for id, want := range map[string]string{itemID(14): "unavailable", itemID(41): "hidden", itemID(40): "current", itemID(43): ""} {
		x := considered(d, id)
		if x == nil || x.Drop != want || x.Available != (want != "unavailable") {
			t.Errorf("%s: %+v, want it dropped as %q", id, x, want)
		}
	}
	if x := considered(d, itemID(150)); x.Slot != 3 || x.Stage != "pin" || x.Placed != "top" {
		t.Errorf("pinned: %+v", x)
	}
	if x := considered(d, itemID(42)); x == nil || x.Rule != "less" || x.Factor >= 1 || len(x.Inputs) != best.Inputs {
		t.Errorf("buried: %+v", x)
	}
	if x := considered(d, itemID(380)); x == nil || x.Newcomer <= 0 || x.Item != best.Unknown || !slices.Contains(x.Sources, "pairs") {
		t.Errorf("new: %+v", x)
	}
	if x := considered(d, itemID(43)); x.Varied == 1 || x.Vector <= 0 || x.L <= 0 || x.S <= 0 || x.Model == 0 {
		t.Errorf("with everything: %+v", x)
	}
}

// TestReplay: what was logged comes out again, also after it was written down
// and read, and after the memory was used for another decision.
func TestReplay(t *testing.T) {
	m := rankedModel(t)
	e, req := decided(t, m)
	d := req.Capture
	for range 2 {
		ans := rank(t, e, req)
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back Decision
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(*d, back, cmpopts.IgnoreUnexported(Decision{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("-captured +read:\n%s", diff)
		}
		scores, err := Replay(m, &back)
		if err != nil {
			t.Fatalf("%+v", fault.Of(err))
		}
		for n, it := range ans.Items {
			if scores[n] != it.Score {
				t.Errorf("slot %d: %v, replayed %v", n+1, it.Score, scores[n])
			}
		}
		other := *req
		other.Session = viewOf(itemID(200))
		rank(t, e, &other)
	}
}

// TestReplayNamesWhatDiffers: a decision that does not follow from its inputs.
func TestReplayNamesWhatDiffers(t *testing.T) {
	m := rankedModel(t)
	e, req := decided(t, m)
	for pointer, change := range map[string]func(*Considered){
		"/candidates/0/model": func(x *Considered) { x.Inputs[3]++ },
		"/candidates/0/s":     func(x *Considered) { x.Vector += .1 },
		"/candidates/0/score": func(x *Considered) { x.Factor *= 1.5 },
	} {
		rank(t, e, req)
		change(&req.Capture.Candidates[0])
		_, err := Replay(m, req.Capture)
		f := fault.Of(err)
		if fault.KindOf(err) != fault.Conflict || f.Code != "replay_differs" || f.Fields[0].Pointer != pointer {
			t.Errorf("%s: %+v", pointer, f)
		}
	}
	if _, err := Replay(smallEngine(t).parts.model, req.Capture); fault.KindOf(err) != fault.Conflict || fault.Of(err).Code != "other_model" {
		t.Errorf("another model: %v", err)
	}
	if _, err := Replay(nil, req.Capture); fault.Of(err) == nil {
		t.Error("a decision of a model was replayed without one")
	}
}

// TestReplayOfRows: a model without ranker is taken at its word.
func TestReplayOfRows(t *testing.T) {
	m := buildRows(t, []string{"x", "y"}, []string{"x", "y"}, []string{"x", "z"})
	e, req := New(Config{}), ask(t)
	e.SetModel(m)
	req.Session, req.Profile, req.Capture = viewOf("x"), liking("z", 1.), &Decision{}
	ans := rank(t, e, req)
	scores, err := Replay(m, req.Capture)
	if err != nil || len(ans.Items) != 2 || len(scores) < 2 || scores[0] != ans.Items[0].Score || scores[1] != ans.Items[1].Score {
		t.Errorf("scores %v, %v; want those of %+v", scores, err, ans.Items)
	}
}

// TestDecisionOfNothing: an empty shop decides too.
func TestDecisionOfNothing(t *testing.T) {
	req := ask(t)
	req.Capture = &Decision{}
	rank(t, New(Config{}), req)
	if scores, err := Replay(nil, req.Capture); err != nil || len(scores) != 0 {
		t.Errorf("%v, %v", scores, err)
	}
}
