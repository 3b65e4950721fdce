package embedding

import (
	"math/rand/v2"

	"github.com/nextbest/nextbest/recommend/corpus"
)

// example is a prefix of a session and the item after it: the session's number
// and the target's position.
type example uint64

func (e example) session() int { return int(e >> 16) }
func (e example) target() int  { return int(e & 0xffff) }

// window is how many examples are shuffled among each other. Sessions are
// shuffled as a whole first, so the window only parts the prefixes of one.
const window = 1 << 16

// plan is the order of examples: every epoch visits the sessions in a new
// order that depends on nothing but the seed.
type plan struct {
	c     *corpus.Corpus
	seed  uint64
	order []uint32 // sessions of this epoch
	next  int      // into order
	open  []example
	// When there are more than limit examples, the newest sessions take half of
	// them in every epoch; the other half is drawn from the older sessions anew,
	// so that items out of season are not forgotten.
	from   int     // sessions from here on are in every epoch
	chance float64 // of an older session to be in an epoch
	total  int     // examples of an epoch, expected
}

func newPlan(c *corpus.Corpus, limit int, seed uint64) *plan {
	p := &plan{c: c, seed: seed, total: c.Clicks() - c.Sessions()}
	if p.total <= limit {
		return p
	}
	fresh, s := 0, c.Sessions()
	for s > 0 && fresh < limit/2 {
		s--
		fresh += len(c.Session(s)) - 1
	}
	p.from = s
	p.chance = float64(limit-fresh) / float64(max(1, p.total-fresh))
	p.total = limit
	return p
}

// start begins an epoch.
func (p *plan) start(epoch int) *rand.Rand {
	r := rand.New(rand.NewPCG(p.seed, uint64(epoch)<<32|1))
	p.order, p.next, p.open = p.order[:0], 0, p.open[:0]
	for s := range p.c.Sessions() {
		if len(p.c.Session(s)) > 1 && (s >= p.from || r.Float64() < p.chance) {
			p.order = append(p.order, uint32(s))
		}
	}
	r.Shuffle(len(p.order), func(i, j int) { p.order[i], p.order[j] = p.order[j], p.order[i] })
	return r
}

// take fills dst with the next examples and returns them; none at the end of
// the epoch.
func (p *plan) take(dst []example, n int, r *rand.Rand) []example {
	if len(p.open) < n && p.next < len(p.order) {
		for p.next < len(p.order) && len(p.open) < window {
			s := p.order[p.next]
			for t := 1; t < len(p.c.Session(int(s))); t++ {
				p.open = append(p.open, example(uint64(s)<<16|uint64(t)))
			}
			p.next++
		}
		r.Shuffle(len(p.open), func(i, j int) { p.open[i], p.open[j] = p.open[j], p.open[i] })
	}
	n = min(n, len(p.open))
	dst = append(dst[:0], p.open[len(p.open)-n:]...)
	p.open = p.open[:len(p.open)-n]
	return dst
}
