package learn

import (
	"context"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/nextbest/nextbest/recommend/corpus"
)

// match plays the models against each other: each answers the same prefixes of
// the same sessions.
type match struct {
	g          *Gate
	c, prefix  *corpus.Corpus
	held       *heldOut
	sides      []*side // candidate, popularity, and the live model when there is one
	sessions   []int
	total      int
	played     int
	unknown    int // predictions whose answer the live model cannot name
	share      map[string]float64
	mostClicks float64
}

// The places of the sides.
const (
	sideCandidate = iota
	sidePopular
	sideLive
)

// side is one model and how it did.
type side struct {
	lister   Lister
	list     []string
	named    map[string]struct{}
	pop      float64
	sessions []sessionScore
}

// sessionScore is how a side did in one session.
type sessionScore struct{ n, hr, mrr float64 }

func newMatch(g *Gate, c, prefix *corpus.Corpus, candidate Lister, held *heldOut) *match {
	m := &match{g: g, c: c, prefix: prefix, held: held, share: map[string]float64{}}
	for i := range uint32(prefix.Len()) {
		m.mostClicks = max(m.mostClicks, float64(prefix.Count(i)))
	}
	listers := []Lister{candidate, newPopularLister(prefix)}
	if g.Live != nil {
		listers = append(listers, g.Live)
	}
	for _, l := range listers {
		m.sides = append(m.sides, &side{lister: l, named: map[string]struct{}{}})
	}
	m.sessions, m.total = g.sample(c, held)
	return m
}

func (m *match) play(ctx context.Context) error {
	var ids []string
	for _, s := range m.sessions {
		if err := ctx.Err(); err != nil {
			return err
		}
		items := m.c.Session(s)
		ids = ids[:0]
		for k := len(items) - 1; k >= 0; k-- {
			ids = append(ids, m.c.ID(items[k]))
		}
		for _, x := range m.sides {
			x.sessions = append(x.sessions, sessionScore{})
		}
		for k := range items {
			if m.g.isChance(items, k) {
				m.ask(ids[len(ids)-k:][:min(k, gateSteps)], m.c.ID(items[k]))
			}
		}
		m.g.Progress(int64(m.played), int64(m.total))
	}
	return nil
}

// ask has all sides predict one item.
func (m *match) ask(session []string, target string) {
	m.played++
	if m.g.Live != nil && !m.g.Live.Knows(target) {
		m.unknown++
	}
	for _, x := range m.sides {
		x.list = x.lister.List(session, m.g.Exclude, m.g.Top, x.list[:0])
		x.list = x.list[:min(len(x.list), m.g.Top)]
		score := &x.sessions[len(x.sessions)-1]
		score.n++
		pop := 0.
		for n, id := range x.list {
			x.named[id] = struct{}{}
			pop += m.popularity(id)
			if id == target {
				score.hr++
				score.mrr += 1 / float64(n+1)
			}
		}
		x.pop += pop / float64(max(1, len(x.list)))
	}
}

// popularity is an item's clicks before what is held out, the most clicked
// item is 1.
func (m *match) popularity(id string) float64 {
	share, ok := m.share[id]
	if !ok {
		at := sort.Search(m.prefix.Len(), func(i int) bool { return m.prefix.ID(uint32(i)) >= id })
		if at < m.prefix.Len() && m.prefix.ID(uint32(at)) == id {
			share = float64(m.prefix.Count(uint32(at))) / m.mostClicks
		}
		m.share[strings.Clone(id)] = share
	}
	return share
}

// report fills in how the sides did.
func (m *match) report(r *GateReport) {
	r.Predictions, r.Sessions, r.HeldOut = m.played, len(m.sessions), m.held.predictions
	r.LiveSaw, r.LiveUnknown = m.held.liveSaw, m.unknown
	r.From, r.Until = dayTime(m.c.Day(m.held.from)), dayTime(m.c.Latest())
	known := 0
	for i := range uint32(m.prefix.Len()) {
		if m.prefix.Count(i) > 0 {
			known++
		}
	}
	figures := func(x *side) *GateFigures {
		f := &GateFigures{Coverage: float64(len(x.named)) / float64(known), Popularity: x.pop / float64(m.played)}
		for _, s := range x.sessions {
			f.HR += s.hr / float64(m.played)
			f.MRR += s.mrr / float64(m.played)
		}
		return f
	}
	r.Candidate, r.Popular = figures(m.sides[sideCandidate]), figures(m.sides[sidePopular])
	if m.g.Live != nil {
		r.Live = figures(m.sides[sideLive])
	}
}

// difference is the candidate against another side, with the standard error of
// a ratio of sums over sessions: predictions of one session depend on each
// other, and both sides answer the same ones.
func (m *match) difference(other int) GateDifference {
	a, b := m.sides[sideCandidate].sessions, m.sides[other].sessions
	n := float64(m.played)
	var d GateDifference
	for s := range a {
		d.HR += (a[s].hr - b[s].hr) / n
		d.MRR += (a[s].mrr - b[s].mrr) / n
	}
	var hr, mrr float64
	for s := range a {
		x := a[s].hr - b[s].hr - d.HR*a[s].n
		y := a[s].mrr - b[s].mrr - d.MRR*a[s].n
		hr += x * x
		mrr += y * y
	}
	k := float64(len(a))
	d.HRError = math.Sqrt(hr*k/(k-1)) / n
	d.MRRError = math.Sqrt(mrr*k/(k-1)) / n
	return d
}

// popularLister is what answers without a model: the session's own items, as
// far as they may be named, then what was clicked most.
type popularLister struct{ ids []string }

// popularRoom is how many popular items are kept: enough for a list that may
// not name those of a long session.
const popularRoom = 1000

func newPopularLister(c *corpus.Corpus) *popularLister {
	order := make([]uint32, 0, c.Len())
	for i := range uint32(c.Len()) {
		if c.Count(i) > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b uint32) int { return int(c.Count(b)) - int(c.Count(a)) })
	p := &popularLister{}
	for _, i := range order[:min(len(order), popularRoom)] {
		p.ids = append(p.ids, c.ID(i))
	}
	return p
}

func (p *popularLister) List(session []string, exclude Exclude, k int, dst []string) []string {
	dst = dst[:0]
	put := func(id string) {
		if len(dst) < k && !exclude.excludes(session, id) && !slices.Contains(dst, id) {
			dst = append(dst, id)
		}
	}
	for _, id := range session {
		put(id)
	}
	for n := 0; n < len(p.ids) && len(dst) < k; n++ {
		put(p.ids[n])
	}
	return dst
}

// excludes reports whether a list for the session may not name an item.
func (e Exclude) excludes(session []string, id string) bool {
	switch e {
	case ExcludeNone:
		return false
	case ExcludeSeen:
		return slices.Contains(session, id)
	}
	return len(session) > 0 && session[0] == id
}
