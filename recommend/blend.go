package recommend

import (
	"math"

	"github.com/nextbest/nextbest/recommend/profile"
)

// SessionShare is a of the blend, what the session weighs against a profile:
// a_max·n/(n+κ) over n ≥ 0 steps' worth of evidence (session.View.Evidence).
// Without evidence it is 0: the profile answers alone.
func (p *Placement) SessionShare(evidence float64) float64 {
	if !(evidence > 0) {
		return 0
	}
	return p.AMax * evidence / (evidence + p.Kappa)
}

// Peaks are the largest sums of the two sides of the blend over the candidates
// that may be shown. The zero value is that of no candidates.
type Peaks struct{ Session, Profile float64 }

// See takes in what the two sides say of one candidate; sums below 0 say
// nothing.
func (p *Peaks) See(session, profile float64) {
	if session > p.Session {
		p.Session = session
	}
	if profile > p.Profile {
		p.Profile = profile
	}
}

// S is a session's sum as S of the blend, 0..1: the best candidate has 1.
func (p *Peaks) S(sum float64) float64 { return share(sum, p.Session) }

// L is a profile's sum as L of the blend, 0..1.
func (p *Peaks) L(sum float64) float64 { return share(sum, p.Profile) }

// share leaves alone what is not above 0, as nothing was said then.
func share(sum, peak float64) float64 {
	if sum > 0 {
		return sum / peak
	}
	return sum
}

// Mix is a candidate's blended score: a·S + (1−a)·L.
func Mix(a, session, profile float64) float64 { return a*session + (1-a)*profile }

// FromLogit is what a signed score counts as a side's sum: e^(score − the
// largest), so that it lies in 0..1 and keeps the order.
func FromLogit(score, largest float64) float64 { return math.Exp(score - largest) }

// RelatedWeight is what an item counts that a liked item's row names, times its
// entry there and the liking, against the liked item itself.
const RelatedWeight = .2

// EachLiking calls fn for the affinities of a profile that count, strongest
// first: an item's liking is the square root of its weight against the
// strongest, 0..1. The root keeps one item that somebody buys all the time from
// silencing all the others beside the session; the order of a profile's own
// items does not depend on it. related says that what goes with the item counts
// too. Root and RelatedWeight were chosen together on validation parts of the
// orders of a gift shop and of a grocer: blended HR/MRR .3900/.1817 and
// .1208/.0387 against .3886/.1798 and .1197/.0381 without the root and with .5.
func EachLiking(p *profile.Profile, fn func(itemID string, liking float64, related bool)) {
	most := 0.0
	for n := range p.Affinities {
		most = max(most, p.Affinities[n].Weight)
	}
	for n := range p.Affinities[:min(len(p.Affinities), maxAffinities)] {
		if a := &p.Affinities[n]; a.Weight > 0 {
			fn(a.ItemID, math.Sqrt(a.Weight/most), n < maxHops)
		}
	}
}
