package evaluate

import (
	"cmp"
	"math"
	"slices"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/internal/fault"
)

const defaultValidShare = .1

// enough is how many predictions a search is measured on at most: sessions are
// left out evenly over time beyond it. One standard error of a rate is below
// .0036 then, that of a difference between two settings far below.
const enough = 20_000

// validation cuts the newest share of the sessions off: what is older trains,
// what is newer is predicted. Sessions that ended at one time stay in the
// order of the file.
func validation(s *dataset.Sessions, share float64) (older, newer *dataset.Sessions, err error) {
	order := make([]int, s.Len())
	for n := range order {
		order[n] = n
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(s.EndDays(x), s.EndDays(y)) })
	cut := s.Len() - int(math.Ceil(share*float64(s.Len())))
	isNewer := make([]bool, s.Len())
	for _, n := range order[cut:] {
		isNewer[n] = true
	}
	older = part(s, func(n int) bool { return !isNewer[n] })
	newer = part(s, func(n int) bool { return isNewer[n] && len(s.Session(n)) > 1 })
	if older.Len() == 0 || newer.Len() == 0 {
		return nil, nil, fault.Invalidf("no_validation", "the newest %g of the %d training sessions leave nothing to train on or nothing to predict: search without a validation part is not possible; bring more sessions or another share", share, s.Len())
	}
	return older, thinned(newer), nil
}

// part is the sessions that keep says true of.
func part(s *dataset.Sessions, keep func(n int) bool) *dataset.Sessions {
	return dataset.Collect(func(yield func([]string, float64) bool) {
		n := 0
		for items, end := range s.All() {
			if keep(n) && !yield(items, end) {
				return
			}
			n++
		}
	})
}

// thinned leaves out whole sessions, evenly, until there are enough predictions.
func thinned(s *dataset.Sessions) *dataset.Sessions {
	predictions := s.Clicks() - s.Len()
	if predictions <= enough {
		return s
	}
	kept := float64(enough) / float64(predictions)
	return part(s, func(n int) bool { return math.Floor(float64(n+1)*kept) > math.Floor(float64(n)*kept) })
}
