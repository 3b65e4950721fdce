package demo_test

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/internal/demo"
	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/rows"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// rewrite makes the golden files anew (make golden).
var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// visit is a session whose list a person can judge: items that were viewed,
// oldest first; a + before one puts it into the cart, a - takes it out.
type visit struct {
	title     string
	placement string
	steps     string
	customer  string
	item      string // of the page
}

var visits = []visit{
	{title: "nobody yet", placement: "home"},
	{title: "one lunch bag", placement: "home", steps: "20725"},
	{title: "two lunch bags, one in the cart", placement: "home", steps: "20725 22384 +20725"},
	{title: "back to the first of three", placement: "home", steps: "22720 22960 22720"},
	{title: "from lights to cake tins", placement: "home", steps: "85123A 21733 22423 22720"},
	{title: "on the page of a cake stand", placement: "item", steps: "22720", item: "22423"},
	{title: "a bag put into the cart and taken out", placement: "home", steps: "85099B +20725 -20725"},
	{title: "a customer without a click", placement: "home", customer: "17850"},
	{title: "a customer who clicks on a lunch bag", placement: "home", customer: "17850", steps: "20725"},
	{title: "a customer deep in a session", placement: "home", customer: "17850", steps: "20725 22384 20727 20728"},
	{title: "an item that the shop does not have", placement: "home", steps: "no-such-item"},
	{title: "what else for the cart", placement: "cart", steps: "+22720 +22960"},
}

// TestGoldenRankings holds the lists of a set of sessions and the quality on
// the newest tenth of the shop's invoices. Both are made without the embedding,
// whose sums depend on the processor. `make golden` writes them anew; a change
// is a diff that a person reads.
func TestGoldenRankings(t *testing.T) {
	data, err := demo.Load()
	if err != nil {
		t.Fatal(err)
	}
	all := corpusOf(t, data)
	engine := recommend.New(recommend.Config{})
	engine.SetCatalog(catalog.Build(data.Items))
	engine.SetModel(train(t, all))
	var lists strings.Builder
	for _, v := range visits {
		v.write(t, &lists, engine, data)
	}
	golden(t, "rankings.txt", lists.String())
	golden(t, "metrics.txt", metrics(t, all))
}

func corpusOf(t *testing.T, data *demo.Data) *corpus.Corpus {
	b := corpus.NewBuilder(corpus.Options{})
	for _, s := range data.Sessions {
		b.Add(s.Items, float64(s.Time.Unix())/86400)
	}
	c, err := b.Build(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func params() best.Params {
	p := best.DefaultParams()
	p.Dim, p.Lists, p.RankerEpochs = 0, 3000, 2
	return p
}

func train(t *testing.T, c *corpus.Corpus) *best.Model {
	m, err := best.Train(t.Context(), c, params(), best.Options{Seed: 1, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// write adds one list: place, item, reason, score to two places, name.
func (v visit) write(t *testing.T, out *strings.Builder, engine *recommend.Engine, data *demo.Data) {
	placement, ok := recommend.PlacementNamed(v.placement)
	if !ok {
		t.Fatalf("there is no placement %q", v.placement)
	}
	now := data.End().Add(time.Hour)
	req := recommend.Request{
		Placement: placement, Limit: 8, Now: now, ContextItem: v.item, BlendA: math.NaN(),
		ExcludeSeen: placement.ExcludeSeen, ExcludeCurrent: placement.ExcludeCurrent, ExcludePurchased: placement.ExcludePurchased,
	}
	if v.steps != "" {
		req.Session = &session.View{Steps: v.session(now)}
	}
	if v.customer != "" {
		req.Profile = data.Profile(v.customer)
	}
	var ans recommend.Answer
	if err := engine.Rank(t.Context(), &req, &ans); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(out, "# %s (%s", v.title, v.placement)
	for _, part := range []struct{ word, text string }{{"customer", v.customer}, {"page", v.item}, {"steps", v.steps}} {
		if part.text != "" {
			fmt.Fprintf(out, ", %s %s", part.word, part.text)
		}
	}
	fmt.Fprintf(out, "), blend %.2f/%.2f\n", ans.Blend.Session, ans.Blend.Profile)
	for _, it := range ans.Items {
		fmt.Fprintf(out, "%d %-8s %-8s %.2f  %s\n", it.Slot, it.ItemID, it.Reason, it.Score, it.Catalog.Name)
	}
	out.WriteString("\n")
}

// session is the visit's steps, newest first, half a minute apart.
func (v visit) session(now time.Time) []session.Step {
	ids := strings.Fields(v.steps)
	var steps []session.Step
	for n := len(ids) - 1; n >= 0; n-- {
		kind, id := event.View, ids[n]
		switch id[0] {
		case '+':
			kind, id = event.CartAdd, id[1:]
		case '-':
			kind, id = event.CartRemove, id[1:]
		}
		steps = append(steps, session.Step{ItemID: id, Kind: kind, Time: now.UnixMilli() - int64(len(ids)-n)*30_000})
	}
	return steps
}

// metrics are the hit rate and the reciprocal rank of the next item on the
// newest tenth of the sessions, of a model made of the others.
func metrics(t *testing.T, all *corpus.Corpus) string {
	cut := all.Sessions() * 9 / 10
	m := train(t, all.Prefix(cut))
	var out strings.Builder
	fmt.Fprintf(&out, "%d sessions to train on, %d to predict\n", cut, all.Sessions()-cut)
	for policy := range best.Policy(best.Policies) {
		fmt.Fprintf(&out, "exclude %-8s ranker %-5v %s\n", policy, m.Ranked(policy), quality(m, all, cut, policy))
	}
	return out.String()
}

func quality(m *best.Model, all *corpus.Corpus, cut int, policy best.Policy) string {
	const top = 20
	var n, hits, reciprocal float64
	s, list := best.NewScratch(), []rows.Scored(nil)
	for k := cut; k < all.Sessions(); k++ {
		items := all.Session(k)
		for next := 1; next < len(items); next++ {
			var steps []uint32
			for b := next - 1; b >= max(0, next-64); b-- {
				steps = append(steps, items[b])
			}
			n++
			list = m.Rank(s, steps, nil, policy, nil, top, list)
			for place, x := range list {
				if x.Item == items[next] {
					hits++
					reciprocal += 1 / float64(place+1)
				}
			}
		}
	}
	return fmt.Sprintf("n %.0f  HR@20 %.3f  MRR@20 %.3f", n, hits/n, reciprocal/n)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *rewrite {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s has changed; read the difference, and `make golden` writes it anew:\n%s", path, diff)
	}
}
