package dataset

import (
	"slices"
	"testing"
)

// What was read and collected again is the same, numbers and all.
func TestCollectIsWhatReadSessionsMakes(t *testing.T) {
	body := "SessionId\tItemId\tTime\n1\tb\t0\n1\ta\t86400\n2\ta\t43200\n3\tc\t172800\n3\tb\t172800\n"
	read, err := ReadSessions(t.Context(), put(t, "clicks.tsv", []byte(body)), SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := Collect(read.All())
	if got.Len() != 3 || got.Items() != 3 || got.Clicks() != 5 {
		t.Fatalf("%d sessions, %d items, %d clicks", got.Len(), got.Items(), got.Clicks())
	}
	for n := range read.Len() {
		if !slices.Equal(got.Session(n), read.Session(n)) || got.EndDays(n) != read.EndDays(n) {
			t.Errorf("session %d: %v at %v, want %v at %v", n, got.Session(n), got.EndDays(n), read.Session(n), read.EndDays(n))
		}
	}
	for i := range uint32(read.Items()) {
		if got.ID(i) != read.ID(i) {
			t.Errorf("item %d is %s, want %s", i, got.ID(i), read.ID(i))
		}
	}
}

// Only the items of what is collected are numbered: the rest was never seen.
func TestCollectForgetsWhatItIsNotGiven(t *testing.T) {
	reused := make([]string, 0, 2)
	s := Collect(func(yield func([]string, float64) bool) {
		for n, items := range [][]string{{"x", "y"}, {}, {"y"}} {
			reused = append(reused[:0], items...)
			if !yield(reused, float64(n)) {
				return
			}
		}
	})
	if s.Len() != 2 || s.Items() != 2 || s.ID(1) != "y" || !slices.Equal(s.Session(1), []uint32{1}) || s.EndDays(1) != 2 {
		t.Errorf("%d sessions, %d items, second %v at %v", s.Len(), s.Items(), s.Session(1), s.EndDays(1))
	}
}
