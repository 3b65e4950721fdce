package rows

import (
	"context"
	"math"
	"sort"
	"strings"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
)

// maxSession is the longest session trained on; of longer ones the newest
// items count. It bounds the work that one runaway client can cause, whose
// every pair of items would have to be added up.
const maxSession = 2000

// Builder collects sessions and trains a Model from them. It keeps four bytes
// per click, not the pairs. Not safe for concurrent use.
type Builder struct {
	params  Params
	index   map[string]uint32 // id to number in order of arrival
	ids     []string
	items   []uint32 // all sessions, one after the other
	offsets []int    // where each session starts, and the end
	days    []float64
	skipped int
}

// NewBuilder is an empty Builder; Build checks the parameters.
func NewBuilder(p Params) *Builder {
	return &Builder{params: p, index: map[string]uint32{}, offsets: []int{0}}
}

// Add takes a whole session: its items in time order and the time of its end
// in days since the epoch. Empty sessions and those without a finite time are
// left out and counted.
func (b *Builder) Add(items []string, endDays float64) {
	if len(items) == 0 || !finite(endDays) {
		b.skipped++
		return
	}
	for _, id := range items[max(0, len(items)-maxSession):] {
		n, ok := b.index[id]
		if !ok {
			id = strings.Clone(id) // the caller's may hold a whole line alive
			n = uint32(len(b.ids))
			b.index[id] = n
			b.ids = append(b.ids, id)
		}
		b.items = append(b.items, n)
	}
	b.offsets = append(b.offsets, len(b.items))
	b.days = append(b.days, endDays)
}

// Sessions is the number of sessions taken.
func (b *Builder) Sessions() int { return len(b.days) }

// Skipped is the number of sessions left out.
func (b *Builder) Skipped() int { return b.skipped }

// BuildOptions are the circumstances of a Build; nil and the zero value work.
type BuildOptions struct {
	TrainedAt time.Time             // kept in the model; the epoch when zero
	Workers   int                   // goroutines, 1 when zero; the result does not depend on it
	Progress  func(done, total int) // called from one goroutine at a time; may be nil
}

// Build trains the model. The Builder stays as it is: add more and build
// again. The error is a fault of kind Invalid for bad parameters or no
// sessions, or the context's.
func (b *Builder) Build(ctx context.Context, opts *BuildOptions) (*Model, error) {
	if opts == nil {
		opts = &BuildOptions{}
	}
	if err := b.params.Validate(); err != nil {
		return nil, err
	}
	if len(b.days) == 0 {
		return nil, fault.Invalidf("no_sessions", "there is no session to train on")
	}
	if len(b.items) > math.MaxInt32 {
		return nil, fault.Invalidf("too_many_clicks", "at most 2^31 clicks can be trained on; train on fewer days")
	}
	c := b.corpus()
	m := &Model{
		params:   b.params,
		latest:   c.latest,
		sessions: uint64(len(b.days)),
		clicks:   uint64(len(b.items)),
		counts:   c.counts,
		mass:     make([]float64, len(b.ids)),
	}
	if !opts.TrainedAt.IsZero() {
		m.trainedAt = opts.TrainedAt.UnixMilli()
	}
	m.setIDs(c.ids)
	if err := c.rows(ctx, m, opts); err != nil {
		return nil, err
	}
	m.seal()
	return m, nil
}

func (m *Model) setIDs(ids []string) {
	size := 0
	for _, id := range ids {
		size += len(id)
	}
	var all strings.Builder
	all.Grow(size)
	m.idOff = make([]uint32, 1, len(ids)+1)
	for _, id := range ids {
		all.WriteString(id)
		m.idOff = append(m.idOff, uint32(all.Len()))
	}
	m.ids = all.String()
}

// corpus is the sessions prepared for training: items numbered by id, and
// which sessions each item is in.
type corpus struct {
	params  Params
	ids     []string // sorted
	counts  []float64
	latest  float64
	weights []float64 // w_s per session
	items   []uint32  // the sessions' items
	offsets []int
	unique  []uint32 // the sessions' distinct items, in order of first place
	uniqOff []int
	posts   []uint32 // sessions per item, in order of arrival
	postOff []int
}

func (b *Builder) corpus() *corpus {
	c := &corpus{params: b.params, offsets: b.offsets, items: make([]uint32, len(b.items))}
	order := make([]uint32, len(b.ids))
	for i := range order {
		order[i] = uint32(i)
	}
	sort.Slice(order, func(x, y int) bool { return b.ids[order[x]] < b.ids[order[y]] })
	rank := make([]uint32, len(order))
	for r, i := range order {
		rank[i] = uint32(r)
		c.ids = append(c.ids, b.ids[i])
	}
	c.counts = make([]float64, len(order))
	for p, i := range b.items {
		c.items[p] = rank[i]
		c.counts[rank[i]]++
	}
	c.weigh(b.days)
	c.post()
	return c
}

// weigh sets w_s = exp(-(t_max - t_s)/sw).
func (c *corpus) weigh(days []float64) {
	c.latest = days[0]
	for _, d := range days {
		c.latest = max(c.latest, d)
	}
	c.weights = make([]float64, len(days))
	for s, d := range days {
		c.weights[s] = math.Exp(-(c.latest - d) / c.params.SWDays)
	}
}

// post finds each session's distinct items and each item's sessions.
func (c *corpus) post() {
	seen := make([]uint32, len(c.ids)) // 1 + the session in which the item was last met
	sizes := make([]int, len(c.ids)+1)
	c.uniqOff = make([]int, 1, len(c.offsets))
	c.unique = make([]uint32, 0, len(c.items))
	for s := range c.weights {
		for _, i := range c.items[c.offsets[s]:c.offsets[s+1]] {
			if seen[i] != uint32(s)+1 {
				seen[i] = uint32(s) + 1
				sizes[i+1]++
				c.unique = append(c.unique, i)
			}
		}
		c.uniqOff = append(c.uniqOff, len(c.unique))
	}
	for i := range c.ids {
		sizes[i+1] += sizes[i]
	}
	c.postOff = sizes
	next := append([]int(nil), sizes...)
	c.posts = make([]uint32, len(c.unique))
	for s := range c.weights {
		for _, i := range c.unique[c.uniqOff[s]:c.uniqOff[s+1]] {
			c.posts[next[i]] = uint32(s)
			next[i]++
		}
	}
}
