package neighbors

import (
	"math"

	"github.com/nextbest/nextbest/internal/fault"
)

// Method is one way to compare sessions and to score what they hold: VMIS,
// SKNN, VSKNN or STAN. The newest step of a session is step 1.
type Method interface {
	// Needs are the options of an index that the method can work on.
	Needs() Options
	// Validate says which parameter is outside its range: a fault of kind
	// Invalid with every faulty one as a field.
	Validate() error

	scheme(x *Index) scheme
}

// Bounds of the parameters: they keep a request small.
const (
	MaxSessions = 100_000 // M and K
	MaxVMISLast = 9       // beyond, the weight of a match would turn negative
)

// scheme is a method as the kernel takes it. A nil function or table counts 1.
type scheme struct {
	m, k, last int
	weight     func(b, n int) float64        // of step b+1 of n for the similarity
	norm       func(n, distinct int) float64 // factor of all similarities, applied when they have been compared
	match      func(b int) float64           // factor of a neighbour whose newest common item is that of step b+1
	session    []float64                     // factor of each session's similarity
	relative   bool                          // similarities count relative to the highest: those of old sessions would vanish
	item       []float32                     // factor of each item's score
	near       []float32                     // factor by the distance from the newest common item
}

// VMIS is the method of Kersbergen, Sprangers and Schelter, "Serenade:
// Low-Latency Session-Based Recommendation in e-Commerce at Scale", SIGMOD
// 2022, of the session's Last newest steps: similarity Σ (n-step+1)/distinct over the common
// items, score Σ similarity · (1 - step of the newest common item/10) · ln(pairs/pairs
// of the item), pairs being (session, item) of training. Sessions longer than
// the 99.5 % quantile are left out.
type VMIS struct {
	M    int     // newest sessions looked at, 1..MaxSessions
	K    int     // most similar of them that score, 1..MaxSessions
	Last int     // newest steps that count, 1..9
	IDF  float64 // weight of the rarity, >= 0; 0 leaves it out
}

// DefaultVMIS are the parameters that hold for most shops.
func DefaultVMIS() VMIS { return VMIS{M: 500, K: 100, Last: 4, IDF: 1} }

// Needs is Method.Needs.
func (v VMIS) Needs() Options { return Options{Recent: v.M, Quantile: .995} }

// Validate is Method.Validate.
func (v VMIS) Validate() error {
	c := checkSizes(v.M, v.K)
	c.that(v.Last >= 1 && v.Last <= MaxVMISLast, "last", "a whole number between 1 and 9")
	c.that(v.IDF >= 0 && finite(v.IDF), "idf", "0 or more")
	return c.err()
}

func (v VMIS) scheme(x *Index) scheme {
	s := scheme{
		m: v.M, k: v.K, last: v.Last,
		weight: func(b, n int) float64 { return float64(n - b) },
		norm:   func(_, distinct int) float64 { return 1 / float64(distinct) },
		match:  func(b int) float64 { return 1 - .1*float64(b+1) },
	}
	if v.IDF > 0 {
		s.item = scaled(x.rarity(), 0, v.IDF)
	}
	return s
}

// SKNN is the session neighbourhood of Jannach and Ludewig, "When Recurrent
// Neural Networks meet the Neighborhood for Session-Based Recommendation",
// RecSys 2017: the cosine of the item sets, score Σ similarity.
type SKNN struct {
	M int // newest sessions looked at, 1..MaxSessions
	K int // most similar of them that score, 1..MaxSessions
}

// DefaultSKNN are the parameters that hold for most shops.
func DefaultSKNN() SKNN { return SKNN{M: 5000, K: 500} }

// Needs is Method.Needs.
func (v SKNN) Needs() Options { return Options{Recent: v.M} }

// Validate is Method.Validate.
func (v SKNN) Validate() error { return checkSizes(v.M, v.K).err() }

func (v SKNN) scheme(x *Index) scheme {
	return scheme{
		m: v.M, k: v.K,
		norm:    func(_, distinct int) float64 { return 1 / math.Sqrt(float64(distinct)) },
		session: x.shortness(),
	}
}

// VSKNN is SKNN with newer items counting more, of Ludewig and Jannach,
// "Evaluation of Session-based Recommendation Algorithms", UMUAI 2018:
// similarity Σ w/distinct over the common items, w = (place/n)^Weight or
// 1/log10(n-place+1.7); score Σ similarity · step^-Decay of the newest common
// item · (1 + IDF·rarity).
type VSKNN struct {
	M      int     // newest sessions looked at, 1..MaxSessions
	K      int     // most similar of them that score, 1..MaxSessions
	Weight float64 // exponent of place/n, 0..100: 1 linear, 2 quadratic; 0 takes the logarithm
	Decay  float64 // exponent of the step, 0..100: 0 none, 1 division, 2 quadratic
	IDF    float64 // weight of the rarity, >= 0
}

// DefaultVSKNN are the parameters that hold for most shops.
func DefaultVSKNN() VSKNN { return VSKNN{M: 5000, K: 500, Weight: 2, Decay: 1, IDF: 5} }

// Needs is Method.Needs.
func (v VSKNN) Needs() Options { return Options{Recent: v.M} }

// Validate is Method.Validate.
func (v VSKNN) Validate() error {
	c := checkSizes(v.M, v.K)
	c.that(v.Weight >= 0 && v.Weight <= 100, "weight", "between 0 and 100")
	c.that(v.Decay >= 0 && v.Decay <= 100, "decay", "between 0 and 100")
	c.that(v.IDF >= 0 && finite(v.IDF), "idf", "0 or more")
	return c.err()
}

func (v VSKNN) scheme(x *Index) scheme {
	s := scheme{
		m: v.M, k: v.K,
		weight: func(b, n int) float64 { return math.Pow(float64(n-b), v.Weight) },
		norm:   func(n, distinct int) float64 { return math.Pow(float64(n), -v.Weight) / float64(distinct) },
		match:  func(b int) float64 { return math.Pow(float64(b+1), -v.Decay) },
	}
	if v.Weight == 0 {
		s.weight = func(b, _ int) float64 { return 1 / math.Log10(float64(b)+1.7) }
	}
	if v.IDF > 0 {
		s.item = scaled(x.rarity(), 1, v.IDF)
	}
	return s
}

// STAN is the neighbourhood of Garg et al., "Sequence and Time Aware
// Neighborhood for Session-based Recommendations", SIGIR 2019: w = exp(-(step-1)/L1),
// similarity Σ w/√(Σ w² · distinct items of the neighbour) · exp(-age/L2),
// score Σ similarity · exp(-distance/L3), the distance being that between the
// places of the item and of the newest common item in the neighbour. With L4
// or IDF it is VSTAN of Ludewig, Mauro, Latifi and Jannach, "Empirical
// Analysis of Session-Based Recommendation Algorithms", UMUAI 2021: the score
// is multiplied by exp(-(step of the newest common item - 1)/L4) and by
// 1 + IDF·rarity.
//
// The age is taken from the newest training session on, and similarities count
// relative to the highest of a request, which √(Σ w²) has no part in: either
// multiplies all scores by one number.
type STAN struct {
	M   int     // newest sessions looked at, 1..MaxSessions
	K   int     // most similar of them that score, 1..MaxSessions
	L1  float64 // steps over which an item fades, > 0
	L2  float64 // days over which a session fades, > 0
	L3  float64 // places over which a neighbour's item fades, > 0
	L4  float64 // steps over which the newest common item fades; 0 leaves it out
	IDF float64 // weight of the rarity, >= 0
}

// DefaultSTAN are the parameters of plain STAN that hold for most shops.
func DefaultSTAN() STAN { return STAN{M: 5000, K: 500, L1: 1.225, L2: 80, L3: 4.9} }

// DefaultVSTAN are the parameters of VSTAN that hold for most shops.
func DefaultVSTAN() STAN { return STAN{M: 5000, K: 1500, L1: 4.9, L2: 40, L3: 4.9, L4: 1.225, IDF: 10} }

// Needs is Method.Needs.
func (v STAN) Needs() Options { return Options{Recent: v.M} }

// Validate is Method.Validate.
func (v STAN) Validate() error {
	c := checkSizes(v.M, v.K)
	c.that(v.L1 > 0, "l1", "more than 0")
	c.that(v.L2 > 0, "l2", "more than 0")
	c.that(v.L3 > 0, "l3", "more than 0")
	c.that(v.L4 >= 0, "l4", "0 or more")
	c.that(v.IDF >= 0 && finite(v.IDF), "idf", "0 or more")
	return c.err()
}

func (v STAN) scheme(x *Index) scheme {
	s := scheme{
		m: v.M, k: v.K,
		weight:  func(b, _ int) float64 { return math.Exp(-float64(b) / v.L1) },
		session: x.shortness(), relative: true,
		near: make([]float32, x.longest()),
	}
	for n, age := range x.ages {
		s.session[n] *= math.Exp(-float64(age) / v.L2)
	}
	for d := range s.near {
		s.near[d] = float32(math.Exp(-float64(d) / v.L3))
	}
	if v.L4 > 0 {
		s.match = func(b int) float64 { return math.Exp(-float64(b) / v.L4) }
	}
	if v.IDF > 0 {
		s.item = scaled(x.rarity(), 1, v.IDF)
	}
	return s
}

// checks collects the faulty parameters.
type checks struct{ problem *fault.Error }

func checkSizes(m, k int) *checks {
	c := &checks{problem: fault.Invalidf("invalid_param", "the model's parameters are outside their range")}
	c.that(m >= 1 && m <= MaxSessions, "m", "a whole number between 1 and 100000")
	c.that(k >= 1 && k <= MaxSessions, "k", "a whole number between 1 and 100000")
	return c
}

func (c *checks) that(ok bool, name, want string) {
	if !ok {
		c.problem.At("/"+name, want)
		c.problem.Detail += "; " + name + " must be " + want
	}
}

func (c *checks) err() error {
	if len(c.problem.Fields) > 0 {
		return c.problem
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// scaled makes each value base + factor·value.
func scaled(values []float32, base, factor float64) []float32 {
	for n, v := range values {
		values[n] = float32(base + factor*float64(v))
	}
	return values
}
