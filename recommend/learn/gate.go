package learn

import (
	"context"
	"fmt"
	"math"

	"github.com/nextbest/nextbest/recommend/corpus"
)

// Exclude says which items of its session a list may not name.
type Exclude string

// The policies; the empty one is ExcludeCurrent, as the placements have it.
const (
	ExcludeNone    Exclude = "none"    // nothing
	ExcludeCurrent Exclude = "current" // the newest item
	ExcludeSeen    Exclude = "seen"    // all items of the session
)

// Lister is a model as the gate sees it: it names the next items of a session.
type Lister interface {
	// List overwrites dst with the k best next items, best first, without
	// those that exclude names. The session is newest first and may hold items
	// that the model has never seen. Neither it nor its ids may be kept. Only
	// one goroutine calls List at a time.
	List(session []string, exclude Exclude, k int, dst []string) []string
}

// Live is the model that answers now.
type Live interface {
	Lister
	// Knows reports whether the model can name an item at all.
	Knows(item string) bool
	// Latest is the end of the newest session it was trained on, in days since
	// the epoch.
	Latest() float64
}

// Gate decides whether a new model goes live. It holds out the newest sessions,
// trains the candidate on the others, and compares both models on what they
// have not seen. Train is required.
type Gate struct {
	// Train makes the candidate of a corpus, in the way in which the model that
	// goes live is made of all of it. One that was trained elsewhere may be
	// returned as it is; with a method Latest, like Live's, the report says what
	// it may have seen.
	Train   func(ctx context.Context, c *corpus.Corpus) (Lister, error)
	Live    Live // nil for the first model of a site
	Exclude Exclude
	Force   bool // activate whatever the comparison says
	Top     int  // length of the lists; 20 when 0
	Most    int  // predictions at most, 20,000 when 0; which ones does not depend on chance
	// Progress is that of the comparison, in predictions; may be nil.
	Progress func(done, total int64)
}

const (
	gateTop           = 20
	gateMost          = 20_000
	gateLeast         = 100 // predictions, below which nothing is compared
	gateLeastSessions = 10
	gateSpanDays      = 3 // a log that is younger holds out a share of its sessions, not a day
	gateShare         = .1

	gateSteps = 64 // a session's newest items, as it is kept when it is live

	worseBy  = 1 // standard errors by which a candidate that is refused is worse
	betterBy = 2 // standard errors by which a first model must be better than popularity
)

// Why a candidate is activated or refused, for programs.
const (
	GateNotWorse      = "not_worse"              // than the live model
	GateBetter        = "better_than_popular"    // a first model, or one that cannot be compared fairly
	GateNothing       = "nothing_to_compare"     // too few predictions: activated
	GateWorse         = "worse"                  // than the live model: refused
	GateUseless       = "no_better_than_popular" // refused
	againstLive       = "live"
	againstPopularity = "popularity"
)

// Judge compares. The sessions of c end with the newest. The error is the
// context's or that of Train; the verdict is in the report.
func (g Gate) Judge(ctx context.Context, c *corpus.Corpus) (*GateReport, error) {
	g.defaults()
	held := g.holdOut(c)
	r := &GateReport{Exclude: g.Exclude, Top: g.Top, TrainSessions: held.from}
	if held.predictions < gateLeast || held.sessions < gateLeastSessions || held.from == 0 {
		r.Predictions, r.Sessions, r.HeldOut = held.predictions, held.sessions, held.predictions
		r.say(true, GateNothing, false)
		return r, ctx.Err()
	}
	prefix := c.Prefix(held.from)
	candidate, err := g.Train(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("train the candidate on all but the newest sessions: %w", err)
	}
	m := newMatch(&g, c, prefix, candidate, &held)
	if err := m.play(ctx); err != nil {
		return nil, err
	}
	m.report(r)
	if l, ok := candidate.(interface{ Latest() float64 }); ok && l.Latest() > prefix.Latest() {
		r.CandidateSaw = after(c, l.Latest()) - held.from
	}
	m.decide(r)
	return r, nil
}

func (g *Gate) defaults() {
	if g.Exclude == "" {
		g.Exclude = ExcludeCurrent
	}
	if g.Top <= 0 {
		g.Top = gateTop
	}
	if g.Most <= 0 {
		g.Most = gateMost
	}
	if g.Progress == nil {
		g.Progress = func(int64, int64) {}
	}
}

// decide is the verdict. A candidate must not be worse than the live model. A
// first model must be better than popularity, which is what answers without
// it: it must find more, or as many in better places. So must one that is worse
// than a live model which was trained on the very sessions that are compared
// on: there the live model knows the answers (on real sessions its HR was .82
// where .50 was fair), so that nothing can be concluded from it.
func (m *match) decide(r *GateReport) {
	if r.Live != nil {
		r.compare(againstLive, m.difference(sideLive))
		if !r.Difference.worse() {
			r.say(true, GateNotWorse, m.g.Force)
			return
		}
		if r.LiveSaw == 0 {
			r.say(false, GateWorse, m.g.Force)
			return
		}
	}
	r.compare(againstPopularity, m.difference(sidePopular))
	if r.Difference.useful() {
		r.say(true, GateBetter, m.g.Force)
		return
	}
	r.say(false, GateUseless, m.g.Force)
}

func (d *GateDifference) worse() bool { return d.hrWorse() || d.mrrWorse() }

func (d *GateDifference) hrWorse() bool  { return below(d.HR, worseBy*d.HRError) }
func (d *GateDifference) mrrWorse() bool { return below(d.MRR, worseBy*d.MRRError) }

func (d *GateDifference) useful() bool {
	return !d.hrWorse() && (below(-d.HR, betterBy*d.HRError) || below(-d.MRR, betterBy*d.MRRError))
}

// below reports whether x is more than so much below 0, beyond rounding.
func below(x, by float64) bool { return x < -math.Max(by, 1e-9) }
