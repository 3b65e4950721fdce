package site

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/recommend/rows"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/store/memory"
)

const walkItems = 200

// quick are parameters that train in a moment.
func quick() best.Params {
	p := best.DefaultParams()
	p.Dim, p.Lists, p.RankerEpochs, p.Hidden = 0, 600, 1, 8
	return p
}

// mixed is a store whose log can be read with its items dealt out anew: what
// people wanted is not in it any more, only how often each item was wanted.
type mixed struct {
	*memory.Store
	before atomic.Int64 // epoch ms: events before it are dealt out
}

func (m *mixed) ScanLog(ctx context.Context, site string, from event.Cursor, limit int, fn func(event.Record) error) (event.Cursor, int, error) {
	return m.Store.ScanLog(ctx, site, from, limit, func(r event.Record) error {
		if r.Time < m.before.Load() {
			h := fnv.New64a()
			fmt.Fprint(h, r.Visitor, r.ID)
			r.ItemID = walkItem(rand.New(rand.NewPCG(h.Sum64(), 0)).IntN(walkItems))
		}
		return fn(r)
	})
}

func walkItem(n int) string { return fmt.Sprintf("w%03d", n) }

// walks are sessions of five views in which an item is mostly followed by the
// next one. They end over the days before the last, at which the newest does.
func walks(name string, sessions int, days float64, last time.Time) []event.Record {
	r := rand.New(rand.NewPCG(1, uint64(sessions)))
	var recs []event.Record
	for n := range sessions {
		end := last.Add(-time.Duration(days * 24 * float64(time.Hour) * float64(sessions-1-n) / float64(sessions)))
		at := r.IntN(walkItems)
		for k := range 5 {
			ms := end.Add(time.Duration(k-4) * time.Second).UnixMilli()
			recs = append(recs, event.Record{
				Visitor: fmt.Sprint(name, n), Session: "s", ReceivedAt: ms, Lasting: true,
				Event: event.Event{ID: fmt.Sprintf("%s-%d-%d", name, n, k), Kind: event.View, ItemID: walkItem(at), TS: ms, HasTS: true, Time: ms},
			})
			if at = (at + 1) % walkItems; r.IntN(5) == 0 {
				at = r.IntN(walkItems)
			}
		}
	}
	return recs
}

// openWalks is a site without a catalog on a log of walks that end now.
func openWalks(t *testing.T, days float64, change ...func(*Config)) (*shop, *mixed) {
	t.Helper()
	db := &mixed{Store: memory.New()}
	s := &shop{t: t, db: &away{Store: db.Store}}
	s.change = append([]func(*Config){func(c *Config) { c.Store, c.Settings.Train = db, quick() }}, change...)
	s.open()
	s.log(walks("old", 1500, days, time.Now().Add(-25*time.Hour)))
	return s, db
}

func (s *shop) log(recs []event.Record) {
	s.t.Helper()
	if _, err := s.ImportEvents(s.t.Context(), recs); err != nil {
		s.t.Fatal(err)
	}
}

// A model of shuffled sessions does not replace one that knows better, unless
// somebody insists.
func TestShuffledSessionsAreRefused(t *testing.T) {
	var verdicts []string
	s, db := openWalks(t, 10, func(c *Config) {
		c.Judged = func(r *learn.GateReport) {
			verdicts = append(verdicts, fmt.Sprint(r.Reason, " ", r.Activate, " ", r.Forced))
		}
	})
	first := s.train()
	s.log(walks("new", 200, .9, time.Now()))
	db.before.Store(time.Now().Add(-24 * time.Hour).UnixMilli())

	second, active, err := s.Train(t.Context(), TrainOptions{}, nil)
	if err != nil || active || !second.Refused() || second.Gate.Reason != learn.GateWorse || second.Gate.LiveSaw != 0 {
		t.Fatalf("trained on shuffled sessions: active %v, %v, %+v", active, err, second.Gate)
	}
	if got := s.activeModel(); got != first.ID {
		t.Errorf("active is %s, want %s as before", got, first.ID)
	}
	all, _, err := s.Models(t.Context())
	if err != nil || len(all) != 2 || all[0].ID != second.ID || !all[0].Refused() || all[0].Gate.Text != second.Gate.Text {
		t.Errorf("the refused model is kept as %+v, %v", all, err)
	}
	if err := s.ActivateModel(t.Context(), second.ID, false); fault.Of(err) == nil || fault.Of(err).Code != "model_refused" {
		t.Errorf("a refused model without force: %v", err)
	}
	if got := s.activeModel(); got != first.ID {
		t.Errorf("active is %s, want %s still", got, first.ID)
	}
	third, active, err := s.Train(t.Context(), TrainOptions{Force: true}, nil)
	if err != nil || !active || !third.Gate.Forced || s.activeModel() != third.ID {
		t.Errorf("with force: active %v, %v, %+v", active, err, third.Gate)
	}
	if err := s.ActivateModel(t.Context(), second.ID, true); err != nil || s.activeModel() != second.ID {
		t.Errorf("activated with force: %v", err)
	}
	if want := []string{"better_than_popular true false", "worse false false", "worse true true"}; !slices.Equal(verdicts, want) {
		t.Errorf("verdicts %v, want %v", verdicts, want)
	}
}

// activeModel is the version that the answers are of.
func (s *shop) activeModel() string { return s.ask(visitorQuery("whoever")).Versions.Model }

// A first model that knows nothing is worth less than what is popular.
func TestFirstModelMustBeOfUse(t *testing.T) {
	s, db := openWalks(t, 10)
	db.before.Store(time.Now().UnixMilli())
	v, active, err := s.Train(t.Context(), TrainOptions{}, nil)
	if err != nil || active || v.Gate.Reason != learn.GateUseless {
		t.Fatalf("a model of noise: active %v, %v, %+v", active, err, v.Gate)
	}
	if a := s.ask(visitorQuery("ann")); len(a.Degraded) > 0 || len(a.Items) == 0 || a.Versions.Model != "" {
		t.Errorf("without a model: %d items of model %q, degraded %v", len(a.Items), a.Versions.Model, a.Degraded)
	}
	db.before.Store(0)
	if v := s.train(); v.Gate.Reason != learn.GateBetter || s.activeModel() != v.ID {
		t.Errorf("a first model of the real log: %+v", v.Gate)
	}
}

func TestSiteWithoutData(t *testing.T) {
	s := &shop{t: t, db: &away{Store: memory.New()}}
	s.open()
	_, _, err := s.Train(t.Context(), TrainOptions{}, nil)
	if f := fault.Of(err); f == nil || f.Code != "nothing_to_train" {
		t.Errorf("training on nothing: %v", err)
	}
	if a := s.ask(visitorQuery("ann")); len(a.Degraded) > 0 || len(a.Items) > 0 {
		t.Errorf("%d items, degraded %v; want neither", len(a.Items), a.Degraded)
	}
	if _, err := s.PutItems(t.Context(), []catalog.Item{{ItemID: "only"}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Train(t.Context(), TrainOptions{}, nil); err == nil || !strings.Contains(err.Error(), "catalog lacks") {
		t.Errorf("with a catalog: %v", err)
	}
	m := train(t, walks("x", 30, 1, time.Now()), ModelBest)
	v, err := s.PutModel(t.Context(), m, false)
	if err != nil || v.Gate.Reason != learn.GateNothing || !strings.HasPrefix(v.Gate.Text, "may be activated") {
		t.Fatalf("an upload that nothing can be compared with: %v, %+v", err, v.Gate)
	}
	if err := s.ActivateModel(t.Context(), v.ID, false); err != nil || s.activeModel() != v.ID {
		t.Errorf("activate it: %v", err)
	}
}

// train is the file of a model of some records.
func train(t *testing.T, recs []event.Record, kind string) []byte {
	t.Helper()
	b := corpus.NewBuilder(corpus.Options{})
	for session := range slices.Chunk(recs, 5) {
		var items []string
		for i := range session {
			items = append(items, session[i].ItemID)
		}
		b.Add(items, float64(session[4].Time)/864e5)
	}
	c, err := b.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var m model
	if kind == ModelRows {
		m, err = rows.Train(t.Context(), c, rows.DefaultParams(), nil)
	} else {
		m, err = best.Train(t.Context(), c, quick(), best.Options{})
	}
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := m.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// What is uploaded passes the same gate, of either kind.
func TestUploadsAreJudged(t *testing.T) {
	s, _ := openWalks(t, 10)
	first := s.train()
	s.log(walks("new", 200, .9, time.Now()))
	good := walks("old", 1500, 10, time.Now().Add(-25*time.Hour))
	r := rand.New(rand.NewPCG(2, 2))
	bad := slices.Clone(good)
	for i := range bad {
		bad[i].ItemID = walkItem(r.IntN(walkItems))
	}
	for _, kind := range []string{ModelBest, ModelRows} {
		v, err := s.PutModel(t.Context(), train(t, bad, kind), false)
		if err != nil || !v.Refused() || v.Training.Model != kind {
			t.Fatalf("%s of shuffled sessions: %v, %+v", kind, err, v.Gate)
		}
		if err := s.ActivateModel(t.Context(), v.ID, false); fault.KindOf(err) != fault.Conflict || s.activeModel() != first.ID {
			t.Errorf("%s is activated: %v", kind, err)
		}
		forced, err := s.PutModel(t.Context(), train(t, bad, kind), true)
		if err != nil || forced.Refused() || !strings.HasPrefix(forced.Gate.Text, "may be activated by force") {
			t.Errorf("%s with force: %v, %+v", kind, err, forced.Gate)
		}
	}
	v, err := s.PutModel(t.Context(), train(t, good, ModelBest), false)
	if err != nil || v.Refused() {
		t.Fatalf("a model of the real sessions: %v, %+v", err, v.Gate)
	}
	if err := s.ActivateModel(t.Context(), v.ID, false); err != nil || s.activeModel() != v.ID {
		t.Errorf("activate it: %v", err)
	}
}

// Items that left the catalog take no place in a row; those out of stock come
// back.
func TestDelistedItemsAreNotTrainedOn(t *testing.T) {
	s, _ := openWalks(t, 10)
	no := false
	var items []catalog.Item
	for n := range walkItems - 50 {
		items = append(items, catalog.Item{ItemID: walkItem(n), Available: &no})
	}
	if _, err := s.PutItems(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	if v := s.train(); v.Training.Items != walkItems-50 {
		t.Errorf("trained on %d items, want the %d of the catalog", v.Training.Items, walkItems-50)
	}
}

// While a model is trained the old one answers; a second training is refused,
// one that is called off changes nothing.
func TestTrainingDisturbsNobody(t *testing.T) {
	s, _ := openWalks(t, 10)
	first := s.train()
	reached, goOn, done := make(chan struct{}), make(chan struct{}), make(chan ModelVersion)
	var stages []string
	var arrive sync.Once
	go func() {
		v, _, err := s.Train(t.Context(), TrainOptions{Force: true}, func(stage string, _, _ int64) {
			if !slices.Contains(stages, stage) {
				stages = append(stages, stage)
			}
			if stage == "ranker" {
				arrive.Do(func() { close(reached) })
				<-goOn
			}
		})
		if err != nil {
			t.Error(err)
		}
		done <- v
	}()
	<-reached
	if got := s.activeModel(); got != first.ID {
		t.Errorf("while training, %s answers, want %s", got, first.ID)
	}
	if _, _, err := s.Train(t.Context(), TrainOptions{}, nil); fault.Of(err) == nil || fault.Of(err).Code != "training_runs" {
		t.Errorf("a second training: %v", err)
	}
	close(goOn)
	second := <-done
	if got := s.activeModel(); got != second.ID || got == first.ID {
		t.Errorf("after it, %s answers, want %s", got, second.ID)
	}
	if want := []string{"read", "gate rows", "gate ranker", "gate", "rows", "ranker"}; !slices.Equal(stages, want) {
		t.Errorf("stages %q, want %q", stages, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, _, err := s.Train(ctx, TrainOptions{Force: true}, func(stage string, _, _ int64) {
		if stage == "gate ranker" {
			cancel()
		}
	})
	if err == nil || s.activeModel() != second.ID {
		t.Errorf("called off: %v, active is %s", err, s.activeModel())
	}
}

// Rows alone can be made too, and of what a model was made is told.
func TestTrainedParts(t *testing.T) {
	s, _ := openWalks(t, 10)
	v, active, err := s.Train(t.Context(), TrainOptions{Model: ModelRows, Params: map[string]float64{"top": 7}}, nil)
	if err != nil || !active || v.Training.Model != ModelRows || v.Training.Params.(map[string]any)["top"] != 7. || v.Training.Embedding {
		t.Fatalf("rows: active %v, %v, %+v", active, err, v.Training)
	}
	v, active, err = s.Train(t.Context(), TrainOptions{Params: map[string]float64{"dim": 8, "epochs": 1, "neighbours": 3}, Force: true}, nil)
	if err != nil || !active || v.Training.Model != ModelBest || len(v.Training.Stages) < best.Policies || v.Training.Sessions == 0 || v.Training.Items != walkItems {
		t.Errorf("best: active %v, %v, %+v", active, err, v.Training)
	}
	if _, _, err := s.Train(t.Context(), TrainOptions{Params: map[string]float64{"depth": 1, "a": 2, "top": .5}}, nil); len(fault.Of(err).Fields) != 3 {
		t.Errorf("three wrong parameters: %v", err)
	}
	if age, ok := s.Freshness(SignalModel); !ok || age < 0 || age > time.Hour {
		t.Errorf("the model is %v old, %v", age, ok)
	}
}

// At most a few versions are kept; refused ones do not drive out those that
// were good.
func TestOldModelsGo(t *testing.T) {
	s, db := openWalks(t, 10)
	good := s.train()
	s.log(walks("new", 200, .9, time.Now()))
	db.before.Store(time.Now().Add(-24 * time.Hour).UnixMilli())
	for range 3 {
		if _, active, err := s.Train(t.Context(), TrainOptions{}, nil); err != nil || active {
			t.Fatalf("active %v, %v", active, err)
		}
	}
	db.before.Store(0)
	last := s.train()
	all, active, err := s.Models(t.Context())
	if err != nil || active != last.ID || len(all) != 2+keptRefused {
		t.Errorf("%d models are kept, active %s, %v", len(all), active, err)
	}
	if !slices.ContainsFunc(all, func(v ModelVersion) bool { return v.ID == good.ID }) {
		t.Error("refused models drove out the one to go back to")
	}
}
