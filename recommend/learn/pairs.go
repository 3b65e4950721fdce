package learn

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/nextbest/nextbest/recommend/popular"
)

// What is kept of pairs is bounded: 30,000 pairs (about 8 MB with their items)
// and the newest items of up to 16,384 sessions (about 4 MB).
const (
	maxPairs      = 30_000
	maxVisits     = 8192   // sessions per generation, of which there are two
	maxPairBlocks = 50_000 // likewise, of who made which pair
	lookBack      = 5      // items of a session that a new one is paired with
	pairMakers    = 2      // distinct visitors that a pair needs before others see it

	pairHalfLifeMS = 7 * msPerDay
	pairLambda     = 10   // sessions that a share is shrunk by, as the rows are
	pairBack       = .5   // what the other order counts: b before a, in the row of a
	pairFaded      = 1e-3 // counts below which a pair is forgotten
)

// pairing counts, over the sessions that come in, which items are looked at
// together, as far as the model cannot know: at least one of the two is not in
// it. Until the next training it is all that is known of a new item. Not safe
// for concurrent use; the tables it makes are.
type pairing struct {
	known func(item string) bool // nil: nothing is
	items map[string]*pairItem   // those that have pairs
	pairs map[pairKey]*pair

	young, old map[uint64]*visit // sessions by a hash, as in a rotatingSet
	made       rotatingSet       // which block made which pair
	newest     int64             // epoch ms, of what was added
	stale      bool              // against the last table
}

// pairKey is two items, a < b.
type pairKey struct{ a, b string }

// pair is how often two items were looked at in one session, by which came
// first.
type pair struct {
	ab, ba fading
	makers []maker // the first ones, until they are enough
	a, b   *pairItem
}

// maker is who made a pair: hashes cut to 32 bits, as nobody needs to be found
// by them. Block 0 is none.
type maker struct{ visitor, block uint32 }

type pairItem struct {
	id     string
	visits fading // sessions since it has pairs
	pairs  int
	now    float64 // visits and pairLambda, while a table is made
}

// visit is a session on the way: its newest items, newest last.
type visit struct {
	last  int64 // epoch ms
	items []string
}

// fading is a sum that halves in pairHalfLifeMS.
type fading struct {
	sum float64
	at  int64 // epoch ms
}

func (f *fading) add(x float64, t int64) {
	if t >= f.at {
		f.sum, f.at = f.value(t)+x, t
	} else {
		f.sum += x * math.Exp2(-float64(f.at-t)/pairHalfLifeMS)
	}
}

// value is the sum as of t; what came later counts in full.
func (f *fading) value(t int64) float64 {
	if f.sum == 0 || t <= f.at {
		return f.sum
	}
	return f.sum * math.Exp2(-float64(t-f.at)/pairHalfLifeMS)
}

func newPairing() *pairing {
	return &pairing{
		items: map[string]*pairItem{}, pairs: map[pairKey]*pair{},
		young: map[uint64]*visit{}, old: map[uint64]*visit{},
		made: newRotatingSet(maxPairBlocks),
	}
}

// look is one item, looked at for the first time in its session.
type look struct {
	visitor, session string
	block            string // the visitor's network, "" when it is not limited
	item             string
	counted          float64 // what popularity counted of it, 0..1
	at               int64   // epoch ms
}

// add pairs an item with those that its session looked at before.
func (p *pairing) add(k look) {
	p.newest = max(p.newest, k.at)
	v := p.visit(hashOf(k.visitor, k.session), k.at)
	item := k.item
	if x := p.items[item]; x != nil {
		item = x.id
		x.visits.add(k.counted, k.at)
		p.stale = true
	} else {
		item = strings.Clone(item) // the record's would hold all of it alive
	}
	isNew := p.isNew(item)
	for _, before := range v.items {
		if before != item && (isNew || p.isNew(before)) {
			p.count(before, item, &k)
		}
	}
	if len(v.items) == lookBack {
		v.items = slices.Delete(v.items, 0, 1)
	}
	v.items = append(v.items, item)
	if len(p.pairs) > maxPairs {
		p.evict()
	}
}

func (p *pairing) isNew(item string) bool { return p.known == nil || !p.known(item) }

// visit is a session's own entry. One that was idle for half an hour begins
// again: imported events may name no session.
func (p *pairing) visit(session uint64, at int64) *visit {
	v := p.young[session]
	if v == nil {
		if v = p.old[session]; v != nil {
			delete(p.old, session)
		} else {
			v = &visit{}
		}
		if len(p.young) >= maxVisits {
			p.old, p.young = p.young, map[uint64]*visit{}
		}
		p.young[session] = v
	}
	if at-v.last > idleMS {
		v.items = v.items[:0]
	}
	v.last = max(v.last, at)
	return v
}

// count adds a session to the pair of two items, of which first came first.
func (p *pairing) count(first, second string, k *look) {
	key, forward := pairKey{first, second}, true
	if second < first {
		key, forward = pairKey{second, first}, false
	}
	if k.block != "" && !p.made.add(k.block, key.a, key.b) {
		return // a network makes a pair once, however many visitors it has
	}
	x := p.pairs[key]
	if x == nil {
		x = &pair{a: p.enter(key.a, k), b: p.enter(key.b, k)}
		p.pairs[pairKey{x.a.id, x.b.id}] = x
	}
	if forward {
		x.ab.add(1, k.at)
	} else {
		x.ba.add(1, k.at)
	}
	x.by(maker{visitor: uint32(hashOf(k.visitor)), block: blockOf(k.block)})
	p.stale = true
}

// enter counts one more pair of an item.
func (p *pairing) enter(id string, k *look) *pairItem {
	x := p.items[id]
	if x == nil {
		x = &pairItem{id: id}
		x.visits.add(1, k.at) // this session
		p.items[id] = x
	}
	x.pairs++
	return x
}

// by notes who made the pair, until they are enough: another visitor, and
// another network when both are known.
func (x *pair) by(m maker) {
	if len(x.makers) == pairMakers {
		return
	}
	for _, o := range x.makers {
		if o.visitor == m.visitor || m.block != 0 && o.block == m.block {
			return
		}
	}
	x.makers = append(x.makers, m)
}

// shown reports whether others may see the pair.
func (x *pair) shown() bool { return len(x.makers) == pairMakers }

func (x *pair) value(t int64) float64 { return x.ab.value(t) + x.ba.value(t) }

// know replaces the items that the model knows: pairs of two of them are now
// the model's.
func (p *pairing) know(known func(item string) bool) {
	p.known = known
	for key := range p.pairs {
		if !p.isNew(key.a) && !p.isNew(key.b) {
			p.remove(key)
		}
	}
}

func (p *pairing) remove(key pairKey) {
	delete(p.pairs, key)
	for _, id := range [...]string{key.a, key.b} {
		if x := p.items[id]; x.pairs > 1 {
			x.pairs--
		} else {
			delete(p.items, id)
		}
	}
	p.stale = true
}

// evict drops the weakest quarter, last those that others see. Pairs of the
// same weight as the strongest that would be dropped stay, unless none is
// weaker.
func (p *pairing) evict() {
	weight := func(x *pair) float64 {
		w := x.value(p.newest)
		if x.shown() && w >= pairFaded {
			w += math.MaxInt32
		}
		return w
	}
	all := make([]float64, 0, len(p.pairs))
	for _, x := range p.pairs {
		all = append(all, weight(x))
	}
	slices.Sort(all)
	floor := all[len(all)/4]
	if floor == all[0] {
		floor = math.Nextafter(floor, math.Inf(1))
	}
	for key, x := range p.pairs {
		if weight(x) < floor {
			p.remove(key)
		}
	}
}

func (p *pairing) inOrder() []pairKey {
	keys := make([]pairKey, 0, len(p.pairs))
	for key := range p.pairs {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(x, y pairKey) int {
		return cmp.Or(strings.Compare(x.a, y.a), strings.Compare(x.b, y.b))
	})
	return keys
}

// table is what others may see as of now (epoch ms): of the sessions with an
// item, the share that held the other one too.
func (p *pairing) table(now int64) *popular.Pairs {
	p.stale = false
	t := popular.NewPairs(now, 2*len(p.pairs))
	for _, x := range p.items {
		x.now = x.visits.value(now) + pairLambda
	}
	for key, x := range p.pairs {
		ab, ba := x.ab.value(now), x.ba.value(now)
		if !x.shown() || ab+ba < pairFaded {
			continue
		}
		t.Add(key.a, key.b, (ab+pairBack*ba)/x.a.now)
		t.Add(key.b, key.a, (ba+pairBack*ab)/x.b.now)
	}
	return t.Build()
}

// blockOf is a block's hash, never 0 but for none.
func blockOf(block string) uint32 {
	if block == "" {
		return 0
	}
	return uint32(hashOf(block)) | 1
}
