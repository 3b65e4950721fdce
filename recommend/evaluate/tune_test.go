package evaluate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/rows"
)

// chain is a model of a world where n+1 follows n. Its parameters decide how
// often it knows.
type chain struct {
	*popModel
	p Params
}

// knows says whether the successor of n is named: always at x = 3, y = 1; the
// further away, the more rarely.
func (c *chain) knows(n int) bool {
	return n%10 >= int(2*abs(c.p["x"]-3)+3*abs(c.p["y"]-1))
}

func abs(x float64) float64 { return max(x, -x) }

func (c *chain) Recommend(steps []uint32, _ int, _ func(uint32) bool, dst []rows.Scored) []rows.Scored {
	n, _ := strconv.Atoi(c.Items().ID(steps[0]))
	next, ok := c.Items().Index(fmt.Sprintf("%03d", n+1))
	if !ok || !c.knows(n) {
		return dst[:0]
	}
	return append(dst[:0], rows.Scored{Item: next, Score: 1})
}

// chainTrainer notes what it is trained with.
func chainTrainer(trained *[]Params, seen *[]*dataset.Sessions) Trainer {
	pop := popTrainer()
	return Trainer{
		Name: "chain",
		Params: []Param{
			{Name: "x", Default: 0, Tune: []float64{1, 2, 3, 4}},
			{Name: "y", Default: 2, Tune: []float64{0, 1, 2}},
			{Name: "z", Default: 7},
		},
		Train: func(ctx context.Context, t *Train) (Model, error) {
			*trained = append(*trained, t.Params)
			*seen = append(*seen, t.Sessions)
			m, err := pop.Train(ctx, t)
			if err != nil {
				return nil, err
			}
			return &chain{popModel: m.(*popModel), p: t.Params}, nil
		},
	}
}

// chains are sessions of three that follow one another; the file has the
// newest first.
func chains(n int) *dataset.Sessions {
	return dataset.Collect(func(yield func([]string, float64) bool) {
		for k := range n {
			at := n - 1 - k
			items := []string{fmt.Sprintf("%03d", at%100), fmt.Sprintf("%03d", at%100+1), fmt.Sprintf("%03d", at%100+2)}
			if !yield(items, float64(at)) {
				return
			}
		}
	})
}

func tuned(t *testing.T, o Options, sessions *dataset.Sessions) (out *Tuning, best Params, trained []Params, seen []*dataset.Sessions) {
	t.Helper()
	o.TrainFile, o.TestFile, o.Now = "train", "test", ticking()
	o.complete()
	tr := chainTrainer(&trained, &seen)
	params, err := tr.resolve(o.Params)
	if err != nil {
		t.Fatal(err)
	}
	if out, best, err = o.tune(t.Context(), tr, params, sessions); err != nil {
		t.Fatal(err)
	}
	return out, best, trained, seen
}

func TestTuneClimbsToTheBest(t *testing.T) {
	out, best, trained, seen := tuned(t, Options{ValidShare: .25}, chains(400))
	if best["x"] != 3 || best["y"] != 1 || best["z"] != 7 {
		t.Errorf("best %v, want x 3, y 1, z untouched; tried %+v", best, out.Tried)
	}
	top := out.Tried[out.Best]
	if top.HR != 1 || top.MRR != 1 || top.Params["x"] != 3 || top.Score <= 1 || out.Tried[0].Params["x"] != 0 || out.Tried[0].Score != 1 {
		t.Errorf("best of the table %+v, first %+v", top, out.Tried[0])
	}
	if out.Sessions != 100 || out.N != 200 || out.Share != .25 || len(trained) != len(out.Tried) {
		t.Errorf("%d sessions, %d predictions, %d trained for %d tries", out.Sessions, out.N, len(trained), len(out.Tried))
	}
	known := map[string]bool{}
	for n, p := range trained {
		key := fmt.Sprint(p)
		if known[key] {
			t.Errorf("%v is tried twice", p)
		}
		known[key] = true
		if got := out.Tried[n].Params; got["x"] != p["x"] || got["y"] != p["y"] || len(got) != 2 {
			t.Errorf("try %d says %v and was %v", n, got, p)
		}
	}
	for _, s := range seen {
		if s.Len() != 300 {
			t.Fatalf("a try trains on %d sessions, want the oldest 300", s.Len())
		}
		for n := range s.Len() {
			if s.EndDays(n) >= 300 {
				t.Fatalf("a try trains on a session of the validation part: day %v", s.EndDays(n))
			}
		}
	}
}

func TestTuneKeepsWhatIsSetAndItsBound(t *testing.T) {
	_, best, trained, _ := tuned(t, Options{Params: map[string]string{"y": "2"}}, chains(400))
	if best["y"] != 2 || best["x"] != 3 {
		t.Errorf("best %v, want y as it was set", best)
	}
	for _, p := range trained {
		if p["y"] != 2 {
			t.Errorf("tried %v", p)
		}
	}
	if out, _, trained, _ := tuned(t, Options{Tries: 3}, chains(400)); len(out.Tried) != 3 || len(trained) != 3 {
		t.Errorf("%d tries, want 3", len(out.Tried))
	}
}

func TestTuneThinsLargeValidationParts(t *testing.T) {
	out, _, _, _ := tuned(t, Options{Tries: 1, ValidShare: .5}, chains(60_000))
	if out.N > enough+2 || out.N < enough*99/100 {
		t.Errorf("%d predictions a try, want about %d", out.N, enough)
	}
}

func TestTuneRefusesWhatItCannotDo(t *testing.T) {
	o := Options{TrainFile: put(t, "one_sessions.txt", "a b\n"), TestFile: "t", Tune: true, Now: ticking()}
	if _, err := Run(t.Context(), o); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "validation") {
		t.Errorf("one session: %v", err)
	}
	o.Model = "pop"
	if _, err := Run(t.Context(), o); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "nothing to tune") {
		t.Errorf("a model without parameters: %v", err)
	}
}

// TestTuningNeverReadsTheTestFile: whoever reads it before the final training
// gets an error, and so would the run.
func TestTuningNeverReadsTheTestFile(t *testing.T) {
	o := Options{TrainFile: toyTrain, TestFile: toyTest, Exclude: ExcludeCurrent, Tune: true, Tries: 6, Now: ticking()}
	var stages []string
	o.Progress = func(stage string, _, _ int64) {
		if len(stages) == 0 || stages[len(stages)-1] != stage {
			stages = append(stages, stage)
		}
	}
	early := errors.New("the test file is read before the end")
	o.readSessions = func(ctx context.Context, stage, path string) (*dataset.Sessions, error) {
		if path == toyTest && (len(stages) == 0 || stages[len(stages)-1] != "train") {
			return nil, early
		}
		return dataset.ReadSessions(ctx, path, dataset.SessionOptions{Progress: func(a, b int64) { o.Progress(stage, a, b) }})
	}
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	trained := slices.Index(stages, "train")
	if trained < 0 || !slices.Contains(stages[:trained], "tune 6") || slices.Contains(stages[trained:], "tune 1") {
		t.Errorf("stages %v: want the tries, then training, then the test", stages)
	}
	if len(r.Tuning.Tried) != 6 || r.N != 931 {
		t.Errorf("%d tries, n %d", len(r.Tuning.Tried), r.N)
	}
	// What was chosen is what was measured.
	set := map[string]string{}
	for name, v := range r.Tuning.Tried[r.Tuning.Best].Params {
		set[name] = fmt.Sprint(v)
	}
	again := run(t, Options{TrainFile: toyTrain, TestFile: toyTest, Exclude: ExcludeCurrent, Params: set})
	if again.HR != r.HR || again.MRR != r.MRR {
		t.Errorf("measured %v/%v, the chosen parameters give %v/%v", r.HR, r.MRR, again.HR, again.MRR)
	}
}

// TestEveryTunedParameterIsInItsRange: a search must not stop at a value that
// the model refuses.
func TestEveryTunedParameterIsInItsRange(t *testing.T) {
	for _, tr := range Trainers() {
		for _, p := range tr.Params {
			if !slices.IsSorted(p.Tune) || len(slices.Compact(slices.Clone(p.Tune))) != len(p.Tune) {
				t.Errorf("%s: the values of %s are not ascending: %v", tr.Name, p.Name, p.Tune)
			}
			for _, v := range p.Tune {
				o := shopOptions(t)
				o.Model, o.Params, o.Now = tr.Name, map[string]string{p.Name: fmt.Sprint(v)}, ticking()
				if _, err := Run(t.Context(), o); err != nil {
					t.Errorf("%s %s=%v: %v", tr.Name, p.Name, v, err)
				}
			}
		}
	}
}
