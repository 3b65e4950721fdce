package best

import "math"

// The traits of an item lie together, so that a candidate costs one cache line.
const (
	traitPopularity = iota // ln(1+clicks)
	traitTrend             // ln((r+1)/(clicks·R/A+1)): recent clicks against the usual
	traitReturns           // rate at which people come back to it within a session
	traitSteps             // ln(1+steps), steps being clicks that were not a session's last
	traitWords
)

// returnPrior is how many steps of average items an item's rate of returns
// starts with.
const returnPrior = 10

// describe turns the items' sums into traits.
//
// Popularity, trend, steps and the ages in the rows drift while a log grows.
// They are frozen at the newest session of the training and stay so until the
// next: the ranker learns from rows that end where its lists begin, and serves
// with rows that end at the training, so in both it sees them as of the newest
// session, minutes to days before the decision.
func (m *Model) describe(items []itemSums) {
	var clicks, recent, steps, returns float64
	for n := range items {
		clicks += float64(items[n].clicks)
		recent += float64(items[n].recent)
		steps += float64(items[n].steps)
		returns += float64(items[n].returns)
	}
	share, usual := recent/max(1, clicks), returns/max(1, steps)
	m.counts = make([]uint32, len(items))
	m.traits = make([]float32, traitWords*len(items))
	for n := range items {
		x, t := &items[n], m.traits[traitWords*n:]
		m.counts[n] = x.clicks
		t[traitPopularity] = float32(math.Log1p(float64(x.clicks)))
		t[traitTrend] = float32(math.Log((float64(x.recent) + 1) / (float64(x.clicks)*share + 1)))
		t[traitReturns] = float32((float64(x.returns) + returnPrior*usual) / (float64(x.steps) + returnPrior))
		t[traitSteps] = float32(math.Log1p(float64(x.steps)))
	}
}

// traitsOf are the traits of an item.
func (m *Model) traitsOf(item uint32) *[traitWords]float32 {
	return (*[traitWords]float32)(m.traits[traitWords*int(item):])
}
