package evaluate

import (
	"context"
	"runtime"

	"github.com/nextbest/nextbest/recommend/rows"
)

// rowsModel measures the item-item rows through the kernel that serves.
type rowsModel struct {
	m *rows.Model
	s *rows.Scratch
}

func rowsTrainer() Trainer {
	d := rows.DefaultParams()
	return Trainer{
		Name:    "rows",
		Summary: "decayed session vector times sparse item-item rows",
		Params: []Param{
			{Name: "a", Summary: "share of \"in one session\" against \"followed by\", 0..1", Default: d.A, Tune: []float64{.2, .4, .6, .8, 1}},
			{Name: "lambda", Summary: "shrinks the rows of rare items", Default: d.Lambda, Tune: []float64{1, 3, 10, 30, 100}},
			{Name: "tw", Summary: "positions over which \"followed by\" fades", Default: d.TW, Tune: []float64{.5, 1, 2, 4}},
			{Name: "sw_days", Summary: "days over which a session fades in training", Default: d.SWDays, Tune: []float64{2, 4, 8, 16, 32, 64, 128, 256, 512}},
			{Name: "delta", Summary: "steps over which older items fade in scoring", Default: d.Delta, Tune: []float64{.5, 1, 2, 4}},
			{Name: "top", Summary: "entries kept per row", Default: float64(d.Top), Whole: true},
			{Name: "last", Summary: "newest items that score", Default: float64(d.Last), Whole: true},
		},
		Train: trainRows,
		Open:  openRows,
		File:  "NBROWS",
	}
}

func openRows(path string, _ Exclude) (Model, error) {
	m, err := rows.Open(path) // mapped for as long as the program runs
	if err != nil {
		return nil, err
	}
	return &rowsModel{m: m, s: rows.NewScratch()}, nil
}

func trainRows(ctx context.Context, t *Train) (Model, error) {
	p := t.Params
	b := rows.NewBuilder(rows.Params{
		A: p["a"], Lambda: p["lambda"], TW: p["tw"], SWDays: p["sw_days"], Delta: p["delta"],
		Top: int(p["top"]), Last: int(p["last"]),
	})
	for items, end := range t.Sessions.All() {
		b.Add(items, end)
	}
	m, err := b.Build(ctx, &rows.BuildOptions{
		TrainedAt: t.Now,
		Workers:   runtime.GOMAXPROCS(0),
		Progress:  func(n, of int) { t.Progress("train", int64(n), int64(of)) },
	})
	if err != nil {
		return nil, err
	}
	return &rowsModel{m: m, s: rows.NewScratch()}, nil
}

func (r *rowsModel) Items() Items { return r.m }
func (r *rowsModel) Bytes() int64 { return r.m.Size() }
func (r *rowsModel) Params() any  { return r.m.Params() }

func (r *rowsModel) Recommend(steps []uint32, k int, skip func(uint32) bool, dst []rows.Scored) []rows.Scored {
	r.s.Reset()
	r.m.Score(r.s, steps, nil)
	return r.m.Top(r.s, k, skip, dst)
}
