package evaluate

import (
	"cmp"
	"context"
	"slices"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/recommend/rows"
)

// popModel names the items with the most clicks in training, always the same:
// what any model must beat.
type popModel struct {
	items *vocabulary
	order []uint32 // most clicks first
}

func popTrainer() Trainer {
	return Trainer{
		Name:    "pop",
		Summary: "the items with the most clicks, for everybody",
		Train: func(_ context.Context, t *Train) (Model, error) {
			return newPop(newVocabulary(t.Sessions)), nil
		},
	}
}

func newPop(v *vocabulary) *popModel {
	order := make([]uint32, v.Len())
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortStableFunc(order, func(x, y uint32) int { return cmp.Compare(v.counts[y], v.counts[x]) })
	return &popModel{items: v, order: order}
}

func (p *popModel) Items() Items { return p.items }
func (p *popModel) Bytes() int64 { return int64(4 * len(p.order)) }
func (p *popModel) Params() any  { return struct{}{} }

func (p *popModel) Recommend(_ []uint32, k int, skip func(uint32) bool, dst []rows.Scored) []rows.Scored {
	dst = dst[:0]
	for _, i := range p.order {
		if len(dst) == k {
			break
		}
		if skip == nil || !skip(i) {
			dst = append(dst, rows.Scored{Item: i, Score: float32(p.items.counts[i])})
		}
	}
	return dst
}

// vocabulary is the items of training sessions, numbered by their ids' order.
type vocabulary struct {
	ids    []string
	counts []float64
}

func newVocabulary(s *dataset.Sessions) *vocabulary {
	clicks := make([]float64, s.Items())
	for n := range s.Len() {
		for _, i := range s.Session(n) {
			clicks[i]++
		}
	}
	order := make([]uint32, s.Items())
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(x, y uint32) int { return cmp.Compare(s.ID(x), s.ID(y)) })
	v := &vocabulary{}
	for _, i := range order {
		v.ids = append(v.ids, s.ID(i))
		v.counts = append(v.counts, clicks[i])
	}
	return v
}

func (v *vocabulary) Len() int               { return len(v.ids) }
func (v *vocabulary) ID(i uint32) string     { return v.ids[i] }
func (v *vocabulary) Count(i uint32) float64 { return v.counts[i] }

func (v *vocabulary) Index(id string) (uint32, bool) {
	i, ok := slices.BinarySearch(v.ids, id)
	if !ok {
		return rows.Unknown, false
	}
	return uint32(i), true
}
