package site

import (
	"strings"
	"testing"

	"github.com/nextbest/nextbest/recommend/catalog"
)

// An item that the model has never seen comes into lists through the sessions it
// is in, until a model knows it.
func TestNewItemsComeThroughSessions(t *testing.T) {
	s := openShop(t)
	if _, err := s.PutItems(t.Context(), []catalog.Item{{ItemID: "fresh"}}); err != nil {
		t.Fatal(err)
	}
	pairs := func() (int, string) {
		if err := s.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		q := visitorQuery("ann")
		q.Explain = true
		a := s.ask(q)
		return a.Explanation.Candidates["pairs"], idsOf(a)
	}
	s.click("ann", item(7))
	if n, ids := pairs(); n != 0 || strings.Contains(ids, "fresh") {
		t.Fatalf("before anybody looked at it: %d pairs, %s", n, ids)
	}
	for _, visitor := range []string{"bob", "cleo", "dan"} {
		s.click(visitor, item(7))
		s.click(visitor, "fresh")
	}
	if n, ids := pairs(); n != 1 || !strings.Contains(ids, "fresh") {
		t.Errorf("after three visitors: %d pairs, %s", n, ids)
	}
	s.open()
	if n, ids := pairs(); n != 1 || !strings.Contains(ids, "fresh") {
		t.Errorf("after a start: %d pairs, %s", n, ids)
	}
	s.train()
	if n, ids := pairs(); n != 0 || !strings.Contains(ids, "fresh") {
		t.Errorf("a model that knows it: %d pairs, %s", n, ids)
	}
}
