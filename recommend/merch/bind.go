package merch

import (
	"strings"
	"time"

	"github.com/nextbest/nextbest/recommend/catalog"
)

// Bound is a set made ready for one snapshot: immutable, safe for any number
// of readers.
type Bound struct {
	snap  *catalog.Snapshot
	rules []Ready
}

// Ready is one rule of a Bound.
type Ready struct {
	step
	place    int // in the Bound
	subject  catalog.Bound
	page     catalog.Bound
	groups   []uint32 // the action's items; sorted by their order in the rule
	variants []uint32 // by groups; catalog.None where the rule names a group
	items    []uint32 // groups of when.item
	viewed   []uint32 // groups of when.audience.viewed
	by       catalog.Attribute
}

// Request is what decides which rules hold.
type Request struct {
	Placement string
	Now       time.Time
	Item      uint32 // the page's item as a variant, catalog.None for none
	Category  string
	Query     string
	Segments  []string
	Returning bool
	Session   []uint32 // groups of the session's steps
}

// Bind makes the set ready for a snapshot. A nil set has no rules.
func (s *Set) Bind(snap *catalog.Snapshot) *Bound {
	b := &Bound{snap: snap}
	if s == nil {
		return b
	}
	b.rules = make([]Ready, len(s.steps))
	for n := range s.steps {
		r := &b.rules[n]
		r.step, r.place = s.steps[n], n
		snap.Bind(r.filter, &r.subject)
		snap.Bind(r.attributes, &r.page)
		r.groups, r.variants = resolve(snap, r.rule.Action.Item)
		r.items, _ = resolve(snap, r.rule.When.Item)
		if a := r.rule.When.Audience; a != nil {
			r.viewed, _ = resolve(snap, a.Viewed)
		}
		if r.kind == diversify {
			r.by = snap.Attribute(r.rule.Action.Attribute)
		}
	}
	return b
}

func resolve(snap *catalog.Snapshot, ids []string) (groups, variants []uint32) {
	for _, id := range ids {
		if g, v := snap.Resolve(id); g != catalog.None {
			groups, variants = append(groups, g), append(variants, v)
		}
	}
	return groups, variants
}

// Len is the number of rules that can hold.
func (b *Bound) Len() int { return len(b.rules) }

// At is the n-th rule, in order of precedence.
func (b *Bound) At(n int) *Ready { return &b.rules[n] }

// Active overwrites a with the rules that hold for a request, in order of
// precedence.
func (b *Bound) Active(req *Request, a *Active) {
	a.reset()
	for n := range b.rules {
		r := &b.rules[n]
		if !r.holds(b.snap, req) {
			continue
		}
		switch r.kind {
		case pin:
			a.pins = append(a.pins, r)
		case boost, bury:
			a.factors = append(a.factors, r)
		case hide, only:
			a.hides = append(a.hides, r)
		case slot:
			a.slots = append(a.slots, r)
		case diversify:
			a.spreads = append(a.spreads, r)
		}
	}
}

// holds reports whether all conditions of the rule are met.
func (r *Ready) holds(snap *catalog.Snapshot, req *Request) bool {
	if !r.from.IsZero() && req.Now.Before(r.from) || !r.until.IsZero() && !req.Now.Before(r.until) {
		return false
	}
	w := &r.rule.When
	return (len(r.rule.Placements) == 0 || has(r.rule.Placements, req.Placement)) &&
		(len(w.Item) == 0 || req.Item != catalog.None && hasNumber(r.items, snap.GroupOf(req.Item))) &&
		(len(w.Category) == 0 || r.inCategory(snap, req)) &&
		(len(w.Query) == 0 || hasFold(w.Query, req.Query)) &&
		(r.attributes == nil || req.Item != catalog.None && r.page.Match(req.Item)) &&
		(w.Audience == nil || r.meets(w.Audience, req))
}

func (r *Ready) inCategory(snap *catalog.Snapshot, req *Request) bool {
	attribute := snap.Attribute("categories")
	for _, wanted := range r.rule.When.Category {
		if req.Category != "" && below(req.Category, wanted) {
			return true
		}
		if code := attribute.Code(catalog.CategoryPath(wanted)); code != catalog.None &&
			req.Item != catalog.None && attribute.Has(req.Item, code) {
			return true
		}
	}
	return false
}

// below reports whether a category is wanted or lies below it.
func below(category, wanted string) bool {
	rest, ok := strings.CutPrefix(category, wanted)
	return ok && (rest == "" || rest[0] == '>')
}

func (r *Ready) meets(a *Audience, req *Request) bool {
	if a.New && req.Returning || a.Returning && !req.Returning || len(req.Session) < a.MinSteps {
		return false
	}
	return (len(a.Segments) == 0 || overlap(a.Segments, req.Segments)) &&
		(len(a.Viewed) == 0 || overlapNumbers(r.viewed, req.Session))
}

func has(list []string, s string) bool {
	for _, t := range list {
		if t == s {
			return true
		}
	}
	return false
}

func hasFold(list []string, s string) bool {
	for _, t := range list {
		if strings.EqualFold(t, s) {
			return true
		}
	}
	return false
}

func hasNumber(list []uint32, n uint32) bool {
	for _, m := range list {
		if m == n {
			return true
		}
	}
	return false
}

func overlap(a, b []string) bool {
	for _, s := range a {
		if has(b, s) {
			return true
		}
	}
	return false
}

func overlapNumbers(a, b []uint32) bool {
	for _, n := range a {
		if hasNumber(b, n) {
			return true
		}
	}
	return false
}

// about reports whether the rule's action is about variant v.
func (r *Ready) about(snap *catalog.Snapshot, v uint32) bool {
	if r.filter != nil {
		return r.subject.Match(v)
	}
	g := snap.GroupOf(v)
	for n, group := range r.groups {
		if group == g && (r.variants[n] == v || r.variants[n] == catalog.None) {
			return true
		}
	}
	return false
}

// ID is the id of the rule; "" for none and for a placement's own diversify.
func (r *Ready) ID() string {
	if r == nil {
		return ""
	}
	return r.rule.ID
}

// Boosts reports whether the rule raises what it is about.
func (r *Ready) Boosts() bool { return r.kind == boost }

// Variants adds to dst at most max variants that the rule may be about, for a
// rule whose filter can be enumerated; About has to be asked of each.
func (r *Ready) Variants(snap *catalog.Snapshot, dst []uint32, max int) []uint32 {
	if r.filter != nil {
		return r.subject.Append(dst, max)
	}
	for n, g := range r.groups {
		if v := r.variants[n]; v != catalog.None {
			dst = append(dst, v)
		} else {
			dst = append(dst, snap.Members(g)...)
		}
	}
	return dst
}

// Size is how many variants Variants would add without a bound, -1 when the
// rule's filter can only be tested.
func (r *Ready) Size() int {
	if r.filter != nil {
		return r.subject.Size()
	}
	return len(r.groups)
}

// About reports whether the rule's action is about variant v.
func (b *Bound) About(r *Ready, v uint32) bool { return r.about(b.snap, v) }
