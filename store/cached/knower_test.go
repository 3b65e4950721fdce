package cached

import (
	"context"
	"errors"
	"testing"

	"github.com/nextbest/nextbest/internal/fault"
)

// knowing is a store that knows of one owner with a history.
type knowing struct {
	*watched
	owner string
}

func (k knowing) MayHaveHistory(_, owner string) bool { return owner == k.owner }

func TestWhoIsKnownToHaveNothingIsNotLookedFor(t *testing.T) {
	_, w := newWatched(t, Options{})
	s, err := New(knowing{w, "a"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if p, err := s.BuiltIn(t.Context(), "shop", "b", ""); p != nil || err != nil {
			t.Fatalf("of nobody: %v, %v", p, err)
		}
	}
	wantReads(t, w, 0)
	if _, err := s.BuiltIn(t.Context(), "shop", "a", ""); err != nil {
		t.Fatal(err)
	}
	wantReads(t, w, 1)

	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := s.BuiltIn(gone, "shop", "b", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who left is told %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.BuiltIn(t.Context(), "shop", "b", ""); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a closed store answers %v", err)
	}
}
