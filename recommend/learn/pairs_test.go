package learn

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func noonMS() int64 { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC).UnixMilli() }

// old is what the models of these tests know: lower-case ids.
func old(item string) bool { return strings.ToLower(item) == item }

// browse adds a session that looks at the letters of items, a second apart.
func browse(p *pairing, visitor, block, items string, at int64) {
	seen := ""
	for n, c := range items {
		if !strings.ContainsRune(seen, c) {
			p.add(look{visitor: visitor, session: fmt.Sprint(visitor, at), block: block, item: string(c), counted: 1, at: at + int64(n)*1000})
			seen += string(c)
		}
	}
}

func rowOf(p *pairing, item string, now int64) string {
	out := ""
	for _, e := range p.table(now).Row(item) {
		out += fmt.Sprintf("%s %.3f ", e.Key, e.Weight)
	}
	return strings.TrimSpace(out)
}

func TestPairsNeedTwoVisitors(t *testing.T) {
	for _, test := range []struct {
		name   string
		makers [][2]string // visitor and block
		shown  bool
	}{
		{"one visitor, many sessions", [][2]string{{"ann", ""}, {"ann", ""}, {"ann", ""}}, false},
		{"two visitors", [][2]string{{"ann", ""}, {"bob", ""}}, true},
		{"two visitors of one network", [][2]string{{"ann", "net1"}, {"bob", "net1"}, {"eve", "net1"}}, false},
		{"one visitor of two networks", [][2]string{{"ann", "net1"}, {"ann", "net2"}}, false},
		{"two visitors of two networks", [][2]string{{"ann", "net1"}, {"bob", "net2"}}, true},
		{"two visitors, one without a network", [][2]string{{"ann", "net1"}, {"bob", ""}}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPairing()
			p.know(old)
			for n, m := range test.makers {
				browse(p, m[0], m[1], "aN", noonMS()+int64(n)*10_000)
			}
			if got := p.table(noonMS()); (got.Len() == 2) != test.shown || (got.Row("a") != nil) != test.shown || (got.Row("N") != nil) != test.shown {
				t.Errorf("the table has %d rows, shown should be %v", got.Len(), test.shown)
			}
		})
	}
}

func TestPairsHaveAShare(t *testing.T) {
	p := newPairing()
	p.know(old)
	now := noonMS()
	for n := range 30 {
		items := "aN"
		if n%3 == 0 {
			items = "ab"
		}
		browse(p, fmt.Sprint(n), "", items, now)
	}
	// 29 sessions hold a since it has a pair, 20 of them N after it.
	if got, want := rowOf(p, "a", now), fmt.Sprintf("N %.3f", 20./39); got != want {
		t.Errorf("the row of a is %s, want %s", got, want)
	}
	if got, want := rowOf(p, "N", now), fmt.Sprintf("a %.3f", pairBack*20/30); got != want {
		t.Errorf("the row of N is %s, want %s", got, want)
	}
	if got := rowOf(p, "b", now); got != "" {
		t.Errorf("the row of b is %s: a and b are the model's", got)
	}
	week := now + pairHalfLifeMS
	if got, want := rowOf(p, "a", week), fmt.Sprintf("N %.3f", 10./(14.5+10)); got != want {
		t.Errorf("a week later it is %s, want %s", got, want)
	}
}

func TestPairsBeginAgain(t *testing.T) {
	p := newPairing()
	p.know(old)
	for _, visitor := range []string{"ann", "bob"} {
		browse(p, visitor, "", "aNM", noonMS())
	}
	if got := p.table(noonMS()); got.Len() != 3 {
		t.Fatalf("%d rows, want those of a, N and M", got.Len())
	}
	p.know(func(item string) bool { return item != "M" })
	if got := p.table(noonMS()); rowOf(p, "a", noonMS()) != "M 0.167" || got.Len() != 3 || len(p.pairs) != 2 {
		t.Errorf("rows %d, of a: %s; want M alone with a and N", got.Len(), rowOf(p, "a", noonMS()))
	}
	p.know(func(string) bool { return true })
	if got := p.table(noonMS()); got.Len() != 0 || len(p.pairs) != 0 || len(p.items) != 0 {
		t.Errorf("%d rows, %d pairs, %d items are left for a model that knows them all", got.Len(), len(p.pairs), len(p.items))
	}
}

// TestPairsKeepToTheirVisit: half an hour of nothing ends a visit, and what was
// looked at long before in it is not paired.
func TestPairsKeepToTheirVisit(t *testing.T) {
	p := newPairing()
	for _, visitor := range []string{"ann", "bob"} {
		at := noonMS()
		for _, item := range []string{"A", "B", "C", "D", "E", "F", "G"} {
			p.add(look{visitor: visitor, item: item, counted: 1, at: at})
			at += 60_000
		}
		p.add(look{visitor: visitor, item: "H", counted: 1, at: at + idleMS})
	}
	table := p.table(noonMS())
	if got := len(table.Row("A")); got != lookBack {
		t.Errorf("A is paired with %d items, want the next %d", got, lookBack)
	}
	if table.Row("H") != nil {
		t.Errorf("H is paired with %v, half an hour before", table.Row("H"))
	}
}

// TestPairsByTheBook compares with a plain count of all sessions.
func TestPairsByTheBook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPairing()
		p.know(old)
		counts, makers := map[string]int{}, map[string][]string{}
		for n := range rapid.IntRange(0, 60).Draw(t, "sessions") {
			visitor := rapid.SampledFrom([]string{"ann", "bob", "eve"}).Draw(t, "visitor")
			items := rapid.StringOfN(rapid.RuneFrom([]rune("abcdABC")), 0, 8, -1).Draw(t, "items")
			browse(p, visitor, "", items, noonMS()+int64(n)*60_000)
			var list []string
			for _, c := range items {
				x := string(c)
				if slices.Contains(list, x) {
					continue
				}
				for _, before := range list[max(0, len(list)-lookBack):] {
					if old(x) && old(before) {
						continue
					}
					key := min(x, before) + max(x, before)
					counts[key]++
					if !slices.Contains(makers[key], visitor) {
						makers[key] = append(makers[key], visitor)
					}
				}
				list = append(list, x)
			}
		}
		got, shown, want := map[string]int{}, map[string]bool{}, map[string]bool{}
		late := noonMS() + 1
		for key, x := range p.pairs {
			got[key.a+key.b] = int(math.Round(x.value(late)))
		}
		for from, row := range p.table(late).All() {
			for _, e := range row {
				shown[from+e.Key] = true
			}
		}
		for key := range counts {
			if len(makers[key]) >= pairMakers {
				want[key], want[key[1:]+key[:1]] = true, true
			}
		}
		if diff := cmp.Diff(counts, got); diff != "" {
			t.Fatalf("pairs (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, shown); diff != "" {
			t.Fatalf("shown (-want +got):\n%s", diff)
		}
	})
}

// TestNobodySteersPairs: 10,000 sessions from 10 networks count as 10.
func TestNobodySteersPairs(t *testing.T) {
	p := newPairing()
	p.know(old)
	for n := range 200 {
		browse(p, fmt.Sprint("honest", n), fmt.Sprint("net", n), "aN", noonMS())
	}
	before := p.table(noonMS()).Row("a")
	for n := range 10_000 {
		browse(p, fmt.Sprint("v", n), fmt.Sprint("attacker", n%10), "aT", noonMS())
	}
	after := p.table(noonMS()).Row("a")
	if len(before) != 1 || len(after) != 2 || after[0].Key != "N" {
		t.Fatalf("the row of a was %v, is %v; want N first", before, after)
	}
	if x := p.pairs[pairKey{"T", "a"}]; x.value(noonMS()) > 10.1 {
		t.Errorf("10 networks made a pair %v times", x.value(noonMS()))
	}
}

// TestPairsAreBounded: a flood of pairs that one visitor makes drives out no
// pair that others see.
func TestPairsAreBounded(t *testing.T) {
	p := newPairing()
	p.know(old)
	for _, visitor := range []string{"ann", "bob"} {
		browse(p, visitor, "", "aN", noonMS())
	}
	most := 0
	for n := range 2*maxVisits + 1000 {
		at := noonMS() + int64(n)*1000
		for i := range lookBack {
			p.add(look{visitor: "flood", session: fmt.Sprint(n), item: fmt.Sprint("X", n, i), counted: 1, at: at})
		}
		most = max(most, len(p.pairs))
	}
	if most < maxPairs-100 || most > maxPairs || len(p.items) > 2*maxPairs || len(p.young)+len(p.old) > 2*maxVisits {
		t.Errorf("at most %d pairs; %d items, %d sessions", most, len(p.items), len(p.young)+len(p.old))
	}
	if got := p.table(noonMS()); got.Len() != 2 {
		t.Errorf("%d rows are left, want the two of before", got.Len())
	}
	refs := map[string]int{}
	for key := range p.pairs {
		refs[key.a]++
		refs[key.b]++
	}
	for id, x := range p.items {
		if x.pairs != refs[id] || x.id != id {
			t.Fatalf("%s has %d pairs, counted as %d", id, refs[id], x.pairs)
		}
	}
}

// TestPairsAfterARestart: what was written and read goes on as if nothing had
// happened.
func TestPairsAfterARestart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		n, now := 0, noonMS()
		visits := func(count int, to ...*pairing) {
			for range count {
				now += rnd.Int64N(40 * 60_000)
				k := look{
					visitor: fmt.Sprint(rnd.IntN(9)), session: fmt.Sprint(n / 5), item: string(rune("abcdeABCDE"[rnd.IntN(10)])),
					counted: rnd.Float64(), at: now - rnd.Int64N(3)*60_000,
				}
				if rnd.IntN(2) == 0 {
					k.block = fmt.Sprint(rnd.IntN(30))
				}
				for _, p := range to {
					p.add(k)
				}
				n++
			}
		}
		a := newPairing()
		a.know(old)
		visits(rapid.IntRange(0, 300).Draw(t, "before"), a)
		state := a.encode(nil)
		r := &stateReader{rest: state}
		b := decodePairing(r)
		if r.failed || len(r.rest) > 0 {
			t.Fatalf("what was written cannot be read; %d bytes are left", len(r.rest))
		}
		b.know(old)
		visits(rapid.IntRange(0, 100).Draw(t, "after"), a, b)
		if !bytes.Equal(a.encode(nil), b.encode(nil)) {
			t.Fatal("the restored pairs count differently")
		}
		if diff := cmp.Diff(rowOf(a, "A", now), rowOf(b, "A", now)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// BenchmarkPairs is a table of as many pairs as are kept, and one look.
func BenchmarkPairs(b *testing.B) {
	p, rnd := newPairing(), rand.New(rand.NewPCG(1, 1))
	for n := 0; len(p.pairs) < maxPairs*95/100; n++ {
		items := []int{rnd.IntN(100), rnd.IntN(5000), rnd.IntN(30_000)}
		for v := range 2 {
			for i, x := range items {
				p.add(look{visitor: fmt.Sprint(n, v), item: fmt.Sprint("item-", x), counted: 1, at: noonMS() + int64(n*10+i)})
			}
		}
	}
	b.Run("table", func(b *testing.B) {
		for b.Loop() {
			p.table(noonMS())
		}
	})
	b.Run("encode", func(b *testing.B) {
		size := 0
		for b.Loop() {
			size = len(p.encode(nil))
		}
		b.ReportMetric(float64(size), "bytes")
	})
	b.Run("add", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n++
			p.add(look{visitor: fmt.Sprint(n / 4), item: fmt.Sprint("item-", n%3000), counted: 1, at: noonMS()})
		}
	})
}
