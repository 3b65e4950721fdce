package popular

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/internal/fault"
)

func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

func keys(t *Table) string {
	out := ""
	for _, e := range t.Entries() {
		out += e.Key + " "
	}
	return out
}

func TestHalfLife(t *testing.T) {
	c := NewCounter(Options{})
	c.Add("now", 1, noon().UnixMilli())
	c.Add("week", 1, noon().AddDate(0, 0, -7).UnixMilli())
	c.Add("fortnight", 4, noon().AddDate(0, 0, -14).UnixMilli())
	c.Add("", 1, 0)
	c.Add("taken", -1, 0)
	c.Add("nan", math.NaN(), 0)
	table := c.Table(noon())
	want := map[string]float64{"now": 1, "week": .5, "fortnight": 1}
	if table.Len() != len(want) || table.At() != noon().UnixMilli() {
		t.Fatalf("%d keys, want %d", table.Len(), len(want))
	}
	for _, e := range table.Entries() {
		if math.Abs(e.Weight-want[e.Key]) > 1e-9 {
			t.Errorf("%s weighs %v, want %v", e.Key, e.Weight, want[e.Key])
		}
	}
}

// TestOrderOfArrival: the same events in any order weigh the same.
func TestOrderOfArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hours := rapid.SliceOfN(rapid.IntRange(-200_000, 0), 1, 30).Draw(t, "hours ago")
		shuffled := rapid.Permutation(hours).Draw(t, "order")
		a, b := NewCounter(Options{}), NewCounter(Options{})
		for n := range hours {
			a.Add("k", 1, noon().Add(time.Duration(hours[n])*time.Hour).UnixMilli())
			b.Add("k", 1, noon().Add(time.Duration(shuffled[n])*time.Hour).UnixMilli())
		}
		x, y := a.Table(noon()).Entries()[0], b.Table(noon()).Entries()[0]
		if math.Abs(x.Weight-y.Weight) > 1e-9*x.Weight || math.Abs(x.recent-y.recent) > 1e-9 {
			t.Fatalf("%+v and %+v", x, y)
		}
	})
}

func TestTrending(t *testing.T) {
	c := NewCounter(Options{})
	for n := range 2000 { // steady interest of twenty keys over a month
		for k := range 20 {
			c.Add(fmt.Sprintf("steady%02d", k), 1, noon().Add(-time.Duration(n)*20*time.Minute).UnixMilli())
		}
	}
	for n := range 60 {
		c.Add("hot", 1, noon().Add(-time.Duration(n)*time.Minute).UnixMilli())
		c.Add("hotter", 2, noon().Add(-time.Duration(n)*time.Minute).UnixMilli())
	}
	c.Add("once", 1, noon().UnixMilli())
	got := c.Table(noon()).Trending()
	if len(got) != 2 || got[0].Key != "hotter" || got[1].Key != "hot" {
		t.Errorf("trending = %+v, want hotter and hot", got)
	}
	if late := c.Table(noon().AddDate(0, 0, 2)).Trending(); len(late) != 0 {
		t.Errorf("two days later %+v still trend", late)
	}
}

func TestBounded(t *testing.T) {
	c := NewCounter(Options{MaxKeys: 100})
	for n := range 1000 {
		c.Add(fmt.Sprintf("k%04d", n), 1+float64(n%7), noon().UnixMilli())
		c.Add("strong", 1, noon().UnixMilli())
	}
	if n := c.Len(); n > 100 {
		t.Errorf("%d keys, want at most 100", n)
	}
	if e := c.Table(noon()).Entries()[0]; e.Key != "strong" || e.Weight != 1000 {
		t.Errorf("first = %+v, want the strong one", e)
	}
}

func TestDeterministic(t *testing.T) {
	make := func() *Counter {
		c := NewCounter(Options{MaxKeys: 50})
		for n := range 500 {
			c.Add(fmt.Sprintf("k%d", n*7919%97), float64(n%3), noon().Add(time.Duration(n)*time.Minute).UnixMilli())
		}
		return c
	}
	a, b := make(), make()
	if !bytes.Equal(a.Encode(nil), b.Encode(nil)) || keys(a.Table(noon())) != keys(b.Table(noon())) {
		t.Error("the same events, another state")
	}
}

func TestCheckpoint(t *testing.T) {
	a := NewCounter(Options{})
	for n := range 300 {
		a.Add(fmt.Sprintf("k%d", n%40), 1, noon().Add(time.Duration(n)*time.Hour).UnixMilli())
	}
	state := a.Encode([]byte("prefix"))[len("prefix"):]
	b, err := Decode(state, Options{})
	if err != nil {
		t.Fatal(err)
	}
	a.Add("k1", 1, noon().UnixMilli())
	b.Add("k1", 1, noon().UnixMilli())
	if keys(a.Table(noon())) != keys(b.Table(noon())) || !bytes.Equal(a.Encode(nil), b.Encode(nil)) {
		t.Error("the restored counter counts differently")
	}
	for n := range state {
		bad := bytes.Clone(state)
		bad[n] ^= 0x40
		if _, err := Decode(bad, Options{}); fault.KindOf(err) != fault.Invalid {
			t.Fatalf("byte %d turned: %v, want an invalid checkpoint", n, err)
		}
		if _, err := Decode(state[:n], Options{}); fault.KindOf(err) != fault.Invalid {
			t.Fatalf("cut to %d: %v, want an invalid checkpoint", n, err)
		}
	}
	if c, err := Decode(state, Options{MaxKeys: 10}); err != nil || c.Len() > 10 {
		t.Errorf("%v, want at most 10 keys", err)
	}
}

func TestConcurrent(t *testing.T) {
	c := NewCounter(Options{MaxKeys: 20})
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := range 200 {
				c.Add(fmt.Sprint(n, i), 1, int64(i))
				_ = c.Table(noon()).Len()
			}
		})
	}
	wg.Wait()
}

func TestTables(t *testing.T) {
	var none *Table
	if none.Len() != 0 || none.Entries() != nil || none.Trending() != nil || none.At() != 0 {
		t.Error("no table says something")
	}
	got := FromCounts([]string{"b", "a", "c", "d"}, []float64{2, 2, 3})
	if keys(got) != "c a b " {
		t.Errorf("order = %s, want by count, then key", keys(got))
	}
}

// FuzzDecode: whatever the bytes, no panic, and what is taken counts on.
func FuzzDecode(f *testing.F) {
	c := NewCounter(Options{})
	f.Add(c.Encode(nil))
	c.Add("k", 1, 5)
	c.Add("l", 2, 7)
	f.Add(c.Encode(nil))
	for n := range 20 {
		c.AddFrom(string(rune('a'+n)), "k", 1, 9)
	}
	f.Add(c.Encode(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, state []byte) {
		if _, err := Decode(state, Options{}); err == nil {
			state = state[:len(state)-4]
		}
		state = binary.LittleEndian.AppendUint32(state, crc32.Checksum(state, castagnoli())) // past the checksum
		c, err := Decode(state, Options{MaxKeys: 1000})
		if err != nil {
			return
		}
		c.Add("k", 1, 9)
		if table := c.Table(noon()); table.Len() == 0 {
			t.Fatal("nothing is counted")
		}
	})
}

// TestTablesInBetween: asking for a table does not change the next one, and
// keys come in their order.
func TestTablesInBetween(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opts := Options{MaxKeys: rapid.IntRange(10, 60).Draw(t, "max keys")}
		a, b := NewCounter(opts), NewCounter(opts)
		for n, key := range rapid.SliceOf(rapid.StringMatching(`[a-h]{1,2}`)).Draw(t, "keys") {
			for _, c := range []*Counter{a, b} {
				c.Add(key, 1+float64(n%5), noon().Add(time.Duration(n)*time.Hour).UnixMilli())
			}
			if n%3 == 0 {
				a.Table(noon())
			}
		}
		x, y := a.Table(noon()), b.Table(noon())
		if !slices.Equal(x.ByKey(), y.ByKey()) || !slices.Equal(x.Entries(), y.Entries()) {
			t.Fatalf("%+v, want %+v", x.ByKey(), y.ByKey())
		}
		if !slices.IsSortedFunc(x.ByKey(), func(a, b Entry) int { return strings.Compare(a.Key, b.Key) }) || x.Len() > opts.MaxKeys {
			t.Fatalf("keys = %+v", x.ByKey())
		}
	})
}

func TestMostTrending(t *testing.T) {
	c := NewCounter(Options{})
	for range 20 {
		c.Add("steady", 1000, noon().AddDate(0, 0, -1).UnixMilli())
	}
	for n := range 3 * MaxTrending {
		c.Add(fmt.Sprintf("k%03d", n), float64(10+n%2), noon().UnixMilli())
	}
	got := c.Table(noon()).Trending()
	if len(got) != MaxTrending || got[0].Key != "k001" || got[MaxTrending-1].Key != "k099" {
		t.Errorf("%d trend from %+v to %+v, want the strongest, ties by key", len(got), got[0], got[len(got)-1])
	}
}
