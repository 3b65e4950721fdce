package recommend

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/merch"
	"github.com/nextbest/nextbest/recommend/rows"
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

// makeModel trains rows on sessions of neighbouring items, popular ones more
// often.
func makeModel(tb testing.TB, items, sessions int) *rows.Model {
	tb.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	b := rows.NewBuilder(rows.DefaultParams())
	for s := range sessions {
		at := int(math.Pow(r.Float64(), 2) * float64(items))
		list := make([]string, 0, 8)
		for range 3 + r.IntN(6) {
			list = append(list, itemID((at+r.IntN(60))%items))
		}
		b.Add(list, 20_000+float64(s)/1e4)
	}
	m, err := b.Build(context.Background(), &rows.BuildOptions{TrainedAt: noon()})
	if err != nil {
		tb.Fatal(err)
	}
	return m
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
