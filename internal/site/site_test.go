package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store/memory"
)

var errAway = errors.New("the store is away")

// away is a store whose reads can be made to fail.
type away struct {
	*memory.Store
	profiles, sessions, writes atomic.Bool
}

func (a *away) Profile(ctx context.Context, site, id string) (*profile.Profile, error) {
	if a.profiles.Load() {
		return nil, errAway
	}
	return a.Store.Profile(ctx, site, id)
}

func (a *away) BuiltIn(ctx context.Context, site, owner, except string) (*profile.Profile, error) {
	if a.profiles.Load() {
		return nil, errAway
	}
	return a.Store.BuiltIn(ctx, site, owner, except)
}

func (a *away) SessionEvents(ctx context.Context, key session.Key, limit int) ([]event.Record, []string, error) {
	if a.sessions.Load() {
		return nil, nil, errAway
	}
	return a.Store.SessionEvents(ctx, key, limit)
}

func (a *away) Append(ctx context.Context, w ingest.Write) error {
	if a.writes.Load() {
		return errAway
	}
	return a.Store.Append(ctx, w)
}

// shop is a site with 30 items in two categories, of which everybody buys
// neighbours: item n with n+1.
type shop struct {
	*Site
	t      *testing.T
	db     *away
	n      int
	change []func(*Config)
}

func openShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, db: &away{Store: memory.New()}}
	s.open()
	items := make([]catalog.Item, 30)
	for i := range items {
		items[i] = catalog.Item{ItemID: item(i), Name: "Item " + item(i), Categories: []string{[]string{"odd", "even"}[i%2]}}
	}
	if _, err := s.PutItems(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	var past []event.Record
	for v := range 100 {
		for k := range 3 {
			at := time.Now().Add(-24*time.Hour).UnixMilli() + int64(k)
			past = append(past, event.Record{
				Visitor: fmt.Sprint("past", v), Session: "s", ReceivedAt: at, Lasting: true,
				Event: event.Event{ID: fmt.Sprintf("past-%d-%d", v, k), Kind: event.View, ItemID: item((v + k) % 30), TS: at, HasTS: true, Time: at},
			})
		}
	}
	if _, err := s.ImportEvents(t.Context(), past); err != nil {
		t.Fatal(err)
	}
	s.train()
	return s
}

// train makes the model of the log the one that answers.
func (s *shop) train() ModelVersion {
	s.t.Helper()
	v, active, err := s.Train(s.t.Context(), TrainOptions{}, nil)
	if err != nil || !active {
		s.t.Fatalf("train: active %v, %v", active, err)
	}
	return v
}

// open opens the site on its store, as a start of the program does.
func (s *shop) open() {
	s.t.Helper()
	sessions := session.New(session.Config{Source: s.db, Salt: []byte("0123456789abcdef0123456789abcdef")})
	collector := ingest.New(ingest.Config{Sessions: sessions, Log: s.db})
	cfg := Config{
		Name: "shop", Store: s.db, Sessions: sessions, Collector: collector, NewID: func() string { return "receipt-1" },
		Settings: Settings{DefaultConsent: event.ConsentFull, TrustUser: true},
	}
	for _, change := range s.change {
		change(&cfg)
	}
	st, err := Open(s.t.Context(), cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Site = st
	s.t.Cleanup(func() {
		if err := collector.Close(context.Background()); err != nil {
			s.t.Error(err)
		}
		st.Close()
	})
}

func item(n int) string { return fmt.Sprintf("i%02d", n) }

// click views an item as a visitor and waits until it is stored.
func (s *shop) click(visitor, item string) {
	s.t.Helper()
	s.n++
	b := s.batch(visitor, item)
	if _, err := s.Collect(s.t.Context(), &ingest.Request{Batch: b, ReceivedAt: time.Now()}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) batch(visitor, item string) *event.Batch {
	s.t.Helper()
	body, err := json.Marshal(map[string]any{"anonymous_id": visitor, "events": []map[string]any{{"event_id": fmt.Sprint("e", s.n), "kind": "view", "item_id": item}}})
	if err != nil {
		s.t.Fatal(err)
	}
	b, err := event.DecodeBatch(body, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *shop) ask(q Query) *Answer {
	s.t.Helper()
	if q.Placement == "" {
		q.Placement = "home"
	}
	q.Limit, q.ReceivedAt = 10, time.Now()
	var a Answer
	if err := s.Recommend(s.t.Context(), &q, &a); err != nil {
		s.t.Fatal(err)
	}
	return &a
}

func visitorQuery(id string) Query { return Query{Who: session.Who{AnonymousID: id}} }

func idsOf(a *Answer) string {
	var ids []string
	for i := range a.Items {
		ids = append(ids, a.Items[i].ItemID)
	}
	return strings.Join(ids, " ")
}

func TestClickChangesTheAnswer(t *testing.T) {
	s := openShop(t)
	before := s.ask(visitorQuery("ann"))
	s.click("ann", item(7))
	after := s.ask(visitorQuery("ann"))
	if before.HasSession || !after.HasSession || after.Session.Events != 1 {
		t.Errorf("sessions before and after the click: %v %+v", before.HasSession, after.Session)
	}
	if first := after.Items[0].ItemID; first != item(6) && first != item(8) {
		t.Errorf("after a view of %s comes %s; want a neighbour", item(7), first)
	}
	if len(after.Degraded) > 0 {
		t.Errorf("a healthy answer is degraded: %v", after.Degraded)
	}
}

// What cannot be read degrades the answer and is named; it is never an error.
func TestDegradesOutLoud(t *testing.T) {
	s := openShop(t)
	s.click("ann", item(7))
	s.db.profiles.Store(true)
	if a := s.ask(visitorQuery("ann")); !slices.Equal(a.Degraded, []string{"profile"}) || len(a.Items) != 10 {
		t.Errorf("profiles away: degraded %v with %d items", a.Degraded, len(a.Items))
	}
	s.db.profiles.Store(false)

	s.open() // a new process: memory is empty
	s.db.sessions.Store(true)
	if a := s.ask(visitorQuery("ann")); !slices.Contains(a.Degraded, "session") || len(a.Items) != 10 {
		t.Errorf("sessions away: degraded %v with %d items", a.Degraded, len(a.Items))
	}
	s.db.sessions.Store(false)
	if a := s.ask(visitorQuery("ann")); len(a.Degraded) != 0 || a.Session.Events != 1 {
		t.Errorf("healthy again: degraded %v, session %+v", a.Degraded, a.Session)
	}
	q := visitorQuery("ann")
	q.After = "never-sent"
	if a := s.ask(q); !slices.Equal(a.Degraded, []string{"after"}) {
		t.Errorf("an event that is nowhere: degraded %v, want after", a.Degraded)
	}
	if a := s.ask(Query{After: "e1"}); !slices.Equal(a.Degraded, []string{"after"}) {
		t.Errorf("an event of nobody: degraded %v, want after", a.Degraded)
	}
}

// A model that cannot be read is no reason not to start: the answers say what
// they lack until another one is active.
func TestDamagedModelDegrades(t *testing.T) {
	s := openShop(t)
	v := Version{ID: "damaged", CreatedAt: 1}
	if err := s.db.PutVersion(t.Context(), "shop", "model", v, []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Activate(t.Context(), "shop", "model", v.ID); err != nil {
		t.Fatal(err)
	}
	s.open()
	if a := s.ask(visitorQuery("ann")); !slices.Equal(a.Degraded, []string{"model"}) || len(a.Items) != 10 {
		t.Errorf("a damaged model: degraded %v with %d items", a.Degraded, len(a.Items))
	}
	s.train()
	if a := s.ask(visitorQuery("ann")); len(a.Degraded) != 0 {
		t.Errorf("with a new model: degraded %v", a.Degraded)
	}
}

// With ack the click is stored before the answer; when it cannot be, there is
// no answer. Without ack the answer does not depend on the store.
func TestInlineEvents(t *testing.T) {
	s := openShop(t)
	s.db.writes.Store(true)
	q := visitorQuery("ann")
	q.Events = s.batch("ann", item(3))
	if a := s.ask(q); a.Session.Events != 1 || a.Events != nil {
		t.Errorf("without ack: session %+v, verdicts %v", a.Session, a.Events)
	}
	q.Ack, q.Placement, q.Limit, q.ReceivedAt = true, "home", 5, time.Now()
	q.Events = s.batch("bob", item(3))
	q.Who.AnonymousID = "bob"
	var a Answer
	if err := s.Recommend(t.Context(), &q, &a); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("ack while the store is away: %v, want unavailable", err)
	}
	s.db.writes.Store(false)
	q.Events = s.batch("bob", item(3))
	if err := s.Recommend(t.Context(), &q, &a); err != nil || a.Events == nil || a.Events.Accepted != 1 {
		t.Errorf("ack: %v, verdicts %+v", err, a.Events)
	}
}

// A visitor who comes back is not a stranger: the history speaks.
func TestReturningVisitorHasAProfile(t *testing.T) {
	s := openShop(t)
	s.click("ann", item(7))
	if err := s.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	q := visitorQuery("ann")
	if a := s.ask(q); a.Blend.Session != 1 {
		t.Errorf("the running session is its own profile: blend %+v", a.Blend)
	}
	q.Who.SessionID = "another-day"
	if a := s.ask(q); a.Blend.Profile != 1 || len(a.Degraded) > 0 {
		t.Errorf("a new session of a known visitor: blend %+v, degraded %v", a.Blend, a.Degraded)
	}
	q.Who.Consent = event.ConsentSession
	if a := s.ask(q); a.Blend.Profile != 0 {
		t.Errorf("without consent a profile was used: blend %+v", a.Blend)
	}
}

func TestSoldOutVanishesAndComesBack(t *testing.T) {
	s := openShop(t)
	s.click("ann", item(7))
	want := idsOf(s.ask(visitorQuery("ann")))
	no, yes := false, true
	if _, err := s.PatchItem(t.Context(), item(8), catalog.Patch{Available: &no}); err != nil {
		t.Fatal(err)
	}
	if got := idsOf(s.ask(visitorQuery("ann"))); strings.Contains(got, item(8)) {
		t.Errorf("%s is sold out and in %s", item(8), got)
	}
	s.open() // a restart does not forget it
	if got := idsOf(s.ask(visitorQuery("ann"))); strings.Contains(got, item(8)) {
		t.Errorf("after a restart %s is in %s", item(8), got)
	}
	if _, err := s.PatchItem(t.Context(), item(8), catalog.Patch{Available: &yes}); err != nil {
		t.Fatal(err)
	}
	if got := idsOf(s.ask(visitorQuery("ann"))); got != want {
		t.Errorf("back in stock: %s, want %s", got, want)
	}
	if _, err := s.PatchItem(t.Context(), "nowhere", catalog.Patch{Available: &yes}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("patch of an unknown item: %v", err)
	}
}

func TestPutItemsAnswersPerItem(t *testing.T) {
	s := openShop(t)
	verdicts, err := s.PutItems(t.Context(), []catalog.Item{{ItemID: "new"}, {ItemID: ""}})
	if err != nil || verdicts[0] != nil || verdicts[1] == nil {
		t.Errorf("verdicts %v, %v; want only the second refused", verdicts, err)
	}
	if _, ok := s.Item("new"); !ok {
		t.Error("the good item is not there")
	}
}

func TestEraseForgets(t *testing.T) {
	s := openShop(t)
	s.click("ann", item(7))
	if err := s.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Visitor(t.Context(), "ann"); err != nil || v.Session == nil || len(v.Session.RecentEvents) != 1 {
		t.Fatalf("before: %+v, %v", v, err)
	}
	receipt, err := s.EraseVisitor(t.Context(), "ann")
	if err != nil || receipt.ReceiptID == "" {
		t.Fatalf("receipt %+v, %v", receipt, err)
	}
	if v, err := s.Visitor(t.Context(), "ann"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("after: %+v, %v", v, err)
	}
	if a := s.ask(visitorQuery("ann")); a.HasSession && a.Session.Events > 0 {
		t.Errorf("an erased visitor's answer comes from %+v", a.Session)
	}
}

// A profile joins only for a proven user, whatever the id is sent as.
func TestProfileNeedsAProof(t *testing.T) {
	s := openShop(t)
	s.cfg.Settings.TrustUser = false
	s.cfg.Settings.IdentitySecret = []byte("0123456789abcdef")
	ps := []profile.Profile{{ID: "u3", Affinities: []profile.Affinity{{ItemID: item(1), Weight: 1}}}}
	if err := s.ImportProfiles(t.Context(), ps, "v1", true); err != nil {
		t.Fatal(err)
	}
	for name, who := range map[string]session.Who{"said": {UserID: "u3"}, "as a device": {AnonymousID: "u3"}, "as a session": {SessionID: "u3"}} {
		if a := s.ask(Query{Who: who}); a.Blend.Profile != 0 {
			t.Errorf("%s: blend %+v", name, a.Blend)
		}
	}
	token := ingest.SignUserToken(s.cfg.Settings.IdentitySecret, "u3", time.Now().Add(time.Hour))
	for name, q := range map[string]Query{
		"a token":      {Who: session.Who{AnonymousID: "x", UserID: "u3"}, UserToken: token},
		"a secret key": {Who: session.Who{UserID: "u3", Secret: true}},
	} {
		if a := s.ask(q); a.Blend.Profile != 1 {
			t.Errorf("%s: blend %+v", name, a.Blend)
		}
	}
}

// Erasing a user also ends the sessions of the devices that are linked to it.
func TestEraseUserForgetsLinkedDevices(t *testing.T) {
	s := openShop(t)
	s.n++
	b := s.batch("device", item(7))
	b.UserID = "u5"
	if _, err := s.Collect(t.Context(), &ingest.Request{Batch: b, ReceivedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Visitor(t.Context(), "device"); err != nil || v.UserID != "u5" || v.AnonymousID != "device" {
		t.Fatalf("before: %+v, %v", v, err)
	}
	if _, err := s.EraseVisitor(t.Context(), "u5"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"device", "u5"} {
		if v, err := s.Visitor(t.Context(), id); fault.KindOf(err) != fault.NotFound {
			t.Errorf("after, %s: %+v, %v", id, v, err)
		}
	}
}

func TestModelsActivateAndRollBack(t *testing.T) {
	s := openShop(t)
	s.click("ann", item(7))
	_, first, err := s.Models(t.Context())
	if err != nil || first == "" {
		t.Fatalf("no active model: %v", err)
	}
	if _, err := s.PutModel(t.Context(), []byte("not a model"), true); fault.Of(err) == nil || fault.Of(err).Code != "invalid_model" {
		t.Errorf("garbage as a model: %v", err)
	}
	if err := s.ActivateModel(t.Context(), "no-such", true); fault.KindOf(err) != fault.NotFound {
		t.Errorf("activate an unknown model: %v", err)
	}
	second := s.train()
	if a := s.ask(visitorQuery("ann")); a.Versions.Model != second.ID {
		t.Errorf("the answer is of model %s, active is %s", a.Versions.Model, second.ID)
	}
	if err := s.ActivateModel(t.Context(), first, false); err != nil {
		t.Fatal(err)
	}
	if a := s.ask(visitorQuery("ann")); a.Versions.Model != first {
		t.Errorf("rolled back to %s, the answer is of %s", first, a.Versions.Model)
	}
}

func TestUnknownPlacementNamesTheOthers(t *testing.T) {
	s := openShop(t)
	var a Answer
	err := s.Recommend(t.Context(), &Query{Placement: "attic", Limit: 5}, &a)
	if f := fault.Of(err); f == nil || f.Code != "unknown_placement" || !strings.Contains(f.Detail, "home, item, cart") {
		t.Errorf("unknown placement: %v", err)
	}
}
