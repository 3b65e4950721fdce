package learn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// records is a Log of records in memory; cursors are not needed for one batch.
type records []event.Record

func (r records) ScanLog(_ context.Context, _ string, from event.Cursor, limit int, fn func(event.Record) error) (event.Cursor, int, error) {
	at := 0
	if len(from) > 0 {
		at = int(from[0])<<16 | int(from[1])<<8 | int(from[2])
	}
	end := min(len(r), at+limit)
	for _, rec := range r[at:end] {
		if err := fn(rec); err != nil {
			return from, 0, err
		}
	}
	return event.Cursor{byte(end >> 16), byte(end >> 8), byte(end)}, end - at, nil
}

func view(visitor, sessionID, id, item string, ms int64) event.Record {
	return event.Record{Site: "shop", Visitor: visitor, Session: sessionID, ReceivedAt: ms,
		Event: event.Event{ID: id, Kind: event.View, ItemID: item, Time: ms}}
}

// anyLog is a log of a few visitors, with retries and events without a session.
func anyLog(t *rapid.T) records {
	var log records
	for range rapid.IntRange(1, 60).Draw(t, "events") {
		r := view(
			fmt.Sprintf("v%d", rapid.IntRange(0, 3).Draw(t, "visitor")),
			rapid.SampledFrom([]string{"", "s1", "s2"}).Draw(t, "session"),
			fmt.Sprintf("e%d", rapid.IntRange(0, 40).Draw(t, "id")),
			fmt.Sprintf("i%d", rapid.IntRange(0, 9).Draw(t, "item")), 0)
		if n := len(log); n > 0 && rapid.Bool().Draw(t, "retry") {
			r = log[rapid.IntRange(0, n-1).Draw(t, "of")]
		} else {
			r.Time = int64(rapid.IntRange(0, 200).Draw(t, "minute")) * 60_000
		}
		log = append(log, r)
	}
	return log
}

// plainly groups a log into visits with maps: what Sessions must amount to.
func plainly(log records, src *Source) []string {
	entries := map[session.Key][]session.Entry{}
	seen := map[session.Key]map[string]bool{}
	for _, r := range log {
		key := session.Key{Visitor: r.Visitor, Session: r.Session}
		if seen[key] == nil {
			seen[key] = map[string]bool{}
		}
		if !seen[key][r.ID] {
			seen[key][r.ID] = true
			entries[key] = append(entries[key], session.Entry{Time: r.Time, ItemID: r.ItemID, EventID: r.ID, Kind: r.Kind})
		}
	}
	var out []string
	for key, list := range entries {
		s := logged{named: key.Session != "", entries: list}
		for _, visit := range s.visits() {
			if items, end := src.itemsOf(visit); len(items) >= 2 {
				out = append(out, fmt.Sprint(float64(end)/msPerDay, items))
			}
		}
	}
	slices.Sort(out)
	return out
}

func visitsOf(c *corpus.Corpus) []string {
	var out []string
	for s := range c.Sessions() {
		var items []string
		for _, i := range c.Session(s) {
			items = append(items, c.ID(i))
		}
		out = append(out, fmt.Sprint(c.Day(s), items))
	}
	return out
}

func TestSessionsAreThoseOfTheLog(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		log := anyLog(t)
		src := Source{Site: "shop", Log: log, Listed: func(item string) bool { return item != "i3" }}
		want := plainly(log, &src)
		src.Spill = rapid.SampledFrom([]corpus.Options{{}, {SpillDir: dir, SpillAbove: 400}}).Draw(t, "spill")
		c, err := Sessions(context.Background(), src, nil)
		if len(want) == 0 {
			if f := fault.Of(err); f == nil || f.Code != "nothing_to_train" {
				t.Fatalf("error %v, want nothing_to_train", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		got := visitsOf(c)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%d temporary files are left behind, %v", len(left), err)
	}
}

// The same events in another order make the same corpus, in the same order.
func TestSessionsDoNotDependOnTheLogsOrder(t *testing.T) {
	var log records
	for n := range 9000 { // more than one batch
		log = append(log, view(fmt.Sprintf("v%d", n%700), "s", uuid.NewSHA1(uuid.Nil, []byte{byte(n), byte(n >> 8)}).String(),
			fmt.Sprintf("i%d", n%13), int64(n%5)*1000))
	}
	read := 0
	corpusOf := func(log records) []string {
		c, err := Sessions(t.Context(), Source{Site: "shop", Log: log}, func(n int) { read = n })
		if err != nil {
			t.Fatal(err)
		}
		return visitsOf(c)
	}
	want := corpusOf(log)
	slices.Reverse(log)
	if diff := cmp.Diff(want, corpusOf(log)); diff != "" {
		t.Error(diff)
	}
	if len(want) != 700 || read != len(log) {
		t.Errorf("%d sessions of %d records read, want 700 and %d", len(want), read, len(log))
	}
}

func TestListedComesBeforeTheRows(t *testing.T) {
	log := records{
		view("a", "s", "1", "lamp-red", 1), view("a", "s", "2", "gone", 2), view("a", "s", "3", "mug-blue", 3),
		view("b", "s", "4", "lamp-red", 4), view("b", "s", "5", "gone", 5),
	}
	c, err := Sessions(t.Context(), Source{
		Site: "shop", Log: log,
		Group:  func(id string) string { group, _, _ := strings.Cut(id, "-"); return group },
		Listed: func(item string) bool { return item != "gone" }, // asked with the group
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := visitsOf(c); len(got) != 1 || c.Len() != 2 || c.ID(0) != "lamp" || c.ID(1) != "mug" {
		t.Errorf("sessions %v, want one of lamp and mug", got)
	}
}

func TestIDsArePacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.OneOf(
			rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
			rapid.StringMatching(`[0-9a-fA-F-]{35,37}`),
			rapid.StringN(0, 60, event.MaxID),
		), 2, 2).Draw(t, "ids")
		data := appendID(appendID(nil, ids[0]), ids[1])
		if end := skipIDs(data, 0); end != len(data) {
			t.Fatalf("the ids end at %d, want %d", end, len(data))
		}
		for n := range data {
			if end := skipIDs(data[:n], 0); end != -1 {
				t.Fatalf("%d bytes of %d are taken for whole ids", n, len(data))
			}
		}
		u := unpacker{data: data}
		at := u.id(0)
		first := len(u.text)
		u.id(at)
		if string(u.text[:first]) != ids[0] || string(u.text[first:]) != ids[1] {
			t.Fatalf("%q and %q came back as %q", ids[0], ids[1], u.text)
		}
	})
	if packed := appendID(nil, uuid.Nil.String()); len(packed) != 17 {
		t.Errorf("a UUID takes %d bytes, want 17", len(packed))
	}
}

func TestSessionsWithoutSpace(t *testing.T) {
	var log records
	for n := range 50 {
		log = append(log, view("a", "s", fmt.Sprint(n), "lamp", int64(n)))
	}
	src := Source{Site: "shop", Log: log, Spill: corpus.Options{SpillDir: t.TempDir() + "/none", SpillAbove: 8}}
	if _, err := Sessions(t.Context(), src, nil); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("error %v, want Unavailable", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Sessions(ctx, Source{Site: "shop", Log: log, Now: time.Now}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}
