package cached

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/nextbest/nextbest/session/flight"
	"github.com/nextbest/nextbest/store"
)

const (
	jitter = 0.1 // entries made together do not end together
	// retryAfter spaces the refreshes of one entry while the store fails.
	retryAfter = time.Second
	// recentSlots hold the entries that were made last, because ristretto takes
	// them in only a little later and may refuse them.
	recentSlots = 256
	// emptySlots hold the entries that say "there is none": most visitors are
	// new, and what is said of them must not crowd out the rest.
	emptySlots = 1 << 16
	// counterBytes: ristretto wants ten counters per entry it can hold, and an
	// entry has about a KiB.
	counterBytes = 100
)

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 64 << 20
	}
	if o.Soft <= 0 {
		o.Soft = 30 * time.Second
	}
	if o.Hard <= 0 {
		o.Hard = 10 * time.Minute
	}
	if o.Empty <= 0 {
		o.Empty = 10 * time.Second
	}
	if o.LoadTimeout <= 0 {
		o.LoadTimeout = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	return o
}

// query is what is asked for, and by which writes the answer is outdated.
type query struct {
	group    group
	kind     byte
	limit    int
	site, id string
	except   string
}

// loaded is what a read of the store gave.
type loaded struct {
	value any
	bytes int64
	empty bool // the store has none: kept for a shorter time
}

// reader reads what is asked for from the store.
type reader func(context.Context, *query) (loaded, error)

// entry is a value with its end.
type entry struct {
	query
	value      any
	mark       mark
	soft, hard int64        // when it ends, in ns
	retry      atomic.Int64 // no refresh before this time, in ns
}

// table keeps the newest entry per slot.
type table []atomic.Pointer[entry]

func (t table) slot(a *asked) *atomic.Pointer[entry] { return &t[a.hash%uint64(len(t))] }

func (t table) find(a *asked) *entry {
	if e := t.slot(a).Load(); e != nil && e.query == a.query {
		return e
	}
	return nil
}

// sharedRead names a read that callers share: who starts after a write does not
// join a read from before it.
type sharedRead struct {
	query
	mark
}

// cache is ristretto with the rules of this package.
type cache struct {
	opts        Options
	read        reader
	kept        *ristretto.Cache[uint64, *entry] // by hash: the entry knows whose it is
	recent      table
	none        table
	generations *generations
	flights     flight.Group[sharedRead, any]

	base   context.Context // of all reads; ends with the cache
	cancel context.CancelFunc
	mu     sync.Mutex
	closed bool
	loads  sync.WaitGroup
}

func newCache(opts Options, read reader) (*cache, error) {
	kept, err := ristretto.NewCache(&ristretto.Config[uint64, *entry]{
		NumCounters: max(opts.MaxBytes/counterBytes, 1000),
		MaxCost:     opts.MaxBytes,
		BufferItems: 64,
		// Its own bytes per entry count as well: the limit is of memory.
		IgnoreInternalCost: false,
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	c := &cache{opts: opts, read: read, kept: kept, recent: make(table, recentSlots), none: make(table, emptySlots), generations: newGenerations()}
	c.base, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// get answers from an entry while it is fresh, from a stale one while a refresh
// runs beside, else from the store.
func (c *cache) get(ctx context.Context, q query) (any, error) {
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	a := c.generations.ask(q)
	m := a.current()
	now := c.opts.Now().UnixNano()
	e := c.peek(&a)
	if e == nil || now >= e.hard || !a.valid(e.mark) {
		return c.shared(ctx, a, m)
	}
	if now > e.soft && e.claim(now) {
		if v, err := c.refresh(ctx, a, m); err == nil {
			return v, nil
		}
	}
	return e.value, nil
}

// errLater says that a refresh is under way.
var errLater = errors.New("the entry is refreshed")

// refresh reads the store again: at once when that costs little, else beside.
func (c *cache) refresh(ctx context.Context, a asked, m mark) (any, error) {
	if c.opts.Inline {
		return c.shared(ctx, a, m)
	}
	c.flights.Start(sharedRead{a.query, m}, func() (any, error) { return c.load(a, m) })
	return nil, errLater
}

// shared reads the store. Callers who miss together share one read, which does
// not end with one of them: nobody's leaving ends it for the others.
func (c *cache) shared(ctx context.Context, a asked, m mark) (any, error) {
	work := func() (any, error) { return c.load(a, m) }
	ask := c.flights.Beside
	if c.opts.Inline {
		ask = c.flights.Here
	}
	v, err := ask(ctx, sharedRead{a.query, m}, work)
	if err != nil && ctx.Err() != nil {
		return nil, store.ContextError(ctx)
	}
	return v, err
}

// claim makes one of many readers of a stale entry the one that refreshes it.
func (e *entry) claim(now int64) bool {
	due := e.retry.Load()
	return now >= due && e.retry.CompareAndSwap(due, now+int64(retryAfter))
}

// load reads the store, once for all who wait.
func (c *cache) load(a asked, m mark) (value any, err error) {
	if !c.begin() {
		return nil, store.Closed()
	}
	defer c.loads.Done()
	defer func() {
		if r := recover(); r != nil { // others wait for it
			value, err = nil, fmt.Errorf("read through the cache: %v", r)
		}
	}()
	// A reader may have missed just before the last flight ended.
	if e := c.peek(&a); e != nil && a.valid(e.mark) && c.opts.Now().UnixNano() < e.soft {
		return e.value, nil
	}
	ctx := c.base
	if !c.opts.Inline {
		timed, cancel := context.WithTimeout(ctx, c.opts.LoadTimeout)
		defer cancel()
		ctx = timed
	}
	got, err := c.read(ctx, &a.query)
	if err != nil {
		return nil, err
	}
	if a.valid(m) {
		c.keep(&a, m, got)
	}
	return got.value, nil
}

func (c *cache) keep(a *asked, m mark, got loaded) {
	soft, hard := c.opts.Soft, c.opts.Hard
	if got.empty {
		soft, hard = c.opts.Empty, 2*c.opts.Empty
	}
	spread := 1 - jitter + 2*jitter*c.opts.Random()
	soft, hard = stretch(soft, spread), stretch(hard, spread)
	now := c.opts.Now().UnixNano()
	e := &entry{query: a.own(), value: got.value, mark: m, soft: now + int64(soft), hard: now + int64(hard)}
	if got.empty {
		c.none.slot(a).Store(e)
		if c.opts.Inline { // to read it again costs little
			return
		}
	} else {
		if old := c.none.find(a); old != nil { // it would be found first
			c.none.slot(a).CompareAndSwap(old, nil)
		}
		c.recent.slot(a).Store(e)
	}
	c.kept.SetWithTTL(a.hash, e, got.bytes+entryBytes+int64(len(e.site)+len(e.id)+len(e.except)), hard)
}

func stretch(d time.Duration, by float64) time.Duration { return time.Duration(float64(d) * by) }

// peek is the entry of a query, valid or not.
func (c *cache) peek(a *asked) *entry {
	if e := c.none.find(a); e != nil {
		return e
	}
	if e := c.recent.find(a); e != nil {
		return e
	}
	if e, ok := c.kept.Get(a.hash); ok && e != nil && e.query == a.query {
		return e
	}
	return nil
}

// open reports why nothing can be asked.
func (c *cache) open(ctx context.Context) error {
	if err := store.ContextError(ctx); err != nil {
		return err
	}
	if c.base.Err() != nil {
		return store.Closed()
	}
	return nil
}

func (c *cache) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.loads.Add(1)
	return true
}

// close ends the reads and the cache. Closing twice is harmless.
func (c *cache) close() {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.loads.Wait()
	if first {
		c.kept.Close()
	}
}
