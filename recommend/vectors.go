package recommend

import (
	"math"

	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/vector"
	"github.com/nextbest/nextbest/session"
)

// retrieveVectors brings in the items nearest to the profile and the session
// where the catalog is small enough to be scanned. Vectors of two spaces never
// meet.
func (c *scratch) retrieveVectors() {
	if c.st.space.set.Len() > scanVectors || c.closed {
		return
	}
	if v := c.taste(); v != nil {
		c.retrieveNear(v, byVector)
	}
	if v := c.denseSession(); v != nil {
		c.retrieveNear(v, byVector)
	}
}

// scoreVectors adds to each side what the vectors say. The session's rows are
// divided by their largest sum before: both parts are of one scale then.
func (c *scratch) scoreVectors() {
	c.peaks[0] = c.normalize()
	if v := c.denseSession(); v != nil {
		top := c.compare(v)
		for i := range c.cands {
			part := signed(c.dots[i], top)
			c.cands[i].s += part
			if c.trace {
				c.accounts[i].vector = part
			}
		}
	}
	if v := c.taste(); v != nil {
		top := c.compare(v)
		for i := range c.cands {
			c.cands[i].l += signed(c.dots[i], top)
		}
	}
}

// compare fills c.dots with every candidate's dot product, NaN for one without
// a vector, and returns the largest.
func (c *scratch) compare(query []float32) float64 {
	c.dots = c.dots[:0]
	top := math.Inf(-1)
	for i := range c.cands {
		x, dot := &c.cands[i], math.NaN()
		if v := c.st.space.of(x.group); v != nil && x.drop == kept {
			dot = vector.Dot(query, v)
			top = max(top, dot)
		}
		c.dots = append(c.dots, dot)
	}
	return top
}

// signed is what a dot product counts: e^(dot − largest), so that it is never
// below 0.
func signed(dot, top float64) float64 {
	if math.IsNaN(dot) {
		return 0
	}
	return vectorWeight * FromLogit(dot, top)
}

// taste is the profile's vector when it lies in the items' space.
func (c *scratch) taste() []float32 {
	p, set := c.req.Profile, c.st.space.set
	if p == nil || p.Space != set.Space() || len(p.Vector) != set.Dim() {
		return nil
	}
	return p.Vector
}

// denseSession is the session in the items' space, as session.DenseVector has
// it; nil when none of its items has a vector.
func (c *scratch) denseSession() []float32 {
	set := c.st.space.set
	c.dense = c.dense[:0]
	for range set.Dim() {
		c.dense = append(c.dense, 0)
	}
	any := false
	for b := range min(len(c.groups), session.DefaultLast) {
		v := c.st.space.of(c.groups[b])
		if v == nil {
			continue
		}
		any = true
		w := c.weights[b] * float32(math.Exp(-float64(b)/session.DefaultDelta))
		for i, x := range v {
			c.dense[i] += w * x
		}
	}
	if !any {
		return nil
	}
	return c.dense
}

// retrieveNear scans for the nearest items that may be recommended. Checking
// a row costs more than comparing it, so it is asked only about the best.
func (c *scratch) retrieveNear(query []float32, from source) {
	space := &c.st.space
	c.near = space.set.TopK(query, nearVectors, func(row uint32) bool {
		g := space.group[row]
		if g == catalog.None {
			return true
		}
		if i := c.find(g); i >= 0 {
			return c.cands[i].drop != kept
		}
		_, why := c.choose(g)
		return why != kept
	}, c.near)
	for _, n := range c.near {
		c.touch(space.group[n.Row], from)
	}
}
