package learn_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/recommend/rows"
)

// visit is a session of a test: its items and its end in days.
type visit struct {
	items []string
	end   float64
}

func build(t testing.TB, visits []visit) *corpus.Corpus {
	t.Helper()
	b := corpus.NewBuilder(corpus.Options{})
	for _, v := range visits {
		b.Add(v.items, v.end)
	}
	c, err := b.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// toy are the training sessions of serenade-toy.
func toy(t testing.TB) []visit {
	t.Helper()
	s, err := dataset.ReadSessions(t.Context(), "../evaluate/testdata/serenade-toy/train.txt.zst", dataset.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var out []visit
	for items, end := range s.All() {
		out = append(out, visit{slices.Clone(items), end})
	}
	return out
}

// shuffled has the same clicks and lengths, but nobody looked at what they
// hold.
func shuffled(visits []visit, seed uint64) []visit {
	var all []string
	for _, v := range visits {
		all = append(all, v.items...)
	}
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	out := make([]visit, len(visits))
	for n, v := range visits {
		out[n] = visit{all[:len(v.items):len(v.items)], v.end}
		all = all[len(v.items):]
	}
	return out
}

// walks are sessions of a made-up shop: from an item of 40 groups mostly to
// others of its group, the first ones most often.
func walks(n int, days float64, seed uint64) []visit {
	rnd := rand.New(rand.NewPCG(seed, 1))
	var out []visit
	for k := range n {
		v := visit{end: 20_000 + days*float64(k)/float64(n)}
		group := rnd.IntN(40)
		for range 2 + rnd.IntN(6) {
			if rnd.IntN(8) == 0 {
				group = rnd.IntN(40)
			}
			v.items = append(v.items, fmt.Sprintf("item-%02d-%02d", group, int(20*math.Pow(rnd.Float64(), 2))))
		}
		out = append(out, v)
	}
	return out
}

// rowsOf trains rows; of, when given, are the sessions that it is trained on
// instead: as many of them, of the oldest, as there are.
func rowsOf(of *corpus.Corpus) func(context.Context, *corpus.Corpus) (learn.Lister, error) {
	trained := map[int]learn.Lister{} // by sessions
	return func(ctx context.Context, c *corpus.Corpus) (learn.Lister, error) {
		if of != nil {
			c = of.Prefix(c.Sessions())
		}
		if m := trained[c.Sessions()]; m != nil {
			return m, nil
		}
		m, err := rows.Train(ctx, c, rows.DefaultParams(), nil)
		if err != nil {
			return nil, err
		}
		trained[c.Sessions()] = learn.ListRows(m)
		return trained[c.Sessions()], nil
	}
}

func liveRows(t testing.TB, c *corpus.Corpus) learn.Live {
	t.Helper()
	m, err := rows.Train(t.Context(), c, rows.DefaultParams(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return learn.ListRows(m)
}

func judge(t testing.TB, g learn.Gate, c *corpus.Corpus) *learn.GateReport {
	t.Helper()
	r, err := g.Judge(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A model of shuffled sessions is refused: as the first one, against a live
// one, and against one that has seen the answers. One of the sessions as they
// were goes live each time.
func TestGateRefusesShuffledSessions(t *testing.T) {
	for name, visits := range map[string][]visit{"toy": toy(t), "walks": walks(4000, 30, 1)} {
		c := build(t, visits)
		before := 0
		for before < c.Sessions() && c.Day(before) < c.Latest()-3 {
			before++
		}
		lives := map[string]learn.Live{
			"first": nil, "live": liveRows(t, c.Prefix(before)), "live that saw all": liveRows(t, c),
		}
		good, bad := rowsOf(nil), []func(context.Context, *corpus.Corpus) (learn.Lister, error){}
		for seed := range uint64(3) {
			bad = append(bad, rowsOf(build(t, shuffled(visits, seed))))
		}
		for kind, live := range lives {
			for _, exclude := range []learn.Exclude{learn.ExcludeNone, learn.ExcludeCurrent, learn.ExcludeSeen} {
				g := learn.Gate{Train: good, Live: live, Exclude: exclude, Most: 2000}
				if r := judge(t, g, c); !r.Activate || r.Forced {
					t.Errorf("%s, %s, excluding %s: a good model is %s", name, kind, exclude, r.Text)
				}
				for seed := range bad {
					g.Train = bad[seed]
					if r := judge(t, g, c); r.Activate || !strings.HasPrefix(r.Text, "refused: ") {
						t.Errorf("%s, %s, excluding %s: a model of shuffled sessions is %s", name, kind, exclude, r.Text)
					}
				}
			}
		}
	}
}

// Sessions in which nothing follows from anything teach a model nothing.
func TestGateRefusesNoise(t *testing.T) {
	for seed := range uint64(5) {
		c := build(t, shuffled(walks(4000, 30, seed), seed))
		if r := judge(t, learn.Gate{Train: rowsOf(nil)}, c); r.Activate || r.Reason != learn.GateUseless || r.Against != "popularity" {
			t.Errorf("seed %d: %s", seed, r.Text)
		}
	}
}

// oracle knows the next item of every session as often as it is told to: items
// are "session:place".
type oracle struct {
	latest float64
	knows  func(session string) bool // whether it finds the answers of a session
}

func (o oracle) Latest() float64   { return o.latest }
func (o oracle) Knows(string) bool { return true }
func (o oracle) List(session []string, _ learn.Exclude, k int, dst []string) []string {
	name, place, _ := strings.Cut(session[0], ":")
	if o.knows(name) {
		return append(dst[:0], name+":"+string(place[0]+1))
	}
	return append(dst[:0], "nothing")
}

func oracleVisits(n int) []visit {
	var out []visit
	for s := range n {
		v := visit{end: 20_000 + float64(s)/50}
		for k := range 2 + s%4 {
			v.items = append(v.items, fmt.Sprint(s, ":", k))
		}
		out = append(out, v)
	}
	return out
}

// TestGateStatistics: of many comparisons with a known outcome the gate refuses
// about as many as one standard error says, and its standard error is the
// spread that there is.
func TestGateStatistics(t *testing.T) {
	const runs = 600
	c := build(t, oracleVisits(200)) // 4 days; the last has 50 sessions of 2.5 predictions
	rnd := rand.New(rand.NewPCG(2026, 11))
	for _, test := range []struct {
		candidate, live float64 // share of the sessions that each answers
		least, most     float64 // share of the comparisons that refuse
	}{
		{.5, .5, .11, .22}, // 16 % of a normal are below -1
		{.9, .5, 0, .001},
		{.2, .6, .98, 1},
	} {
		refused, sum, squares, errors := 0., 0., 0., 0.
		for range runs {
			pick := func(share float64) func(string) bool {
				found := map[string]bool{}
				return func(session string) bool {
					if _, asked := found[session]; !asked {
						found[session] = rnd.Float64() < share
					}
					return found[session]
				}
			}
			r := judge(t, learn.Gate{
				Train: func(context.Context, *corpus.Corpus) (learn.Lister, error) {
					return oracle{knows: pick(test.candidate)}, nil
				},
				Live: oracle{knows: pick(test.live)},
			}, c)
			if !r.Activate {
				refused++
			}
			sum += r.Difference.HR
			squares += r.Difference.HR * r.Difference.HR
			errors += r.Difference.HRError
		}
		if share := refused / runs; share < test.least || share > test.most {
			t.Errorf("%v against %v: %v are refused, want %v to %v", test.candidate, test.live, share, test.least, test.most)
		}
		mean := sum / runs
		spread := math.Sqrt(squares/runs - mean*mean)
		if ratio := errors / runs / spread; math.Abs(mean-(test.candidate-test.live)) > .015 || ratio < .9 || ratio > 1.1 {
			t.Errorf("%v against %v: mean difference %v, standard error %v where the spread is %v",
				test.candidate, test.live, mean, errors/runs, spread)
		}
	}
}

// What the live model was trained on is left out when there is enough beside
// it; else the report says whom the comparison flatters, and being worse than
// one who knows the answers is no reason to be refused.
func TestGateMindsWhatTheLiveModelSaw(t *testing.T) {
	visits := walks(6000, 10, 3)
	c := build(t, visits)
	upTo := func(day float64) learn.Live {
		n := 0
		for n < c.Sessions() && c.Day(n) <= day {
			n++
		}
		return liveRows(t, c.Prefix(n))
	}
	r := judge(t, learn.Gate{Train: rowsOf(nil), Live: upTo(c.Latest() - .5)}, c)
	if r.LiveSaw != 0 || math.Abs(float64(r.Sessions)-300) > 10 || r.TrainSessions < 5690 || !r.Activate || r.Against != "live" {
		t.Errorf("%+v: want only the last half day", r)
	}
	r = judge(t, learn.Gate{Train: rowsOf(nil), Live: upTo(c.Latest() - .001)}, c)
	if r.LiveSaw < 590 || r.Sessions < 590 || !r.Activate || !strings.Contains(r.Text, "flatters the live model") {
		t.Errorf("%+v: want the whole day, and that it flatters the live model", r)
	}
	knowing := oracleVisits(400)
	r = judge(t, learn.Gate{
		Train: func(context.Context, *corpus.Corpus) (learn.Lister, error) {
			return oracle{knows: func(s string) bool { return s > "37" }}, nil
		},
		Live: oracle{latest: math.MaxFloat32, knows: func(string) bool { return true }},
	}, build(t, knowing))
	if !r.Activate || r.Reason != learn.GateBetter || r.Against != "popularity" || r.Live.HR < .999 || r.LiveSaw != 50 {
		t.Errorf("%s", r.Text)
	}
	r = judge(t, learn.Gate{Train: rowsOf(c)}, c)
	if r.CandidateSaw != 0 {
		t.Errorf("the candidate saw %d", r.CandidateSaw)
	}
	all := liveRows(t, c)
	r = judge(t, learn.Gate{Train: func(context.Context, *corpus.Corpus) (learn.Lister, error) { return all, nil }}, c)
	if r.CandidateSaw < 590 || !strings.Contains(r.Text, "flatters the candidate") {
		t.Errorf("a candidate that saw all: %d, %s", r.CandidateSaw, r.Text)
	}
}

// Items that came after the live model are counted, and are no fault of the
// candidate's that knows them.
func TestGateNewItems(t *testing.T) {
	visits := walks(3000, 10, 4)
	for n := 1500; n < len(visits); n++ {
		for i, item := range visits[n].items {
			visits[n].items[i] = strings.Replace(item, "-1", "-new1", 1) // a part of the groups is replaced
		}
	}
	c := build(t, visits)
	r := judge(t, learn.Gate{Train: rowsOf(nil), Live: liveRows(t, build(t, visits[:1500]))}, c)
	if r.LiveUnknown < r.Predictions/10 || r.LiveUnknown > r.Predictions/2 || !r.Activate || r.Candidate.HR < r.Live.HR+.05 {
		t.Errorf("%d of %d are unknown to the live model; %s", r.LiveUnknown, r.Predictions, r.Text)
	}
}

func TestGateWithNothingToCompareOn(t *testing.T) {
	for _, visits := range [][]visit{walks(1, 1, 1), walks(20, 30, 1), {{[]string{"a"}, 1}, {[]string{"b"}, 2}}} {
		trained := false
		r := judge(t, learn.Gate{Train: func(context.Context, *corpus.Corpus) (learn.Lister, error) {
			trained = true
			return nil, nil
		}}, build(t, visits))
		if !r.Activate || r.Reason != learn.GateNothing || trained || !strings.HasPrefix(r.Text, "activated: nothing to compare on") {
			t.Errorf("%d sessions: %+v", len(visits), r)
		}
	}
}

// TestGateIsBounded: of many predictions a part is compared on, always the same.
func TestGateIsBounded(t *testing.T) {
	c := build(t, walks(4000, 2, 5))
	g := learn.Gate{Train: rowsOf(nil), Most: 500}
	a, b := judge(t, g, c), judge(t, g, c)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("two comparisons of the same differ:\n%s", diff)
	}
	if a.Predictions > 500 || a.Predictions < 490 || a.HeldOut < 1000 || a.TrainSessions != 3600 {
		t.Errorf("%d of %d predictions, trained on %d sessions", a.Predictions, a.HeldOut, a.TrainSessions)
	}
	g.Most = 1 << 30
	if all := judge(t, g, c); all.Predictions != a.HeldOut || math.Abs(all.Candidate.HR-a.Candidate.HR) > .08 {
		t.Errorf("all: %d predictions, HR %v; a part of them %v", all.Predictions, all.Candidate.HR, a.Candidate.HR)
	}
	ctx, cancel := context.WithCancel(t.Context())
	g.Progress = func(done, total int64) {
		if done >= total/10 {
			cancel()
		}
	}
	if _, err := g.Judge(ctx, c); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

// watched is a lister that checks what it is asked.
type watched struct {
	t       *rapid.T
	exclude learn.Exclude
	asked   map[string]int
}

func (w *watched) List(session []string, exclude learn.Exclude, k int, dst []string) []string {
	if len(session) == 0 || len(session) > 64 || exclude != w.exclude || k != 20 {
		w.t.Fatalf("asked for %d after %d items, excluding %s", k, len(session), exclude)
	}
	w.asked[strings.Join(session, " ")]++
	return dst
}

// TestGateAsksWhatIsUnseen: the candidate is trained on what ended first, and
// asked about all prefixes of the rest whose next item may be named.
func TestGateAsksWhatIsUnseen(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &watched{t: rt, asked: map[string]int{}}
		w.exclude = rapid.SampledFrom([]learn.Exclude{learn.ExcludeNone, learn.ExcludeCurrent, learn.ExcludeSeen}).Draw(rt, "exclude")
		span := rapid.Float64Range(.5, 20).Draw(rt, "days")
		seed := rapid.Uint64().Draw(rt, "seed")
		visits := walks(rapid.IntRange(300, 500).Draw(rt, "sessions"), span, seed)
		long := &visits[len(visits)-1]
		for range rapid.IntRange(0, 100).Draw(rt, "long") {
			long.items = append(long.items, long.items[len(long.items)%7%2])
		}
		c := build(t, visits)
		var trained *corpus.Corpus
		r := judge(t, learn.Gate{Exclude: w.exclude, Train: func(_ context.Context, p *corpus.Corpus) (learn.Lister, error) {
			trained = p
			return w, nil
		}}, c)
		if trained == nil {
			return
		}
		if r.Activate || trained.Sessions() != r.TrainSessions || trained.Latest() > c.Day(trained.Sessions()) {
			rt.Fatalf("trained on %d sessions; %s", trained.Sessions(), r.Text)
		}
		want, n := map[string]int{}, 0
		for s := trained.Sessions(); s < c.Sessions(); s++ {
			var ids []string // newest first
			for _, i := range c.Session(s) {
				near := ids[:min(len(ids), 64)]
				id := c.ID(i)
				masked := w.exclude == learn.ExcludeCurrent && len(ids) > 0 && ids[0] == id || w.exclude == learn.ExcludeSeen && slices.Contains(near, id)
				if len(ids) > 0 && !masked {
					want[strings.Join(near, " ")]++
					n++
				}
				ids = append([]string{id}, ids...)
			}
		}
		if diff := cmp.Diff(want, w.asked); diff != "" || n != r.Predictions {
			rt.Fatalf("%d predictions, want %d:\n%s", r.Predictions, n, diff)
		}
	})
}

func TestGateReportIsKept(t *testing.T) {
	visits := walks(4000, 30, 6)
	c := build(t, visits)
	g := learn.Gate{Train: rowsOf(build(t, shuffled(visits, 6))), Live: liveRows(t, c.Prefix(3000)), Force: true}
	r := judge(t, g, c)
	if !r.Activate || !r.Forced || r.Reason != learn.GateWorse || !strings.HasPrefix(r.Text, "activated by force: HR .") ||
		!strings.Contains(r.Text, " of the live model on ") || strings.Contains(r.Text, "--force") {
		t.Errorf("%+v", r)
	}
	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back learn.GateReport
	if err := json.Unmarshal(body, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*r, back); diff != "" {
		t.Errorf("the kept report differs:\n%s", diff)
	}
	for _, x := range []*learn.GateFigures{r.Candidate, r.Live, r.Popular} {
		if !(x.HR > 0 && x.MRR > 0 && x.MRR <= x.HR && x.Coverage > 0 && x.Coverage <= 1 && x.Popularity > 0 && x.Popularity <= 1) {
			t.Errorf("figures %+v", x)
		}
	}
	if r.Popular.Popularity < r.Live.Popularity || r.Popular.Coverage > r.Live.Coverage {
		t.Errorf("popularity %+v lists less popular items, or more, than the live model %+v", r.Popular, r.Live)
	}
}

func TestGateTrainingFails(t *testing.T) {
	broken := fmt.Errorf("no memory")
	_, err := learn.Gate{Train: func(context.Context, *corpus.Corpus) (learn.Lister, error) { return nil, broken }}.Judge(t.Context(), build(t, walks(4000, 30, 7)))
	if err == nil || !strings.Contains(err.Error(), "no memory") {
		t.Errorf("the error is %v", err)
	}
}
