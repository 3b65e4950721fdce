package storetest

import (
	"testing"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/store"
)

func decisionGuarantees() []guarantee {
	return []guarantee{
		{"decisions/newest_first", decisionOrder},
		{"decisions/one_by_time_and_id", decisionOne},
		{"decisions/put_replaces", decisionReplace},
		{"decisions/drop_before_a_time", decisionDrop},
		{"decisions/sites_stay_apart", decisionApart},
		{"decisions/keeps_no_buffer", decisionBuffer},
	}
}

func decided(at int64, id string) store.Decision {
	return store.Decision{ID: id, At: at, Body: []byte("body of " + id)}
}

func putDecisions(t testing.TB, s store.Store, site string, all ...store.Decision) {
	t.Helper()
	must(t, s.PutDecisions(t.Context(), site, all))
}

func decisionsOf(t testing.TB, s store.Store, site string, before int64, limit int) []store.Decision {
	t.Helper()
	all, err := s.Decisions(t.Context(), site, before, limit)
	must(t, err)
	return all
}

func decisionOrder(t testing.TB, s store.Store) {
	a, b, c, d := decided(-1, "d"), decided(base, "b"), decided(base, "c"), decided(base+1, "a")
	putDecisions(t, s, "s", c, a, d, b)
	same(t, "all", decisionsOf(t, s, "s", base+2, 0), []store.Decision{d, c, b, a})
	same(t, "two", decisionsOf(t, s, "s", base+2, 2), []store.Decision{d, c})
	same(t, "before", decisionsOf(t, s, "s", base+1, 0), []store.Decision{c, b, a})
	same(t, "none", len(decisionsOf(t, s, "s", -1, 0)), 0)
}

func decisionOne(t testing.TB, s store.Store) {
	putDecisions(t, s, "s", decided(base, "a"), decided(base, "ab"))
	got, err := s.Decision(t.Context(), "s", base, "a")
	must(t, err)
	same(t, "decision", got, decided(base, "a"))
	for _, none := range []store.Decision{decided(base, "b"), decided(base+1, "a")} {
		if _, err := s.Decision(t.Context(), "s", none.At, none.ID); fault.KindOf(err) != fault.NotFound {
			t.Fatalf("decision %s of %d: error %v, want not found", none.ID, none.At, err)
		}
	}
}

func decisionReplace(t testing.TB, s store.Store) {
	putDecisions(t, s, "s", decided(base, "a"))
	putDecisions(t, s, "s", store.Decision{ID: "a", At: base, Body: []byte("new")})
	same(t, "decisions", decisionsOf(t, s, "s", base+1, 0), []store.Decision{{ID: "a", At: base, Body: []byte("new")}})
}

func decisionDrop(t testing.TB, s store.Store) {
	old, kept := decided(base-1, "a"), decided(base, "a")
	putDecisions(t, s, "s", old, kept)
	putDecisions(t, s, "t", old)
	must(t, s.DropDecisions(t.Context(), "s", time.UnixMilli(base)))
	same(t, "left", decisionsOf(t, s, "s", base+1, 0), []store.Decision{kept})
	same(t, "other site", decisionsOf(t, s, "t", base+1, 0), []store.Decision{old})
}

func decisionApart(t testing.TB, s store.Store) {
	for i, site := range names() {
		putDecisions(t, s, site, decided(base+int64(i), numbered("d", i)))
	}
	for i, site := range names() {
		same(t, "decisions of "+site, decisionsOf(t, s, site, base+1000, 0), []store.Decision{decided(base+int64(i), numbered("d", i))})
	}
}

func decisionBuffer(t testing.TB, s store.Store) {
	mine := []store.Decision{decided(base, "a")}
	must(t, s.PutDecisions(t.Context(), "s", mine))
	copy(mine[0].Body, "XXXX")
	got, err := s.Decision(t.Context(), "s", base, "a")
	must(t, err)
	same(t, "decision", got, decided(base, "a"))
}
