package recommend_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/internal/demo"
	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/rows"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// The harness behind docs/variety.md: sessions of public data are replayed
// through the engine, step by step, and the lists measured. Every list counts
// as shown in full, so that the next one can rotate.
const (
	effectTop  = 20
	longestRun = 12     // steps of a session that are replayed
	shownItems = 64     // what a session remembers of impressions
	shownTimes = 4      // of one item
	freshDays  = 30     // for which the report calls an item new
	stepMillis = 30_000 // between two steps
)

// trial is a part of some data: sessions to train on and those to replay.
type trial struct {
	rows      bool // the model is rows alone
	engine    *recommend.Engine
	placement string
	seen      bool // items of the session are excluded
	sessions  []replayed
	items     int
	shelf     map[string]string    // category by item; nil without
	published map[string]time.Time // nil without
}

type replayed struct {
	items []string
	end   time.Time
}

func (r *replayed) days() float64 { return float64(r.end.Unix()) / 86400 }

// effect is what one setting does to a trial's lists.
type effect struct {
	lists, filled      int     // lists, and items in them
	hits, rr           float64 // next items found, and their 1/slot
	newTargets, newHit int     // next items that were new, and those found
	listed             map[string]bool
	again, fresh       int // items shown before in this session and ignored; new items
	alike, pairs       float64
	shelves            int // categories, summed over lists
}

func (e *effect) hr() float64       { return e.hits / float64(e.lists) }
func (e *effect) mrr() float64      { return e.rr / float64(e.lists) }
func (e *effect) newHR() float64    { return float64(e.newHit) / float64(max(1, e.newTargets)) }
func (e *effect) againPer() float64 { return float64(e.again) / float64(max(1, e.filled)) }
func (e *effect) freshPer() float64 { return float64(e.fresh) / float64(max(1, e.filled)) }
func (e *effect) ils() float64      { return e.alike / max(1, e.pairs) }
func (e *effect) shelvesPer() float64 {
	return float64(e.shelves) / float64(max(1, e.lists))
}

// run replays every stride-th session under a variety.
func (t *trial) run(tb testing.TB, v recommend.Variety, stride int) *effect {
	tb.Helper()
	e := &effect{listed: map[string]bool{}}
	placement, ok := recommend.PlacementNamed(t.placement)
	if !ok {
		tb.Fatal("no such placement: " + t.placement)
	}
	placement.Variety = v
	var ans recommend.Answer
	for n := 0; n < len(t.sessions); n += stride {
		s := &t.sessions[n]
		var shown impressions
		view := &session.View{Key: session.Key{Site: "s", Visitor: "v", Session: "s"}}
		for i := range s.items[:min(longestRun, len(s.items)-1)] {
			now := s.end.Add(time.Duration(i-len(s.items)) * stepMillis * time.Millisecond)
			view.Steps = append([]session.Step{{ItemID: s.items[i], Kind: event.View, Time: now.UnixMilli()}}, view.Steps...)
			view.Shown = shown.list
			req := recommend.Request{
				Placement: placement, Limit: effectTop, Now: now, Session: view,
				ExcludeCurrent: true, ExcludeSeen: t.seen, ExcludePurchased: -1, BlendA: math.NaN(),
			}
			if err := t.engine.Rank(context.Background(), &req, &ans); err != nil {
				tb.Fatal(err)
			}
			e.measure(t, ans.Items, s.items[i+1], now, &shown, s.items[:i+1])
			shown.add(ans.Items)
		}
	}
	return e
}

// measure adds one list and the item that came next.
func (e *effect) measure(t *trial, list []recommend.Item, next string, now time.Time, shown *impressions, steps []string) {
	e.lists++
	e.filled += len(list)
	isNew := func(id string) bool {
		age := now.Sub(t.published[id])
		return t.published != nil && age >= 0 && age < freshDays*24*time.Hour
	}
	if isNew(next) {
		e.newTargets++
	}
	shelves := map[string]bool{}
	for n := range list {
		id := list[n].ItemID
		e.listed[id] = true
		if id == next {
			e.hits++
			e.rr += 1 / float64(n+1)
			if isNew(id) {
				e.newHit++
			}
		}
		if shown.has(id) && !contains(steps, id) {
			e.again++
		}
		if isNew(id) {
			e.fresh++
		}
		shelves[t.shelf[id]] = true
		for _, other := range list[:n] {
			e.pairs++
			e.alike += sameShelf(t.shelf[id], t.shelf[other.ItemID])
		}
	}
	e.shelves += len(shelves)
}

// sameShelf is 1 for one category, a half for two below one.
func sameShelf(a, b string) float64 {
	if a == b {
		return 1
	}
	top, _, _ := strings.Cut(a, ">")
	if other, _, _ := strings.Cut(b, ">"); top == other {
		return .5
	}
	return 0
}

func contains(list []string, id string) bool {
	for _, s := range list {
		if s == id {
			return true
		}
	}
	return false
}

// impressions are what a session remembers of what was shown: items newest
// first, one entry for each showing, bounded.
type impressions struct {
	list  []string
	times map[string]int
}

func (p *impressions) has(id string) bool { return p.times[id] > 0 }

func (p *impressions) add(list []recommend.Item) {
	if p.times == nil {
		p.times = map[string]int{}
	}
	var next []string
	put := func(id string) {
		if len(next) == 0 || next[len(next)-1] != id {
			for range p.times[id] {
				next = append(next, id)
			}
		}
	}
	now := map[string]bool{}
	for n := range list {
		id := list[n].ItemID
		now[id] = true
		p.times[id] = min(shownTimes, p.times[id]+1)
		put(id)
	}
	items := len(now)
	for _, id := range p.list {
		switch fresh := len(next) == 0 || next[len(next)-1] != id; {
		case now[id]:
		case fresh && items == shownItems:
			delete(p.times, id)
		case fresh:
			items++
			put(id)
		}
	}
	p.list = next
}

// toy is serenade-toy; with valid, the newest tenth of its training sessions
// are replayed instead of the test file's.
func toy(tb testing.TB, rows, valid bool) *trial {
	tb.Helper()
	read := func(name string) *dataset.Sessions {
		s, err := dataset.ReadSessions(context.Background(), "evaluate/testdata/serenade-toy/"+name, dataset.SessionOptions{})
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}
	train, test := read("train.txt.zst"), read("test.txt.gz")
	order := make([]replayed, 0, train.Len())
	for items, days := range train.All() {
		order = append(order, replayed{append([]string(nil), items...), dayTime(days)})
	}
	// The file has its sessions in the order of their first row.
	var tests []replayed
	for items, days := range test.All() {
		tests = append(tests, replayed{append([]string(nil), items...), dayTime(days)})
	}
	if valid {
		at := len(order) * 9 / 10
		order, tests = order[:at], order[at:]
	}
	t := &trial{rows: rows, placement: "item", sessions: playable(tests)}
	t.train(tb, order)
	return t
}

func dayTime(days float64) time.Time {
	return time.Unix(0, 0).UTC().Add(time.Duration(days * 24 * float64(time.Hour)))
}

// shop is the demo's Online Retail data: trained up to the first day of a
// month, replayed for that month. An item is published when it was first sold.
func shop(tb testing.TB, rows bool, month time.Time) *trial {
	tb.Helper()
	d, err := demo.Load()
	if err != nil {
		tb.Fatal(err)
	}
	t := &trial{rows: rows, placement: "item", seen: true, shelf: map[string]string{}, published: map[string]time.Time{}}
	var train, test []replayed
	for _, s := range d.Sessions {
		for _, id := range s.Items {
			if _, known := t.published[id]; !known {
				t.published[id] = s.Time
			}
		}
		switch r := (replayed{s.Items, s.Time}); {
		case s.Time.Before(month):
			train = append(train, r)
		case s.Time.Before(month.AddDate(0, 1, 0)):
			test = append(test, r)
		}
	}
	items := make([]catalog.Item, len(d.Items))
	for n, it := range d.Items {
		if first, ok := t.published[it.ItemID]; ok {
			it.PublishedAt = first.Format(time.RFC3339)
		}
		if len(it.Categories) > 0 {
			t.shelf[it.ItemID] = it.Categories[0]
		}
		items[n] = it
	}
	t.sessions = playable(test)
	t.train(tb, train)
	t.engine.SetCatalog(catalog.Build(items))
	return t
}

// playable are the sessions in which something can be predicted.
func playable(all []replayed) []replayed {
	var out []replayed
	for _, s := range all {
		if len(s.items) > 1 {
			out = append(out, s)
		}
	}
	return out
}

// train makes a model of the sessions: the default one, or rows alone, which
// take a hundredth of the time.
func (t *trial) train(tb testing.TB, sessions []replayed) {
	tb.Helper()
	known := map[string]bool{}
	for _, s := range sessions {
		for _, id := range s.items {
			known[id] = true
		}
	}
	t.items = len(known)
	t.engine = recommend.New(recommend.Config{})
	if t.rows {
		t.engine.SetModel(trainRows(tb, sessions))
	} else {
		t.engine.SetModel(trainBest(tb, sessions))
	}
}

func trainRows(tb testing.TB, sessions []replayed) *rows.Model {
	tb.Helper()
	b := rows.NewBuilder(rows.DefaultParams())
	for _, s := range sessions {
		b.Add(s.items, s.days())
	}
	m, err := b.Build(context.Background(), &rows.BuildOptions{TrainedAt: sessions[len(sessions)-1].end})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func trainBest(tb testing.TB, sessions []replayed) *best.Model {
	tb.Helper()
	b := corpus.NewBuilder(corpus.Options{})
	for _, s := range sessions {
		b.Add(s.items, s.days())
	}
	c, err := b.Build(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	m, err := best.Train(context.Background(), c, best.DefaultParams(), best.Options{
		Seed: 1, Workers: 2, TrainedAt: sessions[len(sessions)-1].end,
	})
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.Close(); err != nil {
		tb.Fatal(err)
	}
	return m
}

// october is the month that settings were chosen on, november the one that
// the table reports.
func october() time.Time  { return time.Date(2011, 10, 1, 0, 0, 0, 0, time.UTC) }
func november() time.Time { return time.Date(2011, 11, 1, 0, 0, 0, 0, time.UTC) }

func mmr(lambda float64, similar ...string) recommend.Variety {
	return recommend.Variety{Diversify: recommend.Diversify{Lambda: lambda, Similar: similar}}
}

func spread(most, window int) recommend.Variety {
	return recommend.Variety{Diversify: recommend.Diversify{Attribute: "categories", Max: most, Window: window}}
}

func rotate(factor, least float64) recommend.Variety {
	return recommend.Variety{Rotate: recommend.Rotate{Factor: factor, Least: least}}
}

func fresh(days, lift float64) recommend.Variety {
	return recommend.Variety{Fresh: recommend.Fresh{Days: days, Lift: lift}}
}

// setting is a line of the table.
type setting struct {
	name    string
	variety recommend.Variety
}

func shopSettings() []setting {
	s := []setting{{"off", recommend.Variety{}}}
	for _, o := range [][2]int{{4, 20}, {2, 20}, {2, 5}} {
		s = append(s, setting{fmt.Sprintf("max %d in %d", o[0], o[1]), spread(o[0], o[1])})
	}
	for _, l := range []float64{.98, .95, .9, .8, .5} {
		s = append(s, setting{fmt.Sprintf("λ %v", l), mmr(l)})
	}
	s = append(s, setting{"λ 0.9 four attributes", mmr(.9, "categories", "colour", "material", "pattern")}, setting{"λ 0.9 rows", mmr(.9, "rows")})
	s = append(s, rotations()...)
	for _, f := range [][2]float64{{30, 1.5}, {60, 1.5}, {60, 2}} {
		s = append(s, setting{fmt.Sprintf("fresh %v d ×%v", f[0], f[1]), fresh(f[0], f[1])})
	}
	return s
}

func rotations() []setting {
	var s []setting
	for _, r := range [][2]float64{{.9, .5}, {.8, .25}, {.5, .25}, {.5, .1}} {
		s = append(s, setting{fmt.Sprintf("rotate ×%v ≥%v", r[0], r[1]), rotate(r[0], r[1])})
	}
	return s
}

// BenchmarkVariety prints the table of docs/variety.md: a replay for each
// setting with what it does to the lists.
func BenchmarkVariety(b *testing.B) {
	visits := append([]setting{{"off", recommend.Variety{}}, {"λ 0.9 rows", mmr(.9, "rows")}}, rotations()...)
	for _, data := range []struct {
		name     string
		load     func() *trial
		settings []setting
	}{
		{"toy valid", func() *trial { return toy(b, false, true) }, visits},
		{"toy test", func() *trial { return toy(b, false, false) }, visits},
		{"toy test rows", func() *trial { return toy(b, true, false) }, visits},
		{"shop October", func() *trial { return shop(b, false, october()) }, shopSettings()},
		{"shop November", func() *trial { return shop(b, false, november()) }, shopSettings()},
		{"shop November rows", func() *trial { return shop(b, true, november()) }, shopSettings()},
	} {
		b.Run(data.name, func(b *testing.B) {
			trial := data.load()
			for _, s := range data.settings {
				b.Run(s.name, func(b *testing.B) { trial.bench(b, s.variety) })
			}
		})
	}
}

// bench reports what a variety does to a trial's lists.
func (t *trial) bench(b *testing.B, v recommend.Variety) {
	var e *effect
	for b.Loop() {
		e = t.run(b, v, 1)
	}
	b.ReportMetric(float64(e.lists), "lists")
	b.ReportMetric(e.hr(), "hr@20")
	b.ReportMetric(e.mrr(), "mrr@20")
	b.ReportMetric(float64(len(e.listed))/float64(t.items), "coverage")
	b.ReportMetric(e.againPer(), "again")
	if t.shelf != nil {
		b.ReportMetric(e.ils(), "alike")
		b.ReportMetric(e.shelvesPer(), "categories")
		b.ReportMetric(e.freshPer(), "new")
		b.ReportMetric(e.newHR(), "new-hr@20")
	}
	b.ReportMetric(0, "ns/op")
}

// TestVarietyEffects replays a part of the same and holds each kind to what it
// is for, at a bounded price in next items found. With -v it prints the figures.
func TestVarietyEffects(t *testing.T) {
	visits, sales := toy(t, true, false), shop(t, true, november())
	const eighth = 8
	t.Log("| setting | hr@20 | coverage | again | alike (of the shop alone) | new |")
	run := func(data *trial, stride int, name string, v recommend.Variety) *effect {
		e := data.run(t, v, stride)
		t.Logf("| %s | %.4f | %.4f | %.4f | %.4f | %.4f |", name, e.hr(), float64(len(e.listed))/float64(data.items), e.againPer(), e.ils(), e.freshPer())
		return e
	}
	none, turned := run(visits, 1, "toy", recommend.Variety{}), run(visits, 1, "toy, rotate", rotate(.8, .25))
	if !(turned.againPer() < .93*none.againPer()) || !(len(turned.listed) > len(none.listed)) || turned.hr() < none.hr()-.01 {
		t.Errorf("rotation: %+v, without %+v", turned, none)
	}
	off := run(sales, eighth, "shop", recommend.Variety{})
	for name, v := range map[string]recommend.Variety{
		"max 2 in 5": spread(2, 5), "λ 0.9": mmr(.9), "λ 0.9, rows": mmr(.9, "rows"),
	} {
		if e := run(sales, eighth, "shop, "+name, v); !(e.ils() < .95*off.ils()) || !(e.shelvesPer() > off.shelvesPer()) || e.hr() < off.hr()-.03 {
			t.Errorf("%s: %.3f alike, %.1f categories, hr %.3f; without %.3f, %.1f, %.3f",
				name, e.ils(), e.shelvesPer(), e.hr(), off.ils(), off.shelvesPer(), off.hr())
		}
	}
	if e := run(sales, eighth, "shop, fresh", fresh(60, 2)); !(e.freshPer() > 1.2*off.freshPer()) || e.hr() < off.hr()-.01 {
		t.Errorf("freshness: %.4f new, hr %.3f; without %.4f, %.3f", e.freshPer(), e.hr(), off.freshPer(), off.hr())
	}
}
