package recommend

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/merch"
	"github.com/nextbest/nextbest/recommend/popular"
	"github.com/nextbest/nextbest/recommend/vector"
)

// Config is what an Engine needs; the zero value works.
type Config struct {
	Clock func() time.Time // for the figures in Answer.Stages; time.Now when nil
}

// Expected says which parts a site should have. An answer made without one of
// them is degraded; without being expected, their absence is healthy: a new
// site has no model yet and answers with what is popular.
type Expected struct {
	Model, Catalog, Rules bool
}

// Engine ranks. What it reads is one immutable state that the Set methods
// build beside the running one and swap in whole; requests never wait. All
// methods may be called concurrently.
type Engine struct {
	clock   func() time.Time
	state   atomic.Pointer[state]
	scratch sync.Pool // *scratch

	mu    sync.Mutex // serialises the Set methods
	parts parts
}

// parts are what a state is built from, as they were set.
type parts struct {
	catalog  *catalog.Snapshot
	model    Model
	ranking  Ranking
	rules    *merch.Set
	popular  *popular.Table
	pairs    *popular.Pairs
	vectors  *vector.Set
	profiles string
	expected Expected
}

// New is an engine that knows nothing yet.
func New(cfg Config) *Engine {
	e := &Engine{clock: cfg.Clock}
	if e.clock == nil {
		e.clock = time.Now
	}
	e.scratch.New = func() any { return newScratch() }
	e.state.Store(newState(parts{}, nil))
	return e
}

// set changes a part and swaps the state that follows from it in.
func (e *Engine) set(change func(*parts)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.parts)
	e.state.Store(newState(e.parts, e.state.Load()))
}

// SetCatalog replaces the catalog; nil means that the site has none.
func (e *Engine) SetCatalog(s *catalog.Snapshot) { e.set(func(p *parts) { p.catalog = s }) }

// SetModel replaces the session model; nil takes it away. Ids of its items may
// be in answers: it must not be closed while one of those is in use.
func (e *Engine) SetModel(m Model) { e.set(func(p *parts) { p.model = given(m) }) }

// SetRanking says how far the model is trusted, until it is said again.
func (e *Engine) SetRanking(r Ranking) { e.set(func(p *parts) { p.ranking = r }) }

// SetRules replaces the merchandiser's rules; nil switches them all off.
func (e *Engine) SetRules(r *merch.Set) { e.set(func(p *parts) { p.rules = r }) }

// SetPopular replaces what is popular and trending.
func (e *Engine) SetPopular(t *popular.Table) { e.set(func(p *parts) { p.popular = t }) }

// SetPairs replaces what goes with the items that the model does not know yet;
// nil takes it away.
func (e *Engine) SetPairs(t *popular.Pairs) { e.set(func(p *parts) { p.pairs = t }) }

// SetVectors replaces the item vectors; nil takes them away.
func (e *Engine) SetVectors(v *vector.Set) { e.set(func(p *parts) { p.vectors = v }) }

// SetProfilesVersion names the dataset of profiles in Answer.Versions.
func (e *Engine) SetProfilesVersion(v string) { e.set(func(p *parts) { p.profiles = v }) }

// Expect says which parts the site should have.
func (e *Engine) Expect(x Expected) { e.set(func(p *parts) { p.expected = x }) }

// Catalog is the site's catalog, nil when it has none.
func (e *Engine) Catalog() *catalog.Snapshot { return e.state.Load().own() }

// Group is the unit of ranking that an item belongs to: its group_id, or the
// item itself.
func (e *Engine) Group(itemID string) string {
	st := e.state.Load()
	if g, _ := st.snap.Resolve(itemID); g != catalog.None {
		return st.snap.Key(g)
	}
	return itemID
}
