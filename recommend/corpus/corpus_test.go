package corpus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/internal/fault"
)

// visit is a session of a test.
type visit struct {
	items []string
	day   float64
}

func build(t testing.TB, o Options, visits []visit) *Corpus {
	t.Helper()
	b := NewBuilder(o)
	for _, v := range visits {
		b.Add(v.items, v.day)
	}
	c, err := b.Build(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func anyVisits(t *rapid.T) []visit {
	var out []visit
	for range rapid.IntRange(1, 30).Draw(t, "sessions") {
		v := visit{day: float64(rapid.IntRange(0, 6).Draw(t, "day"))}
		for range rapid.IntRange(1, 12).Draw(t, "length") {
			v.items = append(v.items, fmt.Sprintf("i%d", rapid.IntRange(0, 14).Draw(t, "item")))
		}
		out = append(out, v)
	}
	return out
}

// same compares a corpus with the sessions it should hold, by the definition.
func same(t *rapid.T, c *Corpus, want []visit) {
	counts, posts, clicks := map[string]uint32{}, map[string][]uint32{}, 0
	if c.Sessions() != len(want) {
		t.Fatalf("%d sessions, want %d", c.Sessions(), len(want))
	}
	for s, v := range want {
		var items []string
		for _, i := range c.Session(s) {
			items = append(items, c.ID(i))
		}
		if !slices.Equal(items, v.items) || c.Day(s) != v.day {
			t.Fatalf("session %d is %v at %v, want %v", s, items, c.Day(s), v)
		}
		distinct := map[uint32]bool{}
		for _, i := range c.Distinct(s) {
			distinct[i] = true
		}
		if first := c.Distinct(s)[0]; first != c.Session(s)[0] || len(distinct) != len(c.Distinct(s)) {
			t.Fatalf("session %d: distinct items %v", s, c.Distinct(s))
		}
		for _, i := range c.Session(s) {
			if !distinct[i] {
				t.Fatalf("session %d: item %d is missing in %v", s, i, c.Distinct(s))
			}
		}
		for _, id := range v.items {
			counts[id]++
			clicks++
			if p := posts[id]; len(p) == 0 || p[len(p)-1] != uint32(s) {
				posts[id] = append(p, uint32(s))
			}
		}
	}
	if c.Clicks() != clicks || c.First() != want[0].day || c.Latest() != want[len(want)-1].day {
		t.Fatalf("%d clicks from %v to %v, want %d", c.Clicks(), c.First(), c.Latest(), clicks)
	}
	for i := range uint32(c.Len()) {
		id := c.ID(i)
		if i > 0 && c.ID(i-1) >= id {
			t.Fatalf("item %d is %q after %q", i, id, c.ID(i-1))
		}
		if c.Count(i) != counts[id] || !slices.Equal(c.Posts(i), posts[id]) {
			t.Fatalf("%s: %d clicks in %v, want %d in %v", id, c.Count(i), c.Posts(i), counts[id], posts[id])
		}
		delete(counts, id)
	}
	if len(counts) > 0 {
		t.Fatalf("the items %v are missing", counts)
	}
}

func TestCorpusHoldsWhatWasAdded(t *testing.T) {
	for name, o := range map[string]Options{"heap": {}, "spilled": {SpillDir: t.TempDir(), SpillAbove: 1}} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				visits := anyVisits(r)
				c := build(t, o, visits)
				slices.SortStableFunc(visits, func(a, b visit) int { return cmp.Compare(a.day, b.day) })
				same(r, c, visits)
				n := rapid.IntRange(1, len(visits)).Draw(r, "prefix")
				p := c.Prefix(n)
				same(r, p, visits[:n])
				same(r, p.Prefix(max(1, n/2)), visits[:max(1, n/2)])
				if err := c.Close(); err != nil {
					r.Fatal(err)
				}
			})
		})
	}
}

func TestBuildRefuses(t *testing.T) {
	b := NewBuilder(Options{})
	b.Add(nil, 1)
	b.Add([]string{"a"}, math.NaN())
	b.Add([]string{"a"}, math.Inf(1))
	if b.Skipped() != 3 || b.Sessions() != 0 {
		t.Errorf("skipped %d, took %d; want 3 and 0", b.Skipped(), b.Sessions())
	}
	if _, err := b.Build(t.Context()); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no sessions: error %v, want an Invalid fault", err)
	}
	if b.Skipped() != 3 {
		t.Errorf("after Build %d are skipped, want 3", b.Skipped())
	}
}

func TestBuildStopsWithItsContext(t *testing.T) {
	b := NewBuilder(Options{})
	b.Add([]string{"a", "b"}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Build(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestLongSessionsAreBounded(t *testing.T) {
	long := make([]string, maxSession+500)
	for i := range long {
		long[i] = fmt.Sprintf("i%05d", i)
	}
	c := build(t, Options{}, []visit{{items: long}})
	if c.Len() != maxSession || c.ID(0) != long[500] {
		t.Errorf("%d items from %s on, want the newest %d", c.Len(), c.ID(0), maxSession)
	}
}

func TestNoTemporarySpaceIsUnavailable(t *testing.T) {
	if !canSpill {
		return // then there is nothing that could fail
	}
	b := NewBuilder(Options{SpillDir: t.TempDir() + "/none", SpillAbove: 1})
	for n := range 100 {
		b.Add([]string{"a", "b"}, float64(n))
	}
	if _, err := b.Build(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("error %v, want an Unavailable fault", err)
	}
}

func TestSpilledFilesLeaveNothingBehind(t *testing.T) {
	dir := t.TempDir()
	b := NewBuilder(Options{SpillDir: dir, SpillAbove: 1})
	for n := range 100 {
		b.Add([]string{"a", "b"}, float64(n%7))
	}
	c, err := b.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("%d files in the folder, %v; want none while they are in use", len(files), err)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestIDsAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, want := newIDs(), map[string]uint32{}
		for _, id := range rapid.SliceOfN(rapid.StringMatching(`[a-c]{0,9}`), 0, 3000).Draw(t, "ids") {
			n, ok := table.number(id)
			if first, known := want[id]; !ok || known && first != n || !known && int(n) != len(want) {
				t.Fatalf("%q is number %d, %v; want %d of %d", id, n, ok, first, len(want))
			}
			want[id] = n
		}
		order := table.sorted()
		for at := 1; at < len(order); at++ {
			if a, b := string(table.bytes(order[at-1])), string(table.bytes(order[at])); a >= b {
				t.Fatalf("%q stands before %q", a, b)
			}
		}
	})
}
