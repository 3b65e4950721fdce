package evaluate

import (
	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/recommend/rows"
)

// relating is a model with rows: what goes with a liked item is liked too, as
// in serving. Of other models a profile's own items count alone.
type relating interface {
	// related overwrites dst with an item's row.
	related(item uint32, dst []rows.Scored) []rows.Scored
}

// related is the row itself: the list of a session of that one item.
func (r *rowsModel) related(item uint32, dst []rows.Scored) []rows.Scored {
	return r.Recommend([]uint32{item}, rows.MaxTop, nil, dst)
}

// related is the row of B0: what goes with the item.
func (b *bestModel) related(item uint32, dst []rows.Scored) []rows.Scored {
	return b.m.AppendRow(dst[:0], item)
}

// share is S as the engine makes it of a score of this model.
func (b *bestModel) share(score, largest float64) float64 {
	switch {
	case b.m.Ranked(b.policy):
		return recommend.FromLogit(score, largest)
	case b.m.Embedded():
		return recommend.FromPre(score, largest)
	}
	return score
}

// taste adds up what a profile says of each item of the model.
type taste struct {
	model   Model
	row     []rows.Scored
	place   []uint32  // by item: 1 + its place in what is returned, 0 for none
	related []float32 // by that place
}

func newTaste(m Model) *taste { return &taste{model: m, place: make([]uint32, m.Items().Len())} }

// of appends what a profile says to dst; no profile says nothing.
func (t *taste) of(p *profile.Profile, dst []candidate) []candidate {
	if p == nil {
		return dst
	}
	t.related = t.related[:0]
	from := len(dst)
	touch := func(item uint32) uint32 {
		if t.place[item] == 0 {
			dst = append(dst, candidate{item: item})
			t.related = append(t.related, 0)
			t.place[item] = uint32(len(dst) - from)
		}
		return t.place[item] - 1
	}
	withRows, _ := t.model.(relating)
	recommend.EachLiking(p, func(id string, liking float64, related bool) {
		item, ok := t.model.Items().Index(id)
		if !ok {
			return
		}
		at := int(touch(item)) // may move dst
		dst[from+at].l += liking
		if withRows == nil || !related {
			return
		}
		t.row = withRows.related(item, t.row)
		for _, c := range t.row {
			t.related[touch(c.Item)] += float32(liking) * c.Score
		}
	})
	for n := range dst[from:] {
		c := &dst[from+n]
		c.l += recommend.RelatedWeight * float64(t.related[n])
		t.place[c.item] = 0
	}
	return dst
}
