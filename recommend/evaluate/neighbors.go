package evaluate

import (
	"context"

	"github.com/nextbest/nextbest/recommend/neighbors"
	"github.com/nextbest/nextbest/recommend/rows"
)

// neighbourModel measures the session neighbours.
type neighbourModel struct {
	*vocabulary
	m      *neighbors.Model
	s      *neighbors.Scratch
	params Params
}

// neighbourTrainers are the models of package neighbors.
func neighbourTrainers() []Trainer {
	return []Trainer{sknnTrainer(), vsknnTrainer(), stanTrainer(), vstanTrainer(), vmisTrainer()}
}

func sizeParams(m, k int) []Param {
	return []Param{
		{Name: "m", Summary: "newest sessions with an item in common that are looked at", Default: float64(m), Whole: true, Tune: []float64{500, 1000, 2500, 5000}},
		{Name: "k", Summary: "most similar of them that score", Default: float64(k), Whole: true, Tune: []float64{50, 100, 200, 500, 1000, 1500}},
	}
}

func sknnTrainer() Trainer {
	d := neighbors.DefaultSKNN()
	return Trainer{
		Name:    "sknn",
		Summary: "session neighbours by the cosine of their items",
		Params:  sizeParams(d.M, d.K),
		Train: neighbourTrain(func(p Params) neighbors.Method {
			return neighbors.SKNN{M: int(p["m"]), K: int(p["k"])}
		}),
	}
}

func vsknnTrainer() Trainer {
	d := neighbors.DefaultVSKNN()
	return Trainer{
		Name:    "vsknn",
		Summary: "session neighbours by their items, newer ones counting more",
		Params: append(sizeParams(d.M, d.K),
			Param{Name: "weight", Summary: "an item's place/length to this power; 0 is 1/log10 of its step", Default: d.Weight, Tune: []float64{0, 1, 2, 4}},
			Param{Name: "decay", Summary: "a match counts 1/step to this power", Default: d.Decay, Tune: []float64{0, 1, 2}},
			Param{Name: "idf", Summary: "weight of an item's rarity", Default: d.IDF, Tune: []float64{0, 1, 2, 5, 10}},
		),
		Train: neighbourTrain(func(p Params) neighbors.Method {
			return neighbors.VSKNN{M: int(p["m"]), K: int(p["k"]), Weight: p["weight"], Decay: p["decay"], IDF: p["idf"]}
		}),
	}
}

func stanParams(d neighbors.STAN) []Param {
	return append(sizeParams(d.M, d.K),
		Param{Name: "l1", Summary: "steps over which an item fades in the similarity", Default: d.L1, Tune: []float64{.5, 1.225, 2.45, 4.9, 9.8}},
		Param{Name: "l2", Summary: "days over which a past session fades", Default: d.L2, Tune: []float64{10, 20, 40, 80, 160, 1000}},
		Param{Name: "l3", Summary: "places over which a past session's items fade around the common one", Default: d.L3, Tune: []float64{1.225, 2.45, 4.9, 9.8}},
	)
}

func stanTrainer() Trainer {
	d := neighbors.DefaultSTAN()
	return Trainer{
		Name:    "stan",
		Summary: "session neighbours by sequence and time",
		Params:  stanParams(d),
		Train: neighbourTrain(func(p Params) neighbors.Method {
			return neighbors.STAN{M: int(p["m"]), K: int(p["k"]), L1: p["l1"], L2: p["l2"], L3: p["l3"]}
		}),
	}
}

func vstanTrainer() Trainer {
	d := neighbors.DefaultVSTAN()
	return Trainer{
		Name:    "vstan",
		Summary: "stan with the place of the match and the items' rarity",
		Params: append(stanParams(d),
			Param{Name: "l4", Summary: "steps over which the newest common item fades; 0 leaves it out", Default: d.L4, Tune: []float64{.6, 1.225, 2.45, 4.9}},
			Param{Name: "idf", Summary: "weight of an item's rarity", Default: d.IDF, Tune: []float64{0, 1, 2, 5, 10}},
		),
		Train: neighbourTrain(func(p Params) neighbors.Method {
			return neighbors.STAN{
				M: int(p["m"]), K: int(p["k"]), L1: p["l1"], L2: p["l2"], L3: p["l3"], L4: p["l4"], IDF: p["idf"],
			}
		}),
	}
}

func vmisTrainer() Trainer {
	d := neighbors.DefaultVMIS()
	return Trainer{
		Name:    "vmis",
		Summary: "session neighbours as Serenade finds them (VMIS-kNN)",
		Params: append(sizeParams(d.M, d.K),
			Param{Name: "last", Summary: "newest items that find sessions, 1..9", Default: float64(d.Last), Whole: true, Tune: []float64{2, 3, 4, 6, 9}},
			Param{Name: "idf", Summary: "more than 0 lets an item's rarity count", Default: d.IDF, Tune: []float64{0, 1}},
		),
		Train: neighbourTrain(func(p Params) neighbors.Method {
			return neighbors.VMIS{M: int(p["m"]), K: int(p["k"]), Last: int(p["last"]), IDF: p["idf"]}
		}),
	}
}

// neighbourTrain is the Train of a method made of parameters.
func neighbourTrain(method func(p Params) neighbors.Method) func(context.Context, *Train) (Model, error) {
	return func(ctx context.Context, t *Train) (Model, error) {
		way := method(t.Params)
		if err := way.Validate(); err != nil {
			return nil, err
		}
		c, err := t.corpus(ctx)
		if err != nil {
			return nil, err
		}
		x, err := neighbors.NewIndex(ctx, c, way.Needs())
		if err != nil {
			return nil, err
		}
		m, err := neighbors.New(x, way)
		if err != nil {
			return nil, err
		}
		v := newVocabulary(c)
		return &neighbourModel{vocabulary: v, m: m, s: neighbors.NewScratch(), params: t.Params}, c.Close()
	}
}

func (n *neighbourModel) Items() Items { return n.vocabulary }
func (n *neighbourModel) Bytes() int64 { return n.m.Bytes() }
func (n *neighbourModel) Params() any  { return n.params }

func (n *neighbourModel) Recommend(steps []uint32, k int, skip func(uint32) bool, dst []rows.Scored) []rows.Scored {
	return n.m.Recommend(n.s, steps, nil, k, skip, dst)
}
