package evaluate

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/nextbest/nextbest/recommend/corpus"
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
		Train: func(ctx context.Context, t *Train) (Model, error) {
			c, err := t.corpus(ctx)
			if err != nil {
				return nil, err
			}
			return newPop(newVocabulary(c)), c.Close()
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

// corpus is the training sessions as most models want them. The caller closes
// it.
func (t *Train) corpus(ctx context.Context) (*corpus.Corpus, error) {
	b := corpus.NewBuilder(corpus.Options{})
	for items, end := range t.Sessions.All() {
		b.Add(items, end)
	}
	return b.Build(ctx)
}

// vocabulary is the items of training sessions, numbered by their ids' order.
// It outlives the corpus.
type vocabulary struct {
	ids    []string
	counts []float64
}

func newVocabulary(c *corpus.Corpus) *vocabulary {
	v := &vocabulary{ids: make([]string, c.Len()), counts: make([]float64, c.Len())}
	for i := range v.ids {
		v.ids[i] = strings.Clone(c.ID(uint32(i)))
		v.counts[i] = float64(c.Count(uint32(i)))
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
