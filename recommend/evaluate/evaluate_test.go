package evaluate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/rows"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

const (
	toyTrain = "testdata/serenade-toy/train.txt.zst"
	toyTest  = "testdata/serenade-toy/test.txt.gz"
)

// ticking is a clock that moves a microsecond a look.
func ticking() func() time.Time {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Microsecond)
		return now
	}
}

func put(t *testing.T, name, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func run(t *testing.T, o Options) *Report {
	t.Helper()
	o.Now = ticking()
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestSerenadeToy holds the published figures: one standard error of hr is
// .015, so a change of the ranking that loses quality shows here.
func TestSerenadeToy(t *testing.T) {
	diginetica := map[string]string{"a": ".8", "lambda": "10", "tw": "1", "delta": "2", "sw_days": "128"}
	for _, c := range []struct {
		model   string
		exclude Exclude
		hr, mrr float64
	}{
		{"rows", ExcludeCurrent, .6821, .3393},
		{"rows", ExcludeNone, .6788, .2701},
		{"rows", ExcludeSeen, .3577, .1720},
		{"pop", ExcludeNone, .0107, .0022},
	} {
		o := Options{TrainFile: toyTrain, TestFile: toyTest, Model: c.model, Exclude: c.exclude}
		if c.model == "rows" {
			o.Params = diginetica
		}
		r := run(t, o)
		if r.N != 931 || math.Abs(r.HR-c.hr) > .0025 || math.Abs(r.MRR-c.mrr) > .0025 {
			t.Errorf("%s, exclude %s: n %d hr %.4f mrr %.4f, want 931 %.4f %.4f", c.model, c.exclude, r.N, r.HR, r.MRR, c.hr, c.mrr)
		}
		if c.exclude == ExcludeCurrent && (r.HR < .675 || r.MRR < .33) {
			t.Errorf("below the parity figures: hr %.4f mrr %.4f", r.HR, r.MRR)
		}
	}
}

// The little shop: after a comes b (often) or c, nothing is known of z.
const (
	shop     = "a b\na b\na b\na c\nb c\n"
	visitors = "a b c\nz b\na a\na z\nc\n"
)

func shopOptions(t *testing.T) Options {
	return Options{TrainFile: put(t, "train_sessions.txt", shop), TestFile: put(t, "test_sessions.txt", visitors)}
}

// TestRatesAgainstTheDefinition computes every rate by hand from the lists.
func TestRatesAgainstTheDefinition(t *testing.T) {
	for _, exclude := range []Exclude{ExcludeNone, ExcludeCurrent, ExcludeSeen} {
		for _, lastOnly := range []bool{false, true} {
			for _, model := range []string{"rows", "pop"} {
				o := shopOptions(t)
				o.Exclude, o.LastOnly, o.Model, o.Top = exclude, lastOnly, model, 2
				want := byDefinition(t, o)
				got := run(t, o)
				for name, pair := range map[string][2]float64{
					"n": {float64(got.N), float64(want.N)}, "hr": {got.HR, want.HR}, "mrr": {got.MRR, want.MRR},
					"ndcg": {got.NDCG, want.NDCG}, "precision": {got.Precision, want.HR / 2}, "recall": {got.Recall, want.HR},
					"coverage": {got.Coverage, want.Coverage}, "popularity": {got.Popularity, want.Popularity},
				} {
					if math.Abs(pair[0]-pair[1]) > 1e-9 {
						t.Errorf("%s, exclude %s, last only %v: %s is %v, want %v", model, exclude, lastOnly, name, pair[0], pair[1])
					}
				}
			}
		}
	}
}

// byDefinition evaluates with ids and sets, one prefix at a time.
func byDefinition(t *testing.T, o Options) Report {
	t.Helper()
	model := trained(t, o)
	items := model.Items()
	most, shown := 0., map[string]bool{}
	for i := range uint32(items.Len()) {
		most = max(most, items.Count(i))
	}
	var r Report
	for line := range strings.Lines(visitors) {
		ids := strings.Fields(line)
		for n := 1; n < len(ids); n++ {
			if o.LastOnly && n < len(ids)-1 {
				continue
			}
			r.N++
			popularity, list := 0., listOf(model, ids[:n], o)
			for slot, id := range list {
				i, _ := items.Index(id)
				popularity += items.Count(i) / most
				shown[id] = true
				if id == ids[n] {
					r.HR++
					r.MRR += 1 / float64(slot+1)
					r.NDCG += 1 / math.Log2(float64(slot+2))
				}
			}
			if len(list) > 0 {
				r.Popularity += popularity / float64(len(list))
			}
		}
	}
	n := float64(r.N)
	r.HR, r.MRR, r.NDCG, r.Popularity = r.HR/n, r.MRR/n, r.NDCG/n, r.Popularity/n
	r.Coverage = float64(len(shown)) / float64(items.Len())
	return r
}

func trained(t *testing.T, o Options) Model {
	t.Helper()
	o.Now = ticking()
	tr, params, err := o.check()
	if err != nil {
		t.Fatal(err)
	}
	model, _, err := o.model(t.Context(), tr, params, &Report{})
	if err != nil {
		t.Fatal(err)
	}
	return model
}

// listOf is the model's list of o.Top after what is excluded left a long one.
func listOf(model Model, session []string, o Options) []string {
	var steps []uint32
	for _, id := range session {
		i, _ := model.Items().Index(id)
		steps = slices.Insert(steps, 0, i)
	}
	var list []string
	for _, c := range model.Recommend(steps, 100, nil, nil) {
		id := model.Items().ID(c.Item)
		if o.Exclude == ExcludeCurrent && id == session[len(session)-1] || o.Exclude == ExcludeSeen && slices.Contains(session, id) {
			continue
		}
		if len(list) < o.Top {
			list = append(list, id)
		}
	}
	return list
}

func TestTimesComeFromTheSecondPass(t *testing.T) {
	r := run(t, shopOptions(t)) // every look at the clock moves it 1 µs
	if r.P50 != 1 || r.P999 != 1 || math.Abs(r.PerSecond-1e6) > 1 || r.TrainS <= 0 || r.ModelBytes <= 0 {
		t.Errorf("times %+v", r)
	}
}

func TestReportIsTheContract(t *testing.T) {
	b, err := json.Marshal(run(t, shopOptions(t)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	dec := json.NewDecoder(bytes.NewReader(b))
	for depth := 0; ; {
		tok, err := dec.Token()
		if err != nil {
			break
		}
		if d, ok := tok.(json.Delim); ok {
			depth += map[json.Delim]int{'{': 1, '}': -1}[d]
			continue
		}
		if s, ok := tok.(string); ok && depth == 1 && s != "rows" {
			names = append(names, s)
		}
	}
	const want = "model n hr mrr ndcg precision recall coverage popularity p50_us p90_us p99_us p999_us predictions_per_s train_s model_bytes params"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("fields\n%s, want\n%s", got, want)
	}
	if want := `"params":{"a":0.8,"lambda":10,"tw":1,"sw_days":128,"delta":2,"top":50,"last":10}`; !strings.Contains(string(b), want) {
		t.Errorf("report %s, want %s in it", b, want)
	}
}

func TestModelFileGivesTheSameFigures(t *testing.T) {
	o := shopOptions(t)
	want := run(t, o)
	m := trained(t, o).(*rowsModel).m
	var file bytes.Buffer
	if _, err := m.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	o.ModelFile, o.TrainFile = put(t, "shop.model", file.String()), ""
	got := run(t, o)
	if got.HR != want.HR || got.MRR != want.MRR || got.N != want.N || got.TrainS != 0 || got.ModelBytes != int64(file.Len()) {
		t.Errorf("from the file %+v, trained %+v", got, want)
	}
}

func TestWrongUseIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(o *Options)
		want   string
	}{
		"model":           {func(o *Options) { o.Model = "magic" }, "there are: rows, best, pop, sr, ar, sknn"},
		"param":           {func(o *Options) { o.Params = map[string]string{"k": "1"} }, "it has: a, lambda, tw, sw_days, delta, top, last"},
		"param of pop":    {func(o *Options) { o.Model, o.Params = "pop", map[string]string{"k": "1"} }, "it has: none"},
		"param value":     {func(o *Options) { o.Params = map[string]string{"a": "much"} }, "a must be a number"},
		"param NaN":       {func(o *Options) { o.Params = map[string]string{"a": "NaN"} }, "a must be a number"},
		"param whole":     {func(o *Options) { o.Params = map[string]string{"top": "1.5"} }, "whole number"},
		"param range":     {func(o *Options) { o.Params = map[string]string{"a": "2"} }, "between 0 and 1"},
		"exclude":         {func(o *Options) { o.Exclude = "all" }, "none, current or seen"},
		"top":             {func(o *Options) { o.Top = -1 }, "top must be"},
		"span":            {func(o *Options) { o.SpanDays = -1 }, "span-days"},
		"no train":        {func(o *Options) { o.TrainFile = "" }, "either a file to train on or a model file"},
		"both":            {func(o *Options) { o.ModelFile = "m" }, "either"},
		"no test":         {func(o *Options) { o.TestFile = "" }, "test sessions"},
		"pop has no file": {func(o *Options) { o.Model, o.TrainFile, o.ModelFile = "pop", "", "m" }, "no model file"},
		"file and params": {func(o *Options) {
			o.TrainFile, o.ModelFile, o.Params = "", "m", map[string]string{"a": "1"}
		}, "leave them out"},
		"no such file":    {func(o *Options) { o.TestFile = "none_sessions.txt" }, "none_sessions.txt"},
		"no such model":   {func(o *Options) { o.TrainFile, o.ModelFile = "", "none.model" }, "none.model"},
		"broken model":    {func(o *Options) { o.TrainFile, o.ModelFile = "", o.TestFile }, "test_sessions.txt"},
		"nothing to do":   {func(o *Options) { o.TestFile = put(t, "one_sessions.txt", "a\nb\n") }, "two items"},
		"broken training": {func(o *Options) { o.TrainFile = put(t, "bad.txt", "a b c") }, "bad.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			o := shopOptions(t)
			o.Now = ticking()
			c.change(&o)
			_, err := Run(t.Context(), o)
			if kind := fault.KindOf(err); kind != fault.Invalid && kind != fault.NotFound || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want a fault with %q", err, c.want)
			}
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	for _, stage := range []string{"read train", "read test", "train", "score", "time"} {
		ctx, cancel := context.WithCancel(t.Context())
		o := shopOptions(t)
		o.Now = ticking()
		seen := false
		o.Progress = func(s string, done, total int64) {
			if s == stage {
				seen = true
				cancel()
			}
		}
		if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) || !seen {
			t.Errorf("cancelled in stage %s (seen: %v): error %v", stage, seen, err)
		}
		cancel()
	}
}

// TestItemsAreNumberedAlike: replay relies on equal ids giving ties the same
// order in every model.
func TestItemsAreNumberedAlike(t *testing.T) {
	o := shopOptions(t)
	fromRows := trained(t, o).Items()
	o.Model = "pop"
	fromPop := trained(t, o).Items()
	for i := range uint32(fromRows.Len()) {
		n, ok := fromPop.Index(fromRows.ID(i))
		if !ok || n != i || fromPop.Count(i) != fromRows.Count(i) || fromPop.ID(i) != fromRows.ID(i) {
			t.Errorf("item %s is %d in rows and %d in pop", fromRows.ID(i), i, n)
		}
	}
	if n, ok := fromPop.Index("z"); ok || n != rows.Unknown {
		t.Errorf("an unknown item is number %d", n)
	}
}

func TestDescribeNamesEveryModelAndParameter(t *testing.T) {
	text := Describe()
	for _, tr := range Trainers() {
		for _, p := range tr.Params {
			if !strings.Contains(text, fmt.Sprintf("  %-8s", p.Name)) || !strings.Contains(text, tr.Name+": ") {
				t.Errorf("parameter %s of %s is not in the help:\n%s", p.Name, tr.Name, text)
			}
		}
	}
}

// TestPrefixesAreTheStepsOfServing: a prefix is what session.Steps, the
// function that serves, makes of the same items as views.
func TestPrefixesAreTheStepsOfServing(t *testing.T) {
	const line = "a a b a c c b"
	o := shopOptions(t)
	o.Now = ticking()
	model := trained(t, o)
	test, err := dataset.ReadSessions(t.Context(), put(t, "test_sessions.txt", line), dataset.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.check(); err != nil {
		t.Fatal(err)
	}
	r := newReplay(&o, model, test)
	var entries []session.Entry
	ids := strings.Fields(line)
	n := 0
	err = r.each(t.Context(), "score", func(p *prediction) {
		steps, target := p.steps, p.target
		entries = append(entries, session.Entry{Time: int64(n), ItemID: ids[n], Kind: event.View})
		n++
		want := session.Steps(nil, entries)
		if len(steps) != len(want) || model.Items().ID(target) != ids[n] {
			t.Fatalf("prefix %d: %d steps before item %d, want %d", n, len(steps), target, len(want))
		}
		for b := range steps {
			if id := model.Items().ID(steps[b]); id != want[b].ItemID {
				t.Errorf("prefix %d: step %d is %s, serving says %s", n, b, id, want[b].ItemID)
			}
		}
	})
	if err != nil || n != len(ids)-1 {
		t.Errorf("%d prefixes, error %v; want %d", n, err, len(ids)-1)
	}
}
