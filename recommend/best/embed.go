package best

import (
	"context"
	"slices"

	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/embedding"
)

// embed sets the candidates' logits; without an embedding they stay 0.
func (m *Model) embed(s *Scratch, steps []uint32, weights []float32) {
	q := m.vectors
	if s.similar = false; q == nil {
		return
	}
	if s.direction == nil || s.dim != q.Dim {
		s.direction, s.newest, s.dim = q.NewDirection(), q.NewDirection(), q.Dim
	}
	q.Session(s.direction, steps, weights)
	s.similar = (len(weights) == 0 || weights[0] > 0) && q.Session(s.newest, steps[:min(len(steps), 1)], nil)
	for n := range s.cands {
		c := &s.cands[n]
		c.logit = q.Logit(s.direction, c.item)
	}
}

// likeness is that of an item's vector to the newest item's, 0 where one of
// them has none.
func (m *Model) likeness(s *Scratch, item uint32) float32 {
	if !s.similar || !m.vectors.Has(item) {
		return 0
	}
	return m.vectors.Logit(s.newest, item) - m.vectors.Bias(item)
}

// trainVectors learns the embedding of c and the neighbours that rows bring in:
// for item a the items j of the highest Ê_a·Ê_j/tau + bias_j that its row lacks.
// With an embedding of the older sessions it goes on from there, which is as
// good as a new beginning and a fifth of the work.
func (m *Model) trainVectors(ctx context.Context, c *corpus.Corpus, older *embedding.Model, o *Options) (*embedding.Model, error) {
	p := embedding.DefaultParams()
	p.Dim, p.Epochs = m.params.Dim, m.params.Epochs
	how := embedding.Options{Seed: o.Seed, Workers: o.Workers, Progress: o.stage("embedding")}
	var e *embedding.Model
	var err error
	if older == nil {
		e, err = embedding.Train(ctx, c, p, how)
	} else {
		e, err = embedding.Continue(ctx, older, c, p.Further(c), how)
	}
	if err != nil {
		return nil, err
	}
	m.vectors = e.Quantise()
	if m.params.Neighbours == 0 {
		return e, nil
	}
	m.near, err = e.Neighbours(ctx, m.params.Neighbours, embedding.NeighbourOptions{
		Seed: o.Seed, Workers: o.Workers, Progress: o.stage("neighbours"),
		Skip: func(a, j uint32) bool { return m.inRow(a, j) },
	})
	return e, err
}

// inRow reports whether a's row has an entry of j.
func (m *Model) inRow(a, j uint32) bool {
	for row := m.row(a); len(row) >= entryWords; row = row[entryWords:] {
		if row[0] == j {
			return true
		}
	}
	return false
}

// nearOf are the neighbours of an item.
func (m *Model) nearOf(item uint32) []uint32 {
	k := m.params.Neighbours
	if len(m.near) == 0 || k == 0 {
		return nil
	}
	list := m.near[k*int(item) : k*int(item)+k]
	if n := slices.Index(list, Unknown); n >= 0 {
		return list[:n]
	}
	return list
}
