package cached

import (
	"hash/maphash"
	"sync/atomic"
)

// group tells apart what is outdated by different writes.
type group byte

const (
	profiles  group = 'p'
	histories group = 'h'
)

const (
	idStripes   = 1 << 14
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

func (g *generations) hash(kind group, site, id string) uint64 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	_ = h.WriteByte(byte(kind)) // never fails
	_, _ = h.WriteString(site)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(id)
	return h.Sum64()
}

func (g *generations) stripe(kind group, site, id string) *atomic.Pointer[run] {
	return &g.ids[g.hash(kind, site, id)%idStripes]
}

func (g *generations) siteStripe(kind group, site string) *atomic.Uint64 {
	return &g.sites[g.hash(kind, site, "")%siteStripes]
}

// current is the mark for a read that starts now.
func (g *generations) current(q *query) mark {
	m := mark{site: g.siteStripe(q.group, q.site).Load()}
	if r := g.stripe(q.group, q.site, q.id).Load(); r != nil {
		m.id = r.newest
	}
	return m
}

// valid reports whether nothing that matters was written since a mark. A query
// that leaves a session out does not mind writes of that session.
func (g *generations) valid(m mark, q *query) bool {
	if m.site != g.siteStripe(q.group, q.site).Load() {
		return false
	}
	r := g.stripe(q.group, q.site, q.id).Load()
	if r == nil || r.newest == m.id {
		return true
	}
	return q.except != "" && r.session == q.except && r.id == q.id && r.site == q.site && m.id+1 >= r.first
}

// bump outdates an id.
func (g *generations) bump(kind group, site, id, session string) {
	p := g.stripe(kind, site, id)
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
func (g *generations) bumpSite(kind group, site string) { g.siteStripe(kind, site).Add(1) }
