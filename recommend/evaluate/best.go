package evaluate

import (
	"context"
	"runtime"

	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/rows"
)

// bestModel measures the model "best" through the kernel that serves, with the
// ranker of the policy.
type bestModel struct {
	m      *best.Model
	s      *best.Scratch
	policy best.Policy
}

func bestTrainer() Trainer {
	d := best.DefaultParams()
	whole := func(name, summary string, value int) Param {
		return Param{Name: name, Summary: summary, Default: float64(value), Whole: true}
	}
	return Trainer{
		Name:    "best",
		Summary: "rows as candidates, an item embedding and a small network that orders them",
		Params: []Param{
			{Name: "a", Summary: "rows: share of \"in one session\" against \"followed by\", 0..1", Default: d.A},
			{Name: "lambda", Summary: "rows: shrinks those of rare items", Default: d.Lambda},
			{Name: "tw", Summary: "rows: positions over which \"followed by\" fades", Default: d.TW},
			{Name: "sw_days", Summary: "days over which a session fades in training", Default: d.SWDays},
			{Name: "delta", Summary: "steps over which older items fade in the rows' sum", Default: d.Delta},
			whole("top", "entries kept per row", d.Top),
			whole("last", "newest items whose rows are added up", d.Last),
			{Name: "recent", Summary: "days that count as recent for an item's trend; 0 is 5 % of the span", Default: d.RecentDays},
			whole("dim", "values of the embedding, a multiple of 8; 0 leaves it out", d.Dim),
			whole("epochs", "of the embedding", d.Epochs),
			whole("neighbours", "embedding neighbours that a row brings in as candidates", d.Neighbours),
			whole("candidates", "candidates that the network puts into order", d.Candidates),
			whole("hidden", "units of the network, a multiple of 8; 0 leaves a linear one", d.Hidden),
			whole("ranker_epochs", "passes over what the network learns from", d.RankerEpochs),
			whole("lists", "predictions that it learns from, at most", d.Lists),
			whole("seed", "of every random number", 1),
		},
		Train: trainBest,
		Open:  openBest,
		File:  "NBBEST",
	}
}

func openBest(path string, exclude Exclude) (Model, error) {
	m, err := best.Open(path) // mapped for as long as the program runs
	if err != nil {
		return nil, err
	}
	return &bestModel{m: m, s: best.NewScratch(), policy: policyOf(exclude)}, nil
}

func bestParams(p Params) best.Params {
	return best.Params{
		A: p["a"], Lambda: p["lambda"], TW: p["tw"], SWDays: p["sw_days"], Delta: p["delta"],
		Top: int(p["top"]), Last: int(p["last"]), RecentDays: p["recent"],
		Dim: int(p["dim"]), Epochs: int(p["epochs"]), Neighbours: int(p["neighbours"]),
		Candidates: int(p["candidates"]), Hidden: int(p["hidden"]),
		RankerEpochs: int(p["ranker_epochs"]), Lists: int(p["lists"]),
	}
}

func trainBest(ctx context.Context, t *Train) (Model, error) {
	b := corpus.NewBuilder(corpus.Options{})
	for items, end := range t.Sessions.All() {
		b.Add(items, end)
	}
	c, err := b.Build(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close() // the model keeps nothing of it; what closing says is about temporary files
	m, err := best.Train(ctx, c, bestParams(t.Params), best.Options{
		Seed: uint64(t.Params["seed"]), Workers: runtime.GOMAXPROCS(0), TrainedAt: t.Now, Progress: t.Progress,
	})
	if err != nil {
		return nil, err
	}
	return &bestModel{m: m, s: best.NewScratch(), policy: policyOf(t.Exclude)}, nil
}

// policyOf is the ranker's policy that an evaluation's stands for.
func policyOf(e Exclude) best.Policy {
	switch e {
	case ExcludeCurrent:
		return best.Current
	case ExcludeSeen:
		return best.Seen
	}
	return best.None
}

func (b *bestModel) Items() Items { return b.m }
func (b *bestModel) Bytes() int64 { return b.m.Size() }
func (b *bestModel) Params() any  { return b.m.Params() }

func (b *bestModel) Recommend(steps []uint32, k int, skip func(uint32) bool, dst []rows.Scored) []rows.Scored {
	return b.m.Rank(b.s, steps, nil, b.policy, skip, k, dst)
}
