package recommend

import (
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/rows"
)

// Model is a trained model that an Engine answers from: a *best.Model, or a
// *rows.Model, which is served as one that has neither ranker nor embedding.
type Model interface {
	Len() int
	ID(i uint32) string
	Index(id string) (uint32, bool)
	Count(i uint32) float64
	Clicks() uint64
	Version() string
}

// served is the model in the form that requests use.
func (p *parts) served() (*best.Model, *rows.Model) {
	switch m := p.model.(type) {
	case *best.Model:
		return m, nil
	case *rows.Model:
		return nil, m
	}
	return nil, nil
}

// given is m, nil also for a pointer to nothing.
func given(m Model) Model {
	switch x := m.(type) {
	case *best.Model:
		if x == nil {
			return nil
		}
	case *rows.Model:
		if x == nil {
			return nil
		}
	default:
		return nil
	}
	return m
}

// addItemRow adds w times the row of a model item to c.sums.
func (c *scratch) addItemRow(item uint32, w float32) {
	if m := c.st.best; m != nil {
		m.AddRow(&c.sums, item, w)
		return
	}
	c.one[0], c.oneStep[0] = w, item
	c.st.rows.Score(&c.sums, c.oneStep[:], c.one[:])
}

// rankRows fills the outlook from rows alone.
func (c *scratch) rankRows(k int) {
	c.sums.Reset()
	c.st.rows.Score(&c.sums, c.steps, c.weights)
	c.outlook.list = c.sums.Top(min(k, c.sums.Len()), c.outlook.skip, c.outlook.list)
}

// rowOf is the row of a model item, strongest entry first; it is valid until
// the next call.
func (c *scratch) rowOf(item uint32) []best.Scored {
	c.row = c.row[:0]
	if m := c.st.best; m != nil {
		c.row = m.AppendRow(c.row, item)
		return c.row
	}
	row := c.st.rows.RowAt(item)
	for n := range row.Len() {
		to, weight := row.At(n)
		c.row = append(c.row, best.Scored{Item: to, Score: weight})
	}
	return c.row
}
