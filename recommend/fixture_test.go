package recommend

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/merch"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// noon is the moment of every test.
func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

// itemID is the id of the n-th item of a fixture.
func itemID(n int) string { return fmt.Sprintf("i%05d", n) }

// makeItems is a catalog of n items: colour has 4 values, brand 100 and rare
// 10,000; prices run from 0 to 99.
func makeItems(n int) []catalog.Item {
	items := make([]catalog.Item, n)
	for i := range items {
		price := float64(i % 100)
		items[i] = catalog.Item{
			ItemID: itemID(i), Name: fmt.Sprintf("Lantern No %d", i), Price: &price,
			Categories: []string{fmt.Sprintf("home>c%d", i%7)},
			Attributes: map[string]json.RawMessage{
				"colour": json.RawMessage(fmt.Sprintf(`"k%d"`, i%4)),
				"brand":  json.RawMessage(fmt.Sprintf(`"b%d"`, (i/3)%100)),
				"rare":   json.RawMessage(fmt.Sprintf(`"r%d"`, i%10_000)),
				"stock":  json.RawMessage(fmt.Sprint(i % 10)),
				"tags":   json.RawMessage(fmt.Sprintf(`["t%d","all"]`, i%5)),
			},
		}
	}
	return items
}

// makeModel trains a small model on sessions of neighbouring items, popular
// ones more often. From about 500 sessions on it has a ranker and an embedding.
func makeModel(tb testing.TB, items, sessions int) *best.Model {
	tb.Helper()
	p := best.DefaultParams()
	p.Dim, p.Epochs, p.Neighbours, p.Hidden, p.Lists = 8, 1, 5, 8, 2000
	r := rand.New(rand.NewPCG(1, 2))
	b := corpus.NewBuilder(corpus.Options{})
	for s := range sessions {
		at := int(math.Pow(r.Float64(), 2) * float64(items))
		list := make([]string, 0, 8)
		for range 3 + r.IntN(6) {
			list = append(list, itemID((at+r.IntN(60))%items))
		}
		b.Add(list, 20_000+float64(s)/1e4)
	}
	return trainModel(tb, p, b)
}

// walks are sessions through shelves of sixty items, mostly onwards, that like
// to return.
func walks(items, sessions int, seed uint64) *corpus.Builder {
	r, b := rand.New(rand.NewPCG(3, seed)), corpus.NewBuilder(corpus.Options{})
	for s := range sessions {
		shelf, at := 60*r.IntN(items/60), r.IntN(60)
		list := []string{itemID(shelf + at)}
		for range 2 + r.IntN(6) {
			switch x := r.Float64(); {
			case x < .2 && len(list) > 1:
				list = append(list, list[len(list)-2])
				continue
			case x < .8:
				at = (at + 1) % 60
			default:
				at = r.IntN(60)
			}
			list = append(list, itemID(shelf+at))
		}
		b.Add(list, 20_000+float64(s)/100)
	}
	return b
}

func trainModel(tb testing.TB, p best.Params, b *corpus.Builder) *best.Model {
	tb.Helper()
	c, err := b.Build(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	m, err := best.Train(context.Background(), c, p, best.Options{TrainedAt: noon(), Workers: 2})
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.Close(); err != nil {
		tb.Fatal(err)
	}
	return m
}

// modelOf is a model of a few sessions: their rows.
func modelOf(tb testing.TB, p best.Params, sessions ...[]string) *best.Model {
	tb.Helper()
	b := corpus.NewBuilder(corpus.Options{})
	for _, s := range sessions {
		b.Add(s, 20_000)
	}
	return trainModel(tb, p, b)
}

// viewOf is a session of views, newest first, a minute apart.
func viewOf(items ...string) *session.View {
	v := &session.View{Key: session.Key{Site: "s", Visitor: "v", Session: "s1"}}
	for n, id := range items {
		v.Steps = append(v.Steps, session.Step{ItemID: id, Kind: event.View, Time: noon().Add(-time.Duration(n) * time.Minute).UnixMilli()})
	}
	return v
}

// ask is a request at home with the blend's own rule.
func ask(tb testing.TB) *Request {
	tb.Helper()
	p, ok := PlacementNamed("home")
	if !ok {
		tb.Fatal("no placement home")
	}
	return &Request{
		Placement: p, Now: noon(), ExcludeCurrent: true, ExcludePurchased: -1, BlendA: math.NaN(),
	}
}

func rank(tb testing.TB, e *Engine, req *Request) *Answer {
	tb.Helper()
	ans := &Answer{}
	if err := e.Rank(context.Background(), req, ans); err != nil {
		tb.Fatalf("Rank: %v", err)
	}
	return ans
}

func ids(ans *Answer) []string {
	out := make([]string, len(ans.Items))
	for n := range ans.Items {
		out[n] = ans.Items[n].ItemID
	}
	return out
}

// sides is a ledger in which what the session adds is one line.
func sides(ledger []Entry) []Entry {
	var lines []Entry
	for _, l := range ledger {
		if l.Signal == "session" || strings.HasPrefix(l.Signal, "session.") {
			if l.Signal = "session"; len(lines) > 0 && lines[0].Signal == l.Signal {
				lines[0].Value += l.Value
				continue
			}
		}
		lines = append(lines, l)
	}
	return lines
}

func compileFilter(tb testing.TB, raw string) *catalog.Compiled {
	tb.Helper()
	f, err := catalog.Compile([]byte(raw))
	if err != nil {
		tb.Fatalf("Compile(%s): %v", raw, err)
	}
	return f
}

func compileRules(tb testing.TB, raw string) *merch.Set {
	tb.Helper()
	rules, err := merch.Parse([]byte(raw))
	if err != nil {
		tb.Fatalf("Parse(%s): %v", raw, err)
	}
	set, err := merch.Compile(rules)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}
