package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/internal/keys"
	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

// fakeSite answers from memory and remembers what it was asked.
type fakeSite struct {
	mu       sync.Mutex
	ids      map[string]bool // every id that came in, kept as a site keeps them
	batches  []ingest.Request
	queries  []site.Query
	items    map[string]catalog.Item
	erased   map[string]bool
	models   []site.ModelVersion
	active   string
	profiles map[string]int
	events   []event.Record
	fail     error // answered instead of anything
	panics   bool
	list     []recommend.Item
	record   bool
	trained  *site.TrainOptions // of the last training
	force    bool               // of the last upload or activation
	gate     *learn.GateReport  // what the gate says of new models; nil: nothing
	visitor  *site.VisitorView  // answered instead of the usual one
	result   *ingest.Result     // answered instead of what was sent
}

func newFakeSite() *fakeSite {
	f := &fakeSite{
		ids: map[string]bool{}, items: map[string]catalog.Item{}, erased: map[string]bool{}, profiles: map[string]int{}, record: true,
	}
	price := 2.55
	for i := range 20 {
		it := catalog.Item{
			ItemID: fmt.Sprintf("item-%02d", i), Name: "White hanging heart \"T-light\" holder", Price: &price,
			Attributes: map[string]json.RawMessage{"colour": json.RawMessage(`"red"`), "tags": json.RawMessage(`["a","b"]`)},
		}
		f.items[it.ItemID] = it
		f.list = append(f.list, recommend.Item{ItemID: it.ItemID, Slot: i + 1, Score: 1 / float64(i+1), Reason: recommend.ReasonSession, Catalog: &it})
	}
	return f
}

func (f *fakeSite) Collect(_ context.Context, r *ingest.Request) (ingest.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return ingest.Result{}, f.fail
	}
	if f.record {
		f.batches = append(f.batches, *r)
		f.keep(r.Batch.AnonymousID, r.Batch.UserID, r.Batch.SessionID)
		for _, e := range r.Batch.Events {
			f.keep(e.ID, e.ItemID)
		}
	}
	if f.result != nil {
		return *f.result, nil
	}
	res := ingest.Result{
		Accepted: len(r.Batch.Events), Invalid: r.Batch.Invalid, Durability: "os",
		SessionID: "s1", Events: len(r.Batch.Events), LastEventID: "e1",
	}
	for i, e := range r.Batch.Events {
		if e.ID == "" || e.IDMade {
			res.Made = append(res.Made, ingest.MadeID{Index: r.Batch.Index[i], EventID: fmt.Sprintf("made-%d", i)})
		}
	}
	return res, nil
}

func (f *fakeSite) keep(ids ...string) {
	for _, id := range ids {
		if id != "" {
			f.ids[id] = true
		}
	}
}

func (f *fakeSite) Recommend(_ context.Context, q *site.Query, a *site.Answer) error {
	if f.panics {
		panic("a defect")
	}
	if f.record {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.queries = append(f.queries, *q)
		f.keep(q.Who.AnonymousID, q.Who.UserID, q.Who.SessionID, q.Context.ItemID, q.After)
		f.keep(q.Candidates...)
		f.keep(q.Exclude...)
	}
	if f.fail != nil {
		return f.fail
	}
	a.Reset()
	a.Session, a.Events, a.HasSession = site.SessionSummary{}, nil, false
	a.Items = append(a.Items, f.list[:min(q.Limit, len(f.list))]...)
	a.Blend = recommend.Blend{Session: .62, Profile: .38}
	a.Versions = recommend.Versions{Model: "m1", Catalog: "c1"}
	if q.Who.AnonymousID != "" {
		a.HasSession, a.Session = true, site.SessionSummary{SessionID: "s1", Events: 12, LastEventID: "e1"}
	}
	if q.Explain {
		for i := range a.Items {
			a.Items[i].Ledger = []recommend.Entry{{Stage: "score", Signal: "session", Value: .5}, {Stage: "boost", Rule: "r1", Factor: 2, MovedFrom: 3}}
		}
		a.Explanation = &recommend.Explanation{
			Candidates: map[string]int{"rows": 10, "popular": 5}, Drops: map[string]int{"seen": 2},
			WhyNot: []recommend.WhyNot{{ItemID: "x", Stage: "filter", Detail: "not red"}},
		}
	}
	if q.Ack && q.Events != nil {
		a.Events = &ingest.Result{Accepted: len(q.Events.Events), Invalid: q.Events.Invalid, Durability: "os"}
	}
	return nil
}

func (f *fakeSite) Placements() []string { return fakePlacements }

var fakePlacements = []string{"home", "item", "cart", "search", "email"}

func (f *fakeSite) PutItems(_ context.Context, items []catalog.Item) ([]error, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]error, len(items))
	for i, it := range items {
		if it.ItemID == "" {
			out[i] = fault.Invalidf("item_id_missing", "an item needs an id").At("/item_id", "missing")
			continue
		}
		f.items[it.ItemID] = it
	}
	return out, f.fail
}

func (f *fakeSite) Item(id string) (catalog.Item, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	it, ok := f.items[id]
	return it, ok
}

func (f *fakeSite) PatchItem(_ context.Context, id string, p catalog.Patch) (catalog.Item, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	it, ok := f.items[id]
	if !ok {
		return it, fault.NotFoundf("unknown_item", "there is no item %q", id)
	}
	if p.Available != nil {
		it.Available = p.Available
	}
	f.items[id] = it
	return it, nil
}

func (f *fakeSite) Visitor(_ context.Context, id string) (site.VisitorView, error) {
	if id == "nobody" {
		return site.VisitorView{}, fault.NotFoundf("unknown_visitor", "nothing is known of %q", id)
	}
	if f.visitor != nil {
		return *f.visitor, nil
	}
	return site.VisitorView{
		AnonymousID: id,
		Session: &site.SessionView{
			SessionSummary: site.SessionSummary{SessionID: "s1", Events: 1, LastEventID: "e1"},
			RecentEvents:   []site.RecentEvent{{EventID: "e1", Kind: "view", ItemID: "item-00", TS: stamp(0)}},
			Vector:         []site.VectorEntry{{ItemID: "item-00", Weight: 1}},
		},
		Profile: &profile.Profile{ID: id, Version: "p1", Affinities: []profile.Affinity{{ItemID: "item-01", Weight: 2}}, Segments: []string{"new"}},
	}, nil
}

func (f *fakeSite) EraseVisitor(_ context.Context, id string) (site.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.erased[id] = true
	return site.Receipt{VisitorID: id, ErasedAt: stamp(0), ReceiptID: "r1"}, nil
}

func (f *fakeSite) Models(context.Context) ([]site.ModelVersion, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.models, f.active, nil
}

func (f *fakeSite) PutModel(_ context.Context, body []byte, force bool) (site.ModelVersion, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !strings.HasPrefix(string(body), "model") {
		return site.ModelVersion{}, fault.Invalidf("invalid_model", "this is no model")
	}
	f.force = force
	v := site.ModelVersion{
		Version: site.Version{ID: fmt.Sprintf("m%d", len(f.models)+1), Kind: "model", Bytes: int64(len(body))},
		Training: &site.Training{
			Model: site.ModelBest, TrainedAt: time.UnixMilli(1_790_000_000_123), Rankers: []string{"current"}, Params: map[string]any{"a": .8},
			Stages: []best.Stage{{Policy: "current", Lists: 7, Ranker: best.Quality{HR: .5, MRR: .25}, Kept: true}},
		},
		Gate: f.gate,
	}
	f.models = append(f.models, v)
	return v, nil
}

func (f *fakeSite) ActivateModel(_ context.Context, id string, force bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.models {
		if v := &f.models[i]; v.ID == id {
			if v.Refused() && !force {
				return fault.Conflictf("model_refused", "it was %s", v.Gate.Text)
			}
			f.active, f.force = id, force
			return nil
		}
	}
	return fault.NotFoundf("unknown_model", "there is no model %q", id)
}

func (f *fakeSite) Train(ctx context.Context, o site.TrainOptions, _ site.Progress) (site.ModelVersion, bool, error) {
	f.mu.Lock()
	f.trained = &o
	f.mu.Unlock()
	v, err := f.PutModel(ctx, []byte("model"), o.Force)
	if err != nil || v.Refused() {
		return v, false, err
	}
	return v, true, f.ActivateModel(ctx, v.ID, o.Force)
}

func (f *fakeSite) ImportProfiles(_ context.Context, ps []profile.Profile, version string, activate bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.profiles[version] += len(ps)
	if activate {
		f.active = version
	}
	return f.fail
}

func (f *fakeSite) ImportEvents(_ context.Context, recs []event.Record) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, recs...)
	return len(recs), f.fail
}

func (f *fakeSite) Ready() error { return nil }

func (f *fakeSite) lastQuery() site.Query {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.queries[len(f.queries)-1]
}

const (
	testSecret      = "sk_test"
	testPublishable = "pk_test"
	testRevoked     = "sk_revoked"
	shopOrigin      = "https://shop.example"
)

func testRing(t testing.TB) *keys.Ring {
	t.Helper()
	ring := &keys.Ring{}
	for secret, origins := range map[string][]string{
		testSecret: nil, testPublishable: {shopOrigin}, testRevoked: nil, "sk_lost": nil, "pk_demo": nil,
	} {
		spec := keys.Spec{Site: "shop", Origins: origins}
		switch secret {
		case "sk_lost":
			spec.Site = "elsewhere"
		case "pk_demo":
			spec.Site = DemoSite
		}
		k, err := keys.Fixed(secret, spec, time.UnixMilli(1))
		if err != nil {
			t.Fatal(err)
		}
		if secret == testRevoked {
			k.RevokedAt = 2
		}
		ring.Put(k)
	}
	return ring
}

// newServer makes a server over a fake site with short timeouts.
func newServer(t testing.TB, f *fakeSite, change ...func(*Config)) *Server {
	t.Helper()
	cfg := Config{
		Sites: func(name string) (Site, bool) { return f, name == "shop" || name == DemoSite },
		Keys:  testRing(t), Version: "test", Demo: true,
		Logger: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelError})),
	}
	for _, fn := range change {
		fn(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testLog sends what the server logs to the test's own log.
type testLog struct{ t testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}
