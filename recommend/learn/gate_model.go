package learn

import (
	"slices"

	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/rows"
)

// Numbered is a model whose items have numbers in the order of their ids.
type Numbered interface {
	Index(id string) (item uint32, ok bool)
	ID(item uint32) string
	Latest() float64        // the newest training session's end, days since the epoch
	Popular(k int) []uint32 // its k most clicked items
}

// ListModel makes a model something a Gate compares. rank overwrites dst with
// up to k items, best first, for steps that are newest first and hold
// rows.Unknown for items that the model lacks; it need not name an item that
// skip names. As in an answer, what is missing is filled with popular items.
func ListModel(m Numbered, rank func(steps []uint32, exclude Exclude, skip func(item uint32) bool, k int, dst []uint32) []uint32) Live {
	return &modelLister{Numbered: m, rank: rank, popular: m.Popular(popularRoom)}
}

// ListRows is ListModel of rows.
func ListRows(m *rows.Model) Live {
	sums, top := rows.NewScratch(), []rows.Scored(nil)
	return ListModel(m, func(steps []uint32, _ Exclude, skip func(uint32) bool, k int, dst []uint32) []uint32 {
		sums.Reset()
		m.Score(sums, steps, nil)
		top = m.Top(sums, k, skip, top)
		return appendItems(dst[:0], top)
	})
}

// ListBest is ListModel of the model best, with the ranker of each policy.
func ListBest(m *best.Model) Live {
	scratch, top := best.NewScratch(), []best.Scored(nil)
	return ListModel(m, func(steps []uint32, exclude Exclude, _ func(uint32) bool, k int, dst []uint32) []uint32 {
		policy := best.Current
		switch exclude {
		case ExcludeNone:
			policy = best.None
		case ExcludeSeen:
			policy = best.Seen
		}
		top = m.Rank(scratch, steps, nil, policy, nil, k, top)
		return appendItems(dst[:0], top)
	})
}

func appendItems(dst []uint32, list []rows.Scored) []uint32 {
	for _, x := range list {
		dst = append(dst, x.Item)
	}
	return dst
}

type modelLister struct {
	Numbered
	rank    func([]uint32, Exclude, func(uint32) bool, int, []uint32) []uint32
	popular []uint32
	steps   []uint32
	list    []uint32
}

func (l *modelLister) Knows(item string) bool {
	_, ok := l.Index(item)
	return ok
}

func (l *modelLister) List(session []string, exclude Exclude, k int, dst []string) []string {
	l.steps = l.steps[:0]
	for _, id := range session {
		item, ok := l.Index(id)
		if !ok {
			item = rows.Unknown
		}
		l.steps = append(l.steps, item)
	}
	skip := func(item uint32) bool {
		switch exclude {
		case ExcludeNone:
			return false
		case ExcludeSeen:
			return slices.Contains(l.steps, item)
		}
		return len(l.steps) > 0 && l.steps[0] == item
	}
	l.list = l.rank(l.steps, exclude, skip, k, l.list)
	for n := 0; n < len(l.popular) && len(l.list) < k; n++ {
		if item := l.popular[n]; !skip(item) && !slices.Contains(l.list, item) {
			l.list = append(l.list, item)
		}
	}
	dst = dst[:0]
	for _, item := range l.list {
		dst = append(dst, l.ID(item))
	}
	return dst
}
