package recommend

import (
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
)

// Bounds of retrieval: they make a request's cost independent of the catalog.
const (
	maxAffinities = 100    // of a profile, as item repeats
	maxHops       = 20     // of a profile's strongest items, through their rows
	maxListed     = 100    // of an uploaded list
	maxTastes     = 8      // attribute values of a profile
	scanVectors   = 20_000 // catalogs up to which vectors are scanned
	nearVectors   = 50     // groups that a scan brings in
	poolSize      = 100    // candidates that a request must have: the longest answer
	arrangedPool  = 400    // where rules arrange the list
	maxEnumerated = 16_384 // variants enumerated for one filter
	alwaysCheap   = 2048   // variants that are enumerated rather than searched for
	maxWalk       = 65_536 // places of the popularity order looked at
	maxNew        = 20
	maxQueryWords = 8

	listFade        = .1 // place 10 of an uploaded list counts half of place 0
	attributeWeight = .3 // the strongest attribute value
	vectorWeight    = .5 // the nearest vector
)

// retrieve gathers the candidates, each source inside the filter.
func (c *scratch) retrieve() {
	if c.lean {
		if c.retrieveSession(c.req.limit()); c.kept < c.req.limit() {
			c.retrieveTail()
		}
		return
	}
	if c.req.Candidates != nil {
		c.retrieveGiven()
	}
	c.retrievePins()
	c.retrieveSession(everything)
	if c.req.Profile != nil {
		c.retrieveProfile()
	}
	if c.st.space.set != nil {
		c.retrieveVectors()
	}
	if c.closed {
		return
	}
	c.retrieveBoosts()
	c.retrieveTail()
}

// retrieveGiven takes the request's candidates, and closes the list.
func (c *scratch) retrieveGiven() {
	for _, id := range c.req.Candidates {
		g, v := c.st.snap.Resolve(id)
		if g == catalog.None {
			c.dropped[dropUnknown]++
			continue
		}
		c.give(g, v)
	}
	c.closed = true
}

// give adds the variant that a request named, or the better one of two.
func (c *scratch) give(g, v uint32) {
	if v == catalog.None {
		c.touch(g, byRequest)
		return
	}
	i := c.find(g)
	if i >= 0 && c.cands[i].drop >= dropRequest {
		c.touch(g, byRequest) // counts it
		return
	}
	if why := c.check(v); why != kept {
		c.dropped[why]++
		return
	}
	switch {
	case i < 0:
		c.insert(g, v, byRequest, kept)
	case c.better(v, c.cands[i].variant) || !c.better(c.cands[i].variant, v) && v < c.cands[i].variant:
		c.cands[i].variant = v
	}
}

// retrievePins makes candidates of what is pinned, so that a pin does not wait
// for its item to come by itself. A soft pin does.
func (c *scratch) retrievePins() {
	c.rules.Pinned(func(g, v uint32, soft bool) {
		if soft || v != catalog.None && c.check(v) != kept {
			return
		}
		c.pinVariant = v
		c.touch(g, byPin)
		c.pinVariant = catalog.None
	})
}

// touchModel is touch for an item of the model.
func (c *scratch) touchModel(i uint32, from source) *cand {
	g := c.st.join.toGroup[i]
	if g == catalog.None {
		c.dropped[dropUnknown]++
		return nil
	}
	return c.touch(g, from)
}

// retrieveProfile takes what the profile names: items that come again, what
// goes with the strongest of them, an uploaded list, and attribute values.
func (c *scratch) retrieveProfile() {
	p := c.req.Profile
	c.retrieveAffinities()
	for n, id := range p.List[:min(len(p.List), maxListed)] {
		if x := c.touchID(id, byList); x != nil {
			x.l += 1 / (1 + listFade*float64(n))
		}
	}
	c.retrieveTastes()
}

func (c *scratch) retrieveAffinities() {
	m := c.st.model
	c.sums.Reset()
	EachLiking(c.req.Profile, func(id string, liking float64, related bool) {
		g, v := c.st.snap.Resolve(id)
		if g == catalog.None {
			c.dropped[dropUnknown]++
		} else if x := c.touch(g, byProfile); x != nil {
			x.l += liking
		}
		if m != nil && related {
			if i := c.st.modelItem(g, v, id); i != best.Unknown {
				c.addItemRow(i, float32(liking))
			}
		}
	})
	for n := range c.sums.Len() {
		i, w := c.sums.At(n)
		if x := c.touchModel(i, byProfile); x != nil {
			x.l += RelatedWeight * float64(w)
		}
	}
}

func (c *scratch) touchID(id string, from source) *cand {
	g, _ := c.st.snap.Resolve(id)
	if g == catalog.None {
		c.dropped[dropUnknown]++
		return nil
	}
	return c.touch(g, from)
}

// retrieveTastes brings in the most popular items of the values that the
// visitor likes. What every candidate has of them is added when scoring.
func (c *scratch) retrieveTastes() {
	for n := range c.req.Profile.Attributes {
		if n >= maxTastes {
			return
		}
		t := &c.req.Profile.Attributes[n]
		a := c.st.snap.Attribute(t.Name)
		c.bestOf(a.Variants(a.Code(t.Value)), maxNew, byAttribute)
	}
}

// bestOf brings in the most popular of a short list of variants.
func (c *scratch) bestOf(variants []uint32, most int, from source) {
	if len(variants) == 0 || len(variants) > alwaysCheap || c.closed {
		return
	}
	c.best = c.best[:0]
	for _, v := range variants {
		c.keepBest(c.st.snap.GroupOf(v), most)
	}
	c.touchBest(from)
}

// keepBest notes a group in c.best when it is among the most popular so far.
func (c *scratch) keepBest(g uint32, most int) {
	r := ranked{score: c.st.pop.share[g], variant: g}
	if len(c.best) == most && !before(r, c.best[most-1]) {
		return
	}
	for n := range c.best { // another variant of it
		if c.best[n].variant == g {
			return
		}
	}
	c.best = insert(c.best, r, most)
}

func (c *scratch) touchBest(from source) {
	for _, b := range c.best {
		c.touch(b.variant, from)
	}
}

// retrieveBoosts brings in the best matches of the boosts that hold.
func (c *scratch) retrieveBoosts() {
	c.rules.Boosts(func(n int) {
		for _, g := range c.st.boosts[n] {
			c.touch(g, byBoost)
		}
	})
}

// retrieveTail fills up with what many like until there is enough for the
// longest answer, whatever the limit: a shorter answer is the beginning of a
// longer one.
func (c *scratch) retrieveTail() {
	want := poolSize
	if c.rules.Arranges() {
		want = arrangedPool
	}
	if c.kept >= want && !c.rules.NamesSources() {
		return
	}
	for n, g := range c.st.pop.trending {
		if x := c.touch(g, byTrending); x != nil {
			x.trend = uint8(n + 1)
		}
	}
	c.retrievePage()
	for n, g := range c.st.snap.Fresh() {
		if n >= maxNew || !c.isNew(c.st.snap.Members(g)[0]) {
			break
		}
		c.touch(g, byNew)
	}
	narrow := c.rules.Narrowest(&c.filter)
	size := narrow.Size()
	if size >= 0 && (size <= alwaysCheap || size <= maxEnumerated && size*size <= want*c.st.snap.Len()) {
		c.retrieveMatches(narrow.Append(c.enum[:0], maxEnumerated), want)
		return
	}
	if !c.retrievePopular(want) && size >= 0 { // all of the filter's items are unpopular
		c.retrieveMatches(narrow.Append(c.enum[:0], maxEnumerated), want)
	}
}

// retrievePage brings in what the page is about.
func (c *scratch) retrievePage() {
	c.bestOf(c.st.snap.Attribute("categories").Variants(c.page), poolSize, byPage)
	for _, code := range c.words {
		c.bestOf(c.st.snap.Word().Variants(code), poolSize, byPage)
	}
}

// retrieveMatches brings in the most popular of a filter's enumerated variants.
func (c *scratch) retrieveMatches(variants []uint32, want int) {
	c.enum = variants
	c.best = c.best[:0]
	for _, v := range variants {
		g := c.st.snap.GroupOf(v)
		if c.find(g) < 0 && c.check(v) == kept {
			c.keepBest(g, want)
		}
	}
	c.touchBest(byFilter)
}

// retrievePopular walks down the popularity order, then from the newest of the
// others on. It reports whether there is enough.
func (c *scratch) retrievePopular(want int) bool {
	lazy := c.lean && c.page == catalog.None && len(c.words) == 0
	left, hits, floor := maxWalk, 0, 0.0
	for _, g := range c.st.pop.order[:min(left, len(c.st.pop.order))] {
		share := c.st.pop.share[g]
		if c.kept >= want || max(leastTail, share)+newWeight < floor {
			return true
		}
		left--
		if c.touch(g, byPopular) == nil || !lazy {
			continue
		}
		if hits++; hits == c.req.limit() {
			floor = share // the answer is full of what is at least that popular
		}
	}
	if len(c.st.pop.order) == c.st.snap.Groups() {
		return c.kept >= MaxLimit
	}
	for _, g := range c.st.snap.Fresh() {
		if c.kept >= want || left == 0 {
			break
		}
		if left--; c.st.pop.share[g] == 0 {
			c.touch(g, byPopular)
		}
	}
	return c.kept >= MaxLimit
}
