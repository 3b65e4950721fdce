package rows

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"sort"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/internal/fault"
)

// session is a training session of a test.
type session struct {
	items []string
	day   float64
}

func build(t testing.TB, p Params, sessions []session, opts *BuildOptions) *Model {
	t.Helper()
	b := NewBuilder(p)
	for _, s := range sessions {
		b.Add(s.items, s.day)
	}
	m, err := b.Build(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func anySessions(t *rapid.T) []session {
	count := rapid.IntRange(1, 30).Draw(t, "sessions")
	var out []session
	for range count {
		n := rapid.IntRange(1, 25).Draw(t, "length")
		s := session{day: rapid.Float64Range(0, 40).Draw(t, "day")}
		for range n {
			s.items = append(s.items, fmt.Sprintf("i%d", rapid.IntRange(0, 12).Draw(t, "item")))
		}
		out = append(out, s)
	}
	return out
}

// formula computes B by the definition, pair by pair.
func formula(p Params, sessions []session) (b map[string]map[string]float64, mass map[string]float64) {
	latest := math.Inf(-1)
	for _, s := range sessions {
		latest = math.Max(latest, s.day)
	}
	c := map[string]map[string]float64{}
	mass = map[string]float64{}
	add := func(i, j string, x float64) {
		if c[i] == nil {
			c[i] = map[string]float64{}
		}
		c[i][j] += x
	}
	for _, s := range sessions {
		w := math.Exp(-(latest - s.day) / p.SWDays)
		set := map[string]bool{}
		for _, i := range s.items {
			set[i] = true
		}
		size := float64(len(set))
		for i := range set {
			mass[i] += p.A * w / (size * size)
			for j := range set {
				add(i, j, p.A*w/size)
			}
		}
		for x := range s.items {
			if x < len(s.items)-1 {
				mass[s.items[x]] += (1 - p.A) * w
			}
			for y := x + 1; y < len(s.items) && y-x <= 10; y++ {
				add(s.items[x], s.items[y], (1-p.A)*w*math.Exp(-float64(y-x-1)/p.TW))
			}
		}
	}
	for i := range c {
		for j := range c[i] {
			c[i][j] /= mass[i] + p.Lambda
		}
	}
	return c, mass
}

func TestRowsFollowTheFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := DefaultParams()
		p.A = rapid.Float64Range(0, 1).Draw(t, "a")
		p.Lambda = rapid.Float64Range(.1, 20).Draw(t, "lambda")
		p.TW = rapid.Float64Range(.2, 5).Draw(t, "tw")
		p.SWDays = rapid.Float64Range(1, 200).Draw(t, "sw")
		sessions := anySessions(t)
		b := NewBuilder(p)
		for _, s := range sessions {
			b.Add(s.items, s.day)
		}
		m, err := b.Build(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		want, mass := formula(p, sessions)
		for i := range uint32(m.Len()) {
			id := m.ID(i)
			if math.Abs(m.Mass(i)-mass[id]) > 1e-6*(1+mass[id]) {
				t.Fatalf("mass of %s is %v, want %v", id, m.Mass(i), mass[id])
			}
			cols, weights := m.Row(i)
			positive := 0
			for _, x := range want[id] {
				if float32(x) > 0 {
					positive++
				}
			}
			if len(cols) != min(positive, p.Top) {
				t.Fatalf("row %s has %d entries, want %d", id, len(cols), positive)
			}
			for n, j := range cols {
				off := float64(weights[0]) / maxWeight // a half of a step, a whole one for the smallest
				if x := want[id][m.ID(j)]; math.Abs(float64(weights[n])-x) > off+1e-6*(1+x) {
					t.Fatalf("B[%s,%s] is %v, want %v", id, m.ID(j), weights[n], x)
				}
				if n > 0 && weights[n] > weights[n-1] {
					t.Fatalf("row %s is not ordered by weight", id)
				}
			}
		}
	})
}

func TestTopKeepsTheLargestAndBreaksTiesByID(t *testing.T) {
	p := DefaultParams()
	p.Top = 3
	// "q" is with each of the others once, in one session each of two items.
	var sessions []session
	for _, j := range []string{"z", "b", "x", "a", "c"} {
		sessions = append(sessions, session{items: []string{"q", j}})
	}
	m := build(t, p, sessions, nil)
	q, _ := m.Index("q")
	cols, _ := m.Row(q)
	var got []string
	for _, j := range cols {
		got = append(got, m.ID(j))
	}
	if fmt.Sprint(got) != "[q a b]" { // the diagonal stays and is the strongest
		t.Errorf("row q is %v, want [q a b]", got)
	}
}

func TestNthElement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Uint32Range(0, 30), 1, 80).Draw(t, "list")
		n := rapid.IntRange(1, len(list)).Draw(t, "n")
		want := append([]uint32(nil), list...)
		sort.Slice(want, func(x, y int) bool { return want[x] < want[y] })
		nthElement(list, n, func(x, y uint32) bool { return x < y })
		head := append([]uint32(nil), list[:n]...)
		sort.Slice(head, func(x, y int) bool { return head[x] < head[y] })
		for i := range head {
			if head[i] != want[i] {
				t.Fatalf("the %d smallest are %v, want %v", n, head, want[:n])
			}
		}
	})
}

func TestBuildDoesNotDependOnWorkersNorRepetition(t *testing.T) {
	p := DefaultParams()
	sessions := powerLaw(3, 2000, 5000)
	at := time.UnixMilli(1_700_000_000_000)
	bytesOf := func(workers int) string {
		var out bytes.Buffer
		if _, err := build(t, p, sessions, &BuildOptions{Workers: workers, TrainedAt: at}).WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	first := bytesOf(1)
	for _, workers := range []int{1, 4} {
		if bytesOf(workers) != first {
			t.Errorf("with %d workers the model's file differs", workers)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	b := NewBuilder(DefaultParams())
	b.Add(nil, 1)
	b.Add([]string{"a"}, math.NaN())
	if b.Skipped() != 2 || b.Sessions() != 0 {
		t.Errorf("skipped %d, took %d; want 2 and 0", b.Skipped(), b.Sessions())
	}
	if _, err := b.Build(context.Background(), nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no sessions: error %v, want an Invalid fault", err)
	}
	p := DefaultParams()
	p.A, p.Top = 2, 0
	_, err := NewBuilder(p).Build(context.Background(), nil)
	if f := fault.Of(err); f == nil || len(f.Fields) != 2 || !strings.Contains(f.Detail, "top") {
		t.Errorf("bad parameters: error %v, want both fields named", err)
	}
}

func TestBuildStopsWithItsContext(t *testing.T) {
	b := NewBuilder(DefaultParams())
	b.Add([]string{"a", "b"}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.Build(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestProgressEndsAtTheTotal(t *testing.T) {
	var last, total int
	build(t, DefaultParams(), powerLaw(1, 900, 500), &BuildOptions{Progress: func(done, of int) { last, total = done, of }})
	if last != total || total == 0 {
		t.Errorf("progress ended at %d of %d", last, total)
	}
}
