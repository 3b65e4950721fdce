package recommend

import (
	"cmp"
	"slices"

	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/merch"
	"github.com/nextbest/nextbest/recommend/popular"
	"github.com/nextbest/nextbest/recommend/rows"
	"github.com/nextbest/nextbest/recommend/vector"
)

// state is all that one request reads: immutable, but for the live price and
// availability inside the catalog.
type state struct {
	parts
	snap *catalog.Snapshot // the site's, or one of all items that are known
	best *best.Model       // the model, in one of two forms; both nil without
	rows *rows.Model
	join join
	pop  popularity
	new  newcomers

	bound  *merch.Bound
	boosts [][]uint32 // by rule: the groups a boost brings in, best first
	space  space
	made   Versions
}

// Bounds of what is prepared per state.
const (
	boostBrings  = 50     // groups that one boost adds to the candidates
	boostScans   = 20_000 // variants looked at to find them
	orphanItems  = 10_000 // items recommended without catalog and model
	countsWeight = 100    // live clicks that weigh as much as the model's counts
)

// newState builds what follows from p, taking over from old what did not
// change.
func newState(p parts, old *state) *state {
	st := &state{parts: p}
	st.best, st.rows = p.served()
	st.snap = st.universe(old)
	sameItems := old != nil && old.snap == st.snap
	if sameItems && old.model == p.model {
		st.join = old.join
	} else {
		st.join = newJoin(st.snap, p.model)
	}
	if sameItems && old.model == p.model && old.pairs == p.pairs {
		st.new = old.new
	} else {
		st.new = newNewcomers(st, old)
	}
	samePop := sameItems && old.model == p.model && old.popular == p.popular
	if samePop {
		st.pop = old.pop
	} else {
		st.pop = newPopularity(st, old)
	}
	sameRules := sameItems && old.rules == p.rules
	if sameRules {
		st.bound = old.bound
	} else {
		st.bound = p.rules.Bind(st.snap)
	}
	if sameRules && samePop {
		st.boosts = old.boosts
	} else {
		st.boosts = st.bringings()
	}
	if sameItems && old.vectors == p.vectors {
		st.space = old.space
	} else {
		st.space = newSpace(st.snap, p.vectors)
	}
	st.made = st.versions()
	return st
}

// universe is the catalog or, without one, the items that the model knows or,
// without a model, those that were clicked.
func (st *state) universe(old *state) *catalog.Snapshot {
	if st.catalog != nil {
		return st.catalog
	}
	var items []catalog.Item
	switch {
	case st.model != nil:
		if old != nil && old.catalog == nil && old.model == st.model {
			return old.snap
		}
		for i := range uint32(st.model.Len()) {
			items = append(items, catalog.Item{ItemID: st.model.ID(i)})
		}
	case old != nil && old.catalog == nil && old.model == nil && sameKeys(old.popular, st.popular):
		return old.snap
	default:
		entries := st.popular.Entries()
		for _, e := range entries[:min(len(entries), orphanItems)] {
			items = append(items, catalog.Item{ItemID: e.Key})
		}
	}
	return catalog.Build(items)
}

// sameKeys reports whether two tables name the same orphans.
func sameKeys(a, b *popular.Table) bool {
	return a == b || a.Len() <= orphanItems && slices.EqualFunc(a.ByKey(), b.ByKey(),
		func(x, y popular.Entry) bool { return x.Key == y.Key })
}

// own is the site's catalog, nil when it has none.
func (st *state) own() *catalog.Snapshot { return st.catalog }

func (st *state) versions() Versions {
	v := Versions{Rules: st.rules.Version(), Profiles: st.profiles}
	if st.model != nil {
		v.Model = st.model.Version()
	}
	if st.catalog != nil {
		v.Catalog = st.catalog.Version()
	}
	return v
}

// join leads from the model's items to the catalog's and back.
type join struct {
	toGroup   []uint32 // by model item; catalog.None for one that is not in the catalog
	toVariant []uint32
	alone     []uint32 // by model item: the only variant of its group, catalog.None where there are more
	ofVariant []uint32 // best.Unknown for one that the model lacks
	ofGroup   []uint32
	shared    []bool // by model item: its group has others too; nil where no group has
}

func newJoin(snap *catalog.Snapshot, m Model) join {
	if m == nil {
		return join{}
	}
	j := join{
		toGroup:   make([]uint32, m.Len()),
		toVariant: make([]uint32, m.Len()),
		alone:     filled(m.Len(), catalog.None),
		ofVariant: filled(snap.Len(), best.Unknown),
		ofGroup:   filled(snap.Groups(), best.Unknown),
	}
	for i := range j.toGroup {
		n := uint32(i)
		g, v := snap.Resolve(m.ID(n))
		j.toGroup[i], j.toVariant[i] = g, v
		if v != catalog.None {
			j.ofVariant[v] = n
		}
		if g == catalog.None {
			continue
		}
		if members := snap.Members(g); len(members) == 1 {
			j.alone[i] = members[0]
		}
		// The group's own row, or that of its most clicked variant.
		if have := j.ofGroup[g]; have == best.Unknown || v == catalog.None ||
			snap.Key(g) != m.ID(have) && m.Count(n) > m.Count(have) {
			j.ofGroup[g] = n
		}
	}
	for v := range j.ofVariant {
		if j.ofVariant[v] == best.Unknown {
			j.ofVariant[v] = j.ofGroup[snap.GroupOf(uint32(v))]
		}
	}
	j.share()
	return j
}

// share finds the groups of which the model knows several items.
func (j *join) share() {
	for i, g := range j.toGroup {
		if g == catalog.None || j.ofGroup[g] == uint32(i) {
			continue
		}
		if j.shared == nil {
			j.shared = make([]bool, len(j.toGroup))
		}
		j.shared[i], j.shared[j.ofGroup[g]] = true, true
	}
}

func filled(n int, x uint32) []uint32 {
	list := make([]uint32, n)
	for i := range list {
		list[i] = x
	}
	return list
}

// bringings are the best groups of every boost, by popularity.
func (st *state) bringings() [][]uint32 {
	out := make([][]uint32, st.bound.Len())
	for n := range out {
		if r := st.bound.At(n); r.Boosts() {
			out[n] = st.bring(r)
		}
	}
	return out
}

func (st *state) bring(r *merch.Ready) []uint32 {
	var groups []uint32
	take := func(v uint32) {
		if g := st.snap.GroupOf(v); st.bound.About(r, v) {
			groups = append(groups, g)
		}
	}
	if size := r.Size(); size >= 0 && size <= boostScans {
		for _, v := range r.Variants(st.snap, nil, boostScans) {
			take(v)
		}
	} else {
		for n, g := range st.walk() {
			if n >= boostScans || len(groups) >= 4*boostBrings {
				break
			}
			for _, v := range st.snap.Members(g) {
				take(v)
			}
		}
	}
	slices.SortFunc(groups, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(st.pop.share[b], st.pop.share[a]), cmp.Compare(a, b))
	})
	groups = slices.Compact(groups)
	return groups[:min(len(groups), boostBrings)]
}

// walk is all groups: the popular ones first, then the newest. A group may
// come twice.
func (st *state) walk() func(yield func(n int, g uint32) bool) {
	return func(yield func(int, uint32) bool) {
		for n, g := range st.pop.order {
			if !yield(n, g) {
				return
			}
		}
		for n, g := range st.snap.Fresh() {
			if !yield(len(st.pop.order)+n, g) {
				return
			}
		}
	}
}

// space leads from groups to item vectors and back.
type space struct {
	set   *vector.Set
	row   []uint32 // by group; catalog.None for one without a vector
	group []uint32 // by row
}

func newSpace(snap *catalog.Snapshot, set *vector.Set) space {
	if set == nil {
		return space{}
	}
	s := space{set: set, row: filled(snap.Groups(), catalog.None), group: make([]uint32, set.Len())}
	for n := range s.group {
		g, _ := snap.Resolve(set.ID(uint32(n)))
		s.group[n] = g
		if g != catalog.None && s.row[g] == catalog.None {
			s.row[g] = uint32(n)
		}
	}
	return s
}

// of is the vector of a group, nil when it has none.
func (s *space) of(g uint32) []float32 {
	if s.set == nil || g == catalog.None || s.row[g] == catalog.None {
		return nil
	}
	return s.set.Row(s.row[g])
}
