package dataset

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/nextbest/nextbest/internal/fault"
)

func generate(t *testing.T, o GenerateOptions) *Generated {
	t.Helper()
	g, err := Generate(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGeneratedFilesAreReadBack(t *testing.T) {
	for _, name := range []string{"clicks_sessions.txt", "clicks.tsv"} {
		g := generate(t, GenerateOptions{Items: 5000, Clicks: 20_000, Seed: 7, UUIDs: true, Days: 10})
		var out bytes.Buffer
		if err := g.WriteSessions(t.Context(), &out, name == "clicks.tsv", nil); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSessions(t.Context(), path, SessionOptions{SpanDays: 10})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for items, end := range g.All() {
			var want, have []string
			for _, i := range items {
				want = append(want, g.ID(i))
			}
			for _, i := range got.Session(n) {
				have = append(have, got.ID(i))
			}
			if !slices.Equal(want, have) {
				t.Fatalf("%s: session %d is %v, want %v", name, n, have, want)
			}
			if d := got.EndDays(n) - end; d < -.3 || d > .3 {
				t.Fatalf("%s: session %d ends on day %v, want %v", name, n, got.EndDays(n), end)
			}
			n++
		}
		if got.Len() != n {
			t.Errorf("%s: %d sessions, want %d", name, got.Len(), n)
		}
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	text := func(seed uint64) string {
		var out bytes.Buffer
		g := generate(t, GenerateOptions{Items: 1000, Clicks: 3000, Seed: seed})
		if err := g.WriteSessions(t.Context(), &out, false, nil); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if first, again := text(1), text(1); first != again {
		t.Error("the same seed makes other clicks")
	}
	if text(1) == text(2) {
		t.Error("another seed makes the same clicks")
	}
}

// The clicks must have the shape that they are made for: a heavy head, a long
// tail, short sessions with a few long ones, and repeats.
func TestGeneratedShape(t *testing.T) {
	g := generate(t, GenerateOptions{Items: 10_000, Clicks: 400_000, Seed: 3})
	counts := make([]int, g.Items())
	sessions, clicks, repeats, long := 0, 0, 0, 0
	last := 0.0
	for items, end := range g.All() {
		sessions++
		clicks += len(items)
		if len(items) > 20 {
			long++
		}
		for n, i := range items {
			counts[i]++
			if slices.Contains(items[:n], i) {
				repeats++
			}
		}
		if len(items) < 2 || end < last || end > 30 {
			t.Fatalf("a session of %d items ends on day %v after one on %v", len(items), end, last)
		}
		last = end
	}
	slices.Sort(counts)
	head := 0
	for _, n := range counts[len(counts)-len(counts)/100:] {
		head += n
	}
	between := func(what string, x, low, high float64) {
		if x < low || x > high {
			t.Errorf("%s: %.3f, want %v to %v", what, x, low, high)
		}
	}
	between("share of the first hundredth", float64(head)/float64(clicks), .2, .5)
	between("items never met", float64(sort0(counts))/float64(len(counts)), 0, .3)
	between("clicks of a session", float64(clicks)/float64(sessions), 3.3, 4.8)
	between("sessions above 20", float64(long)/float64(sessions), .005, .03)
	between("repeats", float64(repeats)/float64(clicks), .2, .4)
}

// sort0 is how many of the sorted counts are 0.
func sort0(counts []int) int {
	n, _ := slices.BinarySearch(counts, 1)
	return n
}

func TestGeneratedIDs(t *testing.T) {
	for _, uuids := range []bool{false, true} {
		g := generate(t, GenerateOptions{Items: 100_000, Clicks: 2, UUIDs: uuids})
		seen := map[string]bool{}
		for i := range uint32(g.Items()) {
			id := g.ID(i)
			if parsed, err := uuid.Parse(id); uuids && (err != nil || parsed.String() != id || parsed.Version() != 4) {
				t.Fatalf("%q is no UUID: %v", id, err)
			}
			seen[id] = true
		}
		if len(seen) != g.Items() {
			t.Errorf("%d different ids for %d items", len(seen), g.Items())
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	for _, o := range []GenerateOptions{{Items: 0, Clicks: 5}, {Items: 5, Clicks: 1}, {Items: 5, Clicks: 5, Days: -1}} {
		if _, err := Generate(o); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: error %v, want Invalid", o, err)
		}
	}
}

func TestWriteSessionsStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	g := generate(t, GenerateOptions{Items: 100, Clicks: 1 << 40})
	err := g.WriteSessions(ctx, &bytes.Buffer{}, false, func(int64, int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}
