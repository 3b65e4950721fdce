package cached

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// group tells apart what is outdated by different writes.
type group byte

const (
	profiles  group = 'p'
	histories group = 'h'
)

// Counters are shared by hash; with as many as there are visitors at a time,
// few of them outdate each other. They cost 8 bytes, and 80 once written.
const (
	idStripes   = 1 << 17
	siteStripes = 1 << 8
)

// generations count the writes, so that no entry has to be found and deleted.
// A reader notes the generations before it asks the store and keeps them with
// the value; an entry whose generations are not the current ones is no entry.
// A write counts up after the store took it and before its caller hears so:
// whoever starts reading after that neither accepts an older entry nor joins a
// read that began before. Ids share counters by hash: a collision costs a read
// and never shows an old value.
type generations struct {
	seed  maphash.Seed
	ids   [idStripes]atomic.Pointer[run]
	sites [siteStripes]atomic.Uint64
}

// run is a generation, and how far back all writes were of one session: from
// its first to its newest generation.
type run struct {
	newest, first     uint64
	site, id, session string
}

// mark is the state of the counters that a value was read under.
type mark struct{ id, site uint64 }

func newGenerations() *generations { return &generations{seed: maphash.MakeSeed()} }

// asked is a query with what is worked out of it once.
type asked struct {
	query
	hash uint64               // of all of it
	ids  *atomic.Pointer[run] // the counters that it depends on
	all  *atomic.Uint64
}

// Odd numbers with no pattern, to mix what is small into a hash.
const (
	mixGroup = 0x9e3779b97f4a7c15
	mixKind  = 0xc2b2ae3d27d4eb4f
	mixLimit = 0x165667b19e3779f9
)

func (g *generations) ask(q query) asked {
	site, of := g.hash(q.group, q.site, q.id)
	h := of + uint64(q.kind)*mixKind + uint64(q.limit)*mixLimit
	if q.except != "" {
		h += bits.RotateLeft64(maphash.String(g.seed, q.except), 29)
	}
	return asked{query: q, hash: h, ids: g.stripe(of), all: g.siteStripe(site)}
}

// own is the query in strings of its own: a request's are parts of a whole body.
func (a *asked) own() query {
	q := a.query
	text := q.site + q.id + q.except
	q.site, text = text[:len(q.site)], text[len(q.site):]
	q.id, q.except = text[:len(q.id)], text[len(q.id):]
	return q
}

func (g *generations) hash(kind group, site, id string) (ofSite, ofID uint64) {
	ofSite = maphash.String(g.seed, site) + uint64(kind)*mixGroup
	return ofSite, maphash.String(g.seed, id) ^ bits.RotateLeft64(ofSite, 17)
}

func (g *generations) stripe(hash uint64) *atomic.Pointer[run] { return &g.ids[hash%idStripes] }

func (g *generations) siteStripe(hash uint64) *atomic.Uint64 { return &g.sites[hash%siteStripes] }

// current is the mark for a read that starts now.
func (a *asked) current() mark {
	m := mark{site: a.all.Load()}
	if r := a.ids.Load(); r != nil {
		m.id = r.newest
	}
	return m
}

// valid reports whether nothing that matters was written since a mark. A query
// that leaves a session out does not mind writes of that session.
func (a *asked) valid(m mark) bool {
	if m.site != a.all.Load() {
		return false
	}
	r := a.ids.Load()
	if r == nil || r.newest == m.id {
		return true
	}
	return a.except != "" && r.session == a.except && r.id == a.id && r.site == a.site && m.id+1 >= r.first
}

// bump outdates an id.
func (g *generations) bump(kind group, site, id, session string) {
	_, of := g.hash(kind, site, id)
	p := g.stripe(of)
	for {
		old := p.Load()
		next := &run{newest: 1, first: 1, site: site, id: id, session: session}
		if old != nil {
			next.newest, next.first = old.newest+1, old.newest+1
			if old.site == site && old.id == id && old.session == session {
				next.first = old.first
			}
		}
		if p.CompareAndSwap(old, next) {
			return
		}
	}
}

// bumpSite outdates a whole site.
func (g *generations) bumpSite(kind group, site string) {
	of, _ := g.hash(kind, site, "")
	g.siteStripe(of).Add(1)
}
