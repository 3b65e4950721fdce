package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/session/event"
)

// The packed ring against a sorted list: ids of every form, many at the same
// time, with lines, and views that keep what they were given.
func TestRing(t *testing.T) {
	ids := rapid.OneOf(
		rapid.StringMatching(`0000000[0-3]-000[0-3]-4000-8000-00000000000[0-3]`),
		rapid.StringMatching(`[0A]000000[0-3]-0000-4000-8000-00000000000[0-3]`), // upper case stays as it is
		rapid.StringMatching(`[0-3a-c-]{1,3}|\{00000000-0000-4000-8000-000000000000\}`),
		rapid.Just(strings.Repeat("é", event.MaxID/2)),
	)
	rapid.Check(t, func(t *rapid.T) {
		var r ring
		var all []Entry
		var views [][]Entry
		var want [][]string
		for range rapid.IntRange(1, 300).Draw(t, "events") {
			rec := &event.Record{Event: event.Event{ID: ids.Draw(t, "id"), Kind: event.View, Time: rapid.Int64Range(0, 5).Draw(t, "time")}}
			for line := range rapid.IntRange(1, 3).Draw(t, "lines") {
				item := strings.Repeat("i", rapid.IntRange(1, event.MaxID).Draw(t, "item"))
				r.enter(rec, item, line)
				all = append(all, Entry{Time: rec.Time, ItemID: item, EventID: rec.ID, Line: int32(line), Kind: rec.Kind})
			}
			slices.SortStableFunc(all, func(a, b Entry) int { return a.Compare(&b) })
			all = all[max(0, len(all)-ringEntries):]
			view := r.appendTo(nil)
			views, want = append(views, view), append(want, itemsOf(view))
		}
		if len(r.slots) != len(all) {
			t.Fatalf("%d entries, not %d", len(r.slots), len(all))
		}
		for n, e := range r.appendTo(nil) {
			var spelled [uuidLen]byte
			e.EventID = string(r.eventID(&spelled, &r.slots[n]))
			if x := all[n]; x.Compare(&e) != 0 {
				t.Fatalf("entry %d is %+v, not %+v", n, e, x)
			}
		}
		for n, view := range views {
			if diff := cmp.Diff(want[n], itemsOf(view)); diff != "" {
				t.Fatalf("what a view was given has changed: %s", diff)
			}
		}
	})
}

func itemsOf(entries []Entry) []string {
	var items []string
	for i := range entries {
		items = append(items, fmt.Sprint(len(entries[i].ItemID), strings.Count(entries[i].ItemID, "i")))
	}
	return items
}
