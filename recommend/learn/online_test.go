package learn_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/recommend/popular"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/store/memory"
)

// views is what a learner published last.
type views struct {
	popular *popular.Table
	pairs   *popular.Pairs
}

// online opens a learner whose model knows the items in lower case.
func online(t testing.TB, db *memory.Store, v *views, change func(*learn.Config)) *learn.Learner {
	t.Helper()
	cfg := learn.Config{
		Site: testSite, Log: db, Views: db, Now: clock,
		Publish:      func(p *popular.Table) { v.popular = p },
		PublishPairs: func(p *popular.Pairs) { v.pairs = p },
		Known:        func(item string) bool { return item == strings.ToLower(item) },
	}
	if change != nil {
		change(&cfg)
	}
	l, err := learn.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func row(p *popular.Pairs, key string) string {
	var out []string
	for _, e := range p.Row(key) {
		out = append(out, e.Key)
	}
	return strings.Join(out, " ")
}

func catchUp(t testing.TB, l *learn.Learner) {
	t.Helper()
	if err := l.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A new item goes with others as soon as two visitors looked at both, and no
// longer once the model knows it.
func TestNewItemsReachOthers(t *testing.T) {
	db := memory.New()
	var v views
	l := online(t, db, &v, nil)
	bot := seen("crawler", "s9", "lamp", 1)
	bot.Bot = true
	botToo := seen("crawler", "s9", "NEW", 2)
	botToo.Bot = true
	appendAll(t, db, seen("ann", "s1", "lamp", 1), seen("ann", "s1", "shade", 2), seen("ann", "s1", "NEW", 3), bot, botToo)
	catchUp(t, l)
	if v.pairs.Len() != 0 {
		t.Fatalf("one visitor and a bot made %d rows", v.pairs.Len())
	}
	appendAll(t, db, seen("bob", "s2", "NEW", 4), seen("bob", "s2", "lamp", 5))
	catchUp(t, l)
	if row(v.pairs, "lamp") != "NEW" || row(v.pairs, "NEW") != "lamp" || row(v.pairs, "shade") != "" {
		t.Errorf("lamp goes with %q, the new one with %q, the shade with %q",
			row(v.pairs, "lamp"), row(v.pairs, "NEW"), row(v.pairs, "shade"))
	}
	l.SetKnown(func(string) bool { return true })
	catchUp(t, l)
	if v.pairs.Len() != 0 {
		t.Errorf("%d rows are left for a model that knows them all", v.pairs.Len())
	}
}

// Without a model nothing is known: everything goes with everything.
func TestPairsOfASiteWithoutAModel(t *testing.T) {
	db := memory.New()
	var v views
	l := online(t, db, &v, func(c *learn.Config) { c.Known = nil })
	for n, visitor := range []string{"ann", "bob"} {
		appendAll(t, db, seen(visitor, "s", "lamp", 10*n), seen(visitor, "s", "shade", 10*n+1))
	}
	catchUp(t, l)
	if row(v.pairs, "lamp") != "shade" || row(v.pairs, "shade") != "lamp" {
		t.Errorf("lamp goes with %q, shade with %q", row(v.pairs, "lamp"), row(v.pairs, "shade"))
	}
}

// TestNobodySteersOthers: 10,000 sessions of as many visitors from 10 networks
// move an item of the list by one place at most.
func TestNobodySteersOthers(t *testing.T) {
	db := memory.New()
	var v views
	l := online(t, db, &v, func(c *learn.Config) {
		c.Batch = 20_000
		c.Block = func(r *event.Record) string {
			if net, _, ok := strings.Cut(r.Visitor, "/"); ok {
				return net
			}
			return ""
		}
	})
	for rank := 1; rank <= 12; rank++ {
		for n := range 2400 / rank {
			appendAll(t, db, seen(fmt.Sprintf("10.%d.%d/v", rank, n), "s", fmt.Sprintf("item%02d", rank), 0))
		}
	}
	catchUp(t, l)
	before := keysOf(v.popular)
	for n := range 10_000 {
		visitor := fmt.Sprintf("192.0.%d/v%d", n%10, n)
		appendAll(t, db, seen(visitor, "s", "item10", 1), seen(visitor, "s", "UNHEARD-OF", 2))
	}
	catchUp(t, l)
	after := keysOf(v.popular)
	was, is := indexOf(before, "item10"), indexOf(after, "item10")
	if was != 9 || is < was-1 || is > was {
		t.Errorf("item10 moved from place %d to %d", was+1, is+1)
	}
	if after[len(after)-1] != "UNHEARD-OF" {
		t.Errorf("the order is %v, want the unheard of last", after)
	}
	if e := v.pairs.Row("item10"); len(e) != 1 || e[0].Weight > .51 {
		t.Errorf("item10 goes with %+v; 10 networks are 10 sessions of 10 and as many to doubt", e)
	}
}

func indexOf(list []string, key string) int {
	for n := range list {
		if list[n] == key {
			return n
		}
	}
	return -1
}

// A learner that stops and goes on, or dies and reads again what it had not
// written down, arrives at the same bytes as one that never stopped.
func TestRestartsChangeNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		whole, parts := memory.New(), memory.New()
		var a, b views
		block := func(c *learn.Config) {
			c.Batch = 7
			c.Block = func(r *event.Record) string { return r.Visitor[:1] }
		}
		never, other := online(t, whole, &a, block), online(t, parts, &b, block)
		stopped, stop := context.WithCancel(t.Context())
		stop()
		for n := range rapid.IntRange(1, 80).Draw(rt, "records") {
			visitor := rapid.StringOfN(rapid.RuneFrom([]rune("xyz")), 1, 2, -1).Draw(rt, "visitor")
			item := rapid.SampledFrom([]string{"lamp", "mug", "cup", "NEW", "NEWER", "BEST"}).Draw(rt, "item")
			r := seen(visitor, fmt.Sprint("s", n/9), item, 60*n-100_000)
			r.ID = fmt.Sprint(n)
			r.Bot = rapid.IntRange(0, 9).Draw(rt, "bot") == 0
			appendAll(t, whole, r)
			appendAll(t, parts, r)
			switch rapid.IntRange(0, 9).Draw(rt, "then") {
			case 0:
				catchUp(t, never)
				catchUp(t, other)
				other.Run(stopped) // writes its checkpoint and ends
				other = online(t, parts, &b, block)
			case 1:
				other = online(t, parts, &b, block) // the former one died
			}
		}
		catchUp(t, never)
		catchUp(t, other)
		never.Run(stopped)
		other.Run(stopped)
		x, _ := whole.Checkpoint(t.Context(), testSite, "learner")
		y, _ := parts.Checkpoint(t.Context(), testSite, "learner")
		if len(x) == 0 || !bytes.Equal(x, y) {
			rt.Fatalf("the states differ: %d and %d bytes", len(x), len(y))
		}
		if diff := cmp.Diff(a.popular.ByKey(), b.popular.ByKey(), cmp.AllowUnexported(popular.Entry{})); diff != "" {
			rt.Fatalf("popularity (-never stopped +restarted):\n%s", diff)
		}
		for key, want := range a.pairs.All() {
			if diff := cmp.Diff(want, b.pairs.Row(key)); diff != "" {
				rt.Fatalf("pairs of %s (-never stopped +restarted):\n%s", key, diff)
			}
		}
		if a.pairs.Len() != b.pairs.Len() {
			rt.Fatalf("%d and %d rows", a.pairs.Len(), b.pairs.Len())
		}
	})
}
