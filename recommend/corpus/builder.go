package corpus

import (
	"context"
	"errors"
	"math"

	"github.com/nextbest/nextbest/internal/fault"
)

const (
	// maxSession is the longest session kept; of longer ones the newest items.
	// It bounds the work that one runaway client can cause, whose every pair of
	// items would have to be added up.
	maxSession = 2000
	// defaultSpill is Options.SpillAbove when it is 0.
	defaultSpill = 256 << 20
)

// Options are where a corpus keeps its memory; the zero value works.
type Options struct {
	SpillDir   string // folder of the temporary files; the system's when empty
	SpillAbove int64  // bytes of heap above which arrays live in temporary files mapped into memory; 256 MiB when 0
}

// Builder collects sessions: four bytes of memory or temporary file per click,
// ten per session, and each id once. Not safe for concurrent use.
type Builder struct {
	opts    Options
	ids     ids
	items   stream[uint32] // numbers in order of arrival
	sizes   stream[uint16] // of the sessions
	days    stream[float64]
	skipped int
	crowded bool // an id found no room
}

// NewBuilder is an empty Builder.
func NewBuilder(o Options) *Builder {
	if o.SpillAbove <= 0 {
		o.SpillAbove = defaultSpill
	}
	// The lists that grow take a quarter of the budget each at most, four and
	// eight bytes an element; the arrays of Build take the rest.
	limit := func(size int64) int { return int(max(1, o.SpillAbove/4/size)) }
	return &Builder{
		opts: o, ids: newIDs(),
		items: stream[uint32]{dir: o.SpillDir, limit: limit(4)},
		sizes: stream[uint16]{dir: o.SpillDir, limit: limit(8)},
		days:  stream[float64]{dir: o.SpillDir, limit: limit(8)},
	}
}

// Add takes a whole session: its items in time order and the time of its end
// in days since the epoch. Empty sessions and those without a finite time are
// left out and counted; of a session with more than 2000 items the newest 2000
// are taken. The strings are not kept.
func (b *Builder) Add(items []string, endDays float64) {
	if len(items) == 0 || math.IsNaN(endDays) || math.IsInf(endDays, 0) {
		b.skipped++
		return
	}
	items = items[max(0, len(items)-maxSession):]
	for _, id := range items {
		n, ok := b.ids.number(id)
		if !ok {
			b.crowded = true // Build says so
		}
		b.items.add(n)
	}
	b.sizes.add(uint16(len(items)))
	b.days.add(endDays)
}

// Sessions is the number of sessions taken.
func (b *Builder) Sessions() int { return b.days.len() }

// Skipped is the number of sessions left out, also after Build.
func (b *Builder) Skipped() int { return b.skipped }

// Build makes the corpus; the Builder is spent. The error is a fault of kind
// Invalid when there are no sessions or too many, one of kind Unavailable when
// there is no temporary space, or the context's.
func (b *Builder) Build(ctx context.Context) (*Corpus, error) {
	defer func() {
		b.items.drop()
		b.sizes.drop()
		b.days.drop()
		skipped := b.skipped
		*b = *NewBuilder(b.opts)
		b.skipped = skipped
	}()
	switch {
	case b.days.len() == 0:
		return nil, fault.Invalidf("no_sessions", "there is no session to train on")
	case b.items.len() > math.MaxInt32:
		return nil, fault.Invalidf("too_many_clicks", "at most 2^31 clicks can be trained on; train on fewer days")
	case b.crowded:
		return nil, fault.Invalidf("too_many_items", "the item ids take more than 4 GiB; shorten them or train on fewer days")
	}
	c := &Corpus{}
	kept := memory{dir: b.opts.SpillDir, left: b.opts.SpillAbove / 4}
	err := b.build(ctx, c, &kept)
	c.memory = kept.blocks
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (b *Builder) build(ctx context.Context, c *Corpus, kept *memory) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	rank, err := b.number(c, kept)
	if err != nil {
		return err
	}
	source := memory{dir: b.opts.SpillDir} // what is needed until the sessions are sorted
	err = b.sort(ctx, c, rank, &source, kept)
	if err := errors.Join(err, release(source.blocks)); err != nil {
		return err
	}
	if err := c.findDistinct(kept); err != nil {
		return err
	}
	return c.post(ctx, kept)
}

// number sorts the ids and returns each item's number by order of arrival.
func (b *Builder) number(c *Corpus, kept *memory) ([]uint32, error) {
	order := b.ids.sorted()
	var err error
	if c.ids, err = alloc[uint8](kept, len(b.ids.arena)); err != nil {
		return nil, err
	}
	c.idOff = make([]uint32, len(order)+1)
	rank := make([]uint32, len(order))
	end := 0
	for r, i := range order {
		rank[i] = uint32(r)
		end += copy(c.ids[end:], b.ids.bytes(i))
		c.idOff[r+1] = uint32(end)
	}
	b.ids = ids{}
	return rank, nil
}

// sort puts the sessions in the order of their ends.
func (b *Builder) sort(ctx context.Context, c *Corpus, rank []uint32, source, kept *memory) error {
	var from arrivals
	var err error
	if from.items, err = b.items.all(source); err != nil {
		return err
	}
	sizes, err := b.sizes.all(source)
	if err != nil {
		return err
	}
	if from.days, err = b.days.all(source); err != nil {
		return err
	}
	if c.items, err = alloc[uint32](kept, len(from.items)); err != nil {
		return err
	}
	if c.days, err = alloc[float64](kept, len(sizes)); err != nil {
		return err
	}
	if c.offsets, err = alloc[uint32](kept, len(sizes)+1); err != nil {
		return err
	}
	if from.order, err = from.byEnd(source); err != nil {
		return err
	}
	if from.offsets, err = starts(sizes, source); err != nil {
		return err
	}
	c.counts = make([]uint32, len(rank))
	for s := range from.days {
		if s%chunk == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		from.copy(c, s, rank)
	}
	return nil
}
