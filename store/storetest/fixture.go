package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
)

const hourMs = 3600_000

// base is the time of the suite's events: the start of an hour.
const base = 490_000 * hourMs

// names are ids that break careless keys: one is the beginning of another,
// holds what others use as a separator, or is longer than one length byte.
func names() []string {
	long := make([]byte, 128)
	for i := range long {
		long[i] = '~'
	}
	return []string{"a", "ab", "a/b", "a:b", "a b", " a", "b", "\x7f", "é", "€uro", "\U0010ffff", "1", "11", string(long)}
}

// rec is a small record; ts is also its time and receipt.
func rec(site, visitor, session, id string, ts int64) event.Record {
	return event.Record{
		Site: site, Visitor: visitor, Session: session, ReceivedAt: ts, Lasting: true,
		Event: event.Event{ID: id, Kind: event.View, ItemID: "item-" + id, TS: ts, HasTS: true, Time: ts},
	}
}

// full is a record with every field set.
func full(site, visitor, session, id string, ts int64) event.Record {
	return event.Record{
		Site: site, Visitor: visitor, Session: session, UserID: "user", Proven: true,
		ReceivedAt: ts + 7, Bot: true, Lasting: true, Unfolded: true,
		Event: event.Event{
			ID: id, Seq: 9, Kind: event.Purchase, Name: "näme", ItemID: "85123A", TS: ts, HasTS: true, Time: ts + 3,
			Quantity: 2, Price: 2.55, Currency: "GBP", RecommendationID: "r-1", Slot: 3, Query: "lantern",
			Items:   []event.Line{{ItemID: "i1", Quantity: 2, Price: 1.5}, {ItemID: "i2"}},
			Context: []byte(`{"path":"/p"}`), Properties: []byte(`{"x":[1,2]}`),
		},
	}
}

func keyOf(r event.Record) session.Key {
	return session.Key{Site: r.Site, Visitor: r.Visitor, Session: r.Session}
}

func fullProfile(id string) profile.Profile {
	return profile.Profile{
		ID: id, Space: "two-tower", Vector: []float32{0.5, -1.25, 3e-20},
		Affinities: []profile.Affinity{{ItemID: "i1", Weight: 2.5}, {ItemID: "i2", Weight: 0.1}},
		Attributes: []profile.Attribute{{Name: "colour", Value: "red", Weight: 0.3}},
		Segments:   []string{"vip"}, List: []string{"i3", "i4"},
		Purchased: []profile.Purchase{{ItemID: "i5", Time: base}},
	}
}

func fullItem(id string) catalog.Item {
	price, available := 12.5, false
	return catalog.Item{
		ItemID: id, GroupID: "g", Name: "Lantern <b>&</b> é", URL: "https://shop.example/p?a=1&b=2",
		ImageURL: "https://shop.example/i.png", Price: &price, Currency: "EUR", Available: &available,
		Categories:  []string{"home>lanterns"},
		Attributes:  map[string]json.RawMessage{"colour": []byte(`"red"`), "tags": []byte(`["a","<b>"]`), "stock": []byte(`4`)},
		PublishedAt: "2026-11-24T00:00:00Z",
	}
}

// must ends the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// failer is the part of testing.TB that rapid.T has as well.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// same compares; nil and empty are the same.
func same(t failer, what string, got, want any) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return // the fast way; cmp is for telling what differs
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s differs (-want +got):\n%s", what, diff)
	}
}

// is wants an error of a kind.
func is(t testing.TB, err error, want fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != want {
		t.Fatalf("error is %v (kind %d), want kind %d", err, fault.KindOf(err), want)
	}
}

func add(t testing.TB, s store.Store, recs ...event.Record) {
	t.Helper()
	must(t, s.Append(t.Context(), ingest.Write{Records: recs}))
}

func addVisitor(t testing.TB, s store.Store, v session.Visitor) {
	t.Helper()
	must(t, s.Append(t.Context(), ingest.Write{Visitors: []session.Visitor{v}}))
}

func addHistory(t testing.TB, s store.Store, recs ...event.Record) {
	t.Helper()
	must(t, s.PutHistory(t.Context(), recs))
}

func events(t testing.TB, s store.Store, key session.Key, limit int) ([]event.Record, []string) {
	t.Helper()
	recs, ids, err := s.SessionEvents(t.Context(), key, limit)
	must(t, err)
	return recs, ids
}

func history(t testing.TB, s store.Store, site, owner string) []event.Record {
	t.Helper()
	recs, err := s.History(t.Context(), site, owner, 1000)
	must(t, err)
	return recs
}

// wholeLog reads a site's log from the beginning.
func wholeLog(t testing.TB, s store.Store, site string) []event.Record {
	t.Helper()
	recs, _ := logFrom(t, s, site, nil, 0)
	return recs
}

func logFrom(t testing.TB, s store.Store, site string, from event.Cursor, limit int) ([]event.Record, event.Cursor) {
	t.Helper()
	var recs []event.Record
	next, n, err := s.ScanLog(t.Context(), site, from, limit, func(r event.Record) error {
		recs = append(recs, r)
		return nil
	})
	must(t, err)
	if n != len(recs) {
		t.Fatalf("ScanLog says %d records and showed %d", n, len(recs))
	}
	return recs, next
}

func idsOf(recs []event.Record) []string {
	var ids []string
	for i := range recs {
		ids = append(ids, recs[i].ID)
	}
	return ids
}

func profileOf(t testing.TB, s store.Store, site, id string) *profile.Profile {
	t.Helper()
	p, err := s.Profile(t.Context(), site, id)
	must(t, err)
	return p
}

// activate puts and activates a dataset of profiles.
func activate(t testing.TB, s store.Store, site, version string, profiles ...profile.Profile) {
	t.Helper()
	must(t, s.PutProfiles(t.Context(), site, version, profiles))
	must(t, s.ActivateProfiles(t.Context(), site, version))
}

func itemsOf(t testing.TB, s store.Store, site string) []catalog.Item {
	t.Helper()
	var all []catalog.Item
	must(t, s.Items(t.Context(), site, func(it catalog.Item) error {
		all = append(all, it)
		return nil
	}))
	return all
}

func at(ms int64) time.Time { return time.UnixMilli(ms) }

func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// stop is what callbacks of the suite return to end a scan.
type stop struct{}

func (stop) Error() string { return "the callback ended it" }

func numbered(word string, n int) string { return fmt.Sprintf("%s-%04d", word, n) }
