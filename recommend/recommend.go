// Package recommend ranks: it retrieves candidates inside the filter, scores
// them with one visible blend of session and profile, lets the merchandiser's
// rules have their say and explains the result. It knows no HTTP and no
// database; all it reads lies in memory, behind one atomic pointer.
package recommend

import (
	"math"
	"time"

	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
)

// MaxLimit is the longest answer.
const MaxLimit = 100

// DefaultLimit is the length of an answer where the request says none.
const DefaultLimit = 20

// MaxCandidates is how many candidates a request may bring.
const MaxCandidates = 1000

// Placement is a place on the page and how it blends. The zero value of
// HalfLife means 30 minutes.
type Placement struct {
	Name             string
	AMax             float64       // the most that the session weighs against a profile
	Kappa            float64       // evidence at which it weighs half of that
	HalfLife         time.Duration // of a step as evidence
	ExcludeSeen      bool          // items of the session are not recommended
	ExcludeCurrent   bool          // nor is the one looked at
	ExcludePurchased int           // nor what was bought: -1 never mind, 0 ever, n within n days
	ExcludeCart      bool          // nor what lies in the cart
	Variety          Variety       // what keeps its lists apart; off unless set
}

// The blend's defaults, measured on Online Retail (ADR in docs/adr).
const (
	defaultAMax     = .75
	defaultKappa    = .33
	defaultHalfLife = 30 * time.Minute
)

var placementNames = [...]string{"home", "item", "cart", "search", "email"}

// PlacementNames are the placements that exist from the start, in order.
func PlacementNames() []string { return append([]string(nil), placementNames[:]...) }

// PlacementNamed is the placement with this name.
func PlacementNamed(name string) (Placement, bool) {
	for _, known := range placementNames {
		if known == name {
			return Placement{
				Name: known, AMax: defaultAMax, Kappa: defaultKappa, HalfLife: defaultHalfLife,
				ExcludeCurrent: true, ExcludePurchased: -1, ExcludeCart: known == "cart",
			}, true
		}
	}
	return Placement{}, false
}

// Placements are the placements that exist from the start, by name.
func Placements() map[string]Placement {
	all := make(map[string]Placement, len(placementNames))
	for _, name := range placementNames {
		all[name], _ = PlacementNamed(name)
	}
	return all
}

// Request is one question for the next best items.
type Request struct {
	Placement   Placement
	Limit       int // 1-100; 0 means 20
	Now         time.Time
	Session     *session.View    // nil: nobody is named
	Profile     *profile.Profile // nil: none is known
	ContextItem string           // the page's item: acts as the newest step
	Category    string           // the page's category
	Query       string           // the page's search
	Cart        []string
	Filter      *catalog.Compiled // nil: everything passes
	Exclude     []string          // items or groups
	Candidates  []string          // rank only these; nil ranks everything

	ExcludeSeen      bool
	ExcludeCurrent   bool
	ExcludePurchased int // -1 never mind, 0 ever bought, n bought within n days

	BlendA  float64 // weight of the session; NaN is the rule's
	Explain bool
	WhyNot  []string // items whose absence is to be explained

	Capture *Decision // filled with how the answer was decided; nil: it is not kept
}

// limit is the number of items wanted.
func (r *Request) limit() int {
	if r.Limit == 0 {
		return DefaultLimit
	}
	return r.Limit
}

// named reports whether the request says whose it is.
func (r *Request) named() bool { return r.Session != nil || r.Profile != nil }

// hasProfile reports whether the profile says anything about items.
func (r *Request) hasProfile() bool {
	p := r.Profile
	return p != nil && len(p.Affinities)+len(p.List)+len(p.Attributes)+len(p.Vector) > 0
}

// blend is how session and profile are mixed.
type blend struct {
	session, profile float64 // what scores are made of
	shown            Blend   // what the answer says
}

// blendOf is the rule of the blend: a = a_max·n/(n+κ) over n steps' worth of
// evidence. Without a profile the session is all there is, without evidence
// the profile; without either, and for nobody, there is no blend to speak of.
func blendOf(req *Request, evidence float64) blend {
	if !req.named() {
		return blend{session: 1}
	}
	if a := req.BlendA; !math.IsNaN(a) {
		a = math.Min(1, math.Max(0, a))
		return blend{session: a, profile: 1 - a, shown: Blend{Session: a, Profile: 1 - a}}
	}
	if !req.hasProfile() {
		b := blend{session: 1}
		if evidence > 0 {
			b.shown.Session = 1
		}
		return b
	}
	a := req.Placement.SessionShare(evidence)
	return blend{session: a, profile: 1 - a, shown: Blend{Session: a, Profile: 1 - a}}
}
