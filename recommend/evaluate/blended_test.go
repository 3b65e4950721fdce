package evaluate

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/rows"
	"github.com/nextbest/nextbest/session"
)

// TestBlendIsTheEngines: the list of every prediction is the head of what the
// engine that serves answers to the same session and profile, for the models
// that it serves.
func TestBlendIsTheEngines(t *testing.T) {
	list, cut := toyUsers(t)
	for _, c := range []struct {
		name   string
		params map[string]string
		served func(m Model) recommend.Model
	}{
		{"rows", nil, func(m Model) recommend.Model { return m.(*rowsModel).m }},
		{"best", map[string]string{"dim": "8", "epochs": "1"}, func(m Model) recommend.Model { return m.(*bestModel).m }},
		{"best", map[string]string{"dim": "0", "lists": "0"}, func(m Model) recommend.Model { return m.(*bestModel).m }},
	} {
		o := usersOptions(t, list, ExcludeSeen)
		o.Model, o.Params = c.name, c.params
		tr, params, err := o.check()
		if err != nil {
			t.Fatal(err)
		}
		v, err := readVisits(t.Context(), o.Users.File, nil)
		if err != nil {
			t.Fatal(err)
		}
		model, _, err := o.train(t.Context(), tr, params, v.sessions(v.before(cut.UnixMilli())))
		if err != nil {
			t.Fatal(err)
		}
		trial, err := newTrial(&o, model, v, cut.UnixMilli(), math.MaxInt64)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := model.(*bestModel); ok && m.m.Ranked(m.policy) != (c.params["lists"] == "") {
			t.Fatalf("%v: ranker %v", c.params, m.m.Ranked(m.policy))
		}
		engine := recommend.New(recommend.Config{})
		engine.SetModel(c.served(model))
		if compared := compareWithEngine(t, trial, engine); compared < 50 {
			t.Errorf("%s %v: %d lists compared", c.name, c.params, compared)
		}
	}
}

// toyUsers are sessions of people, enough for a ranker, as if
// a hundred users had made them; and the day from which the last are predicted.
func toyUsers(t *testing.T) ([]row, time.Time) {
	t.Helper()
	s, err := dataset.ReadSessions(t.Context(), toyTrain, dataset.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var list []row
	sessions := min(s.Len(), 4000)
	for n := range sessions {
		for _, i := range s.Session(n) {
			list = append(list, row{fmt.Sprint("u", n%100), fmt.Sprint("s", n), s.ID(i), n})
		}
	}
	return list, day(sessions - 150)
}

func compareWithEngine(t *testing.T, trial *trial, engine *recommend.Engine) int {
	t.Helper()
	compared := 0
	err := trial.each(t.Context(), "score", func(p *userPrediction) {
		s := trial.list[p.number]
		liked, _ := (&memory{v: trial.v}).at(s)
		req := &recommend.Request{
			Placement: trial.o.Users.Placement, Limit: recommend.MaxLimit, Now: timeOf(s.begin), Profile: liked,
			Session:     &session.View{Steps: s.steps[len(s.steps)-len(p.steps):]},
			ExcludeSeen: true, ExcludePurchased: -1, BlendA: math.NaN(),
		}
		var ans recommend.Answer
		if err := engine.Rank(t.Context(), req, &ans); err != nil {
			t.Fatal(err)
		}
		trial.b.weigh(p)
		list := trial.b.top(p.a, recommend.MaxLimit)
		if why := differs(trial.b.model.Items(), list, ans.Items); why != "" {
			t.Errorf("session %d after %d steps: %s", p.number, len(p.steps), why)
		}
		compared++
	})
	if err != nil {
		t.Fatal(err)
	}
	return compared
}

// differs says where a list is not the head of what was served, "" when it is.
// Scores that are a rounding apart may change places.
func differs(items Items, list []rows.Scored, served []recommend.Item) string {
	if len(list) == 0 || len(list) > len(served) {
		return fmt.Sprintf("%d items, %d served", len(list), len(served))
	}
	score := map[string]float64{}
	for _, s := range served {
		score[s.ItemID] = s.Score
	}
	for n, c := range list {
		id, own := items.ID(c.Item), float64(c.Score)
		if theirs, ok := score[id]; !ok && n+1 < len(list) || ok && math.Abs(own-theirs) > 1e-6 || math.Abs(own-served[n].Score) > 1e-6 {
			return fmt.Sprintf("slot %d is %s %v, served is %+v, and %s with %v", n+1, id, own, served[n], id, theirs)
		}
	}
	return ""
}

// signedPop is popularity on a scale of its own: scores are logits.
type signedPop struct{ *popModel }

func (s signedPop) share(score, largest float64) float64 { return recommend.FromLogit(score, largest) }

func (s signedPop) Recommend(steps []uint32, k int, skip func(uint32) bool, dst []rows.Scored) []rows.Scored {
	dst = s.popModel.Recommend(steps, k, skip, dst)
	for n := range dst {
		dst[n].Score = -float32(n) // the best has 0
	}
	return dst
}

// TestSignedScoresEnterAsExponentials: ranking.md's S = e^(score − max).
func TestSignedScoresEnterAsExponentials(t *testing.T) {
	o := shopOptions(t)
	o.Model = "pop"
	pop := trained(t, o).(*popModel)
	b := newBlender(signedPop{pop}, ExcludeNone)
	b.weigh(&userPrediction{steps: []uint32{0}, likes: []candidate{{item: 2, l: 4}}})
	list := b.top(.5, 3)
	want := map[string]float64{"a": .5, "b": .5 * math.Exp(-1), "c": .5*math.Exp(-2) + .5}
	if len(list) != 3 || pop.Items().ID(list[0].Item) != "c" {
		t.Fatalf("list %v", list)
	}
	for _, c := range list {
		if id := pop.Items().ID(c.Item); math.Abs(float64(c.Score)-want[id]) > 1e-6 {
			t.Errorf("%s scores %v, want %v", id, c.Score, want[id])
		}
	}
}

// TestSlotIsThePlaceInTheList, whatever the candidates and the share.
func TestSlotIsThePlaceInTheList(t *testing.T) {
	o := shopOptions(t)
	o.Model = "pop"
	r := rand.New(rand.NewPCG(3, 3))
	pop := trained(t, o).(*popModel)
	many := &popModel{items: &vocabulary{}}
	for i := range uint32(50) {
		many.items.ids = append(many.items.ids, fmt.Sprintf("%03d", i))
		many.items.counts = append(many.items.counts, float64(r.IntN(6))) // ties, and items with nothing
		many.order = append(many.order, i)
	}
	slices.SortStableFunc(many.order, func(x, y uint32) int { return cmp.Compare(many.items.counts[y], many.items.counts[x]) })
	for range 200 {
		for _, m := range []*popModel{pop, many} {
			b, p := newBlender(m, ExcludeSeen), &userPrediction{}
			size := m.Items().Len()
			for range r.IntN(4) {
				p.steps = append(p.steps, uint32(r.IntN(size)))
			}
			for _, i := range r.Perm(size)[:r.IntN(size)] {
				p.likes = append(p.likes, candidate{item: uint32(i), l: float64(r.IntN(3))})
			}
			a, k := float64(r.IntN(5))/4, 1+r.IntN(20)
			b.weigh(p)
			list := slices.Clone(b.top(a, k))
			for i := range uint32(size) {
				if got, want := b.slot(i, a, k), slotOf(list, i); got != want {
					t.Fatalf("item %d is in slot %d of %v, says %d", i, want, list, got)
				}
			}
			if b.slot(rows.Unknown, a, k) != 0 {
				t.Fatal("an unknown item has a slot")
			}
		}
	}
}
