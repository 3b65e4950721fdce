package cached

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/ristretto/v2"
	"golang.org/x/sync/singleflight"

	"github.com/nextbest/nextbest/store"
)

const (
	jitter = 0.1 // entries made together do not end together
	// retryAfter spaces the refreshes of one entry while the store fails.
	retryAfter = time.Second
	// recentSlots hold the entries that were made last, because ristretto takes
	// them in only a little later and may refuse them.
	recentSlots = 256
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
	site, id string
	except   string
	limit    int
}

// key is the query as a map key: parts with their lengths, so no two queries
// have the same.
func (q *query) key() string {
	b := make([]byte, 0, len(q.site)+len(q.id)+len(q.except)+16)
	b = append(b, q.kind)
	b = binary.AppendVarint(b, int64(q.limit))
	for _, s := range []string{q.site, q.id, q.except} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return string(b)
}

// loaded is what a read of the store gave.
type loaded struct {
	value any
	bytes int64
	empty bool // the store has none: kept for a shorter time
}

// entry is a value with its end.
type entry struct {
	key        string
	value      any
	mark       mark
	soft, hard time.Time
	retry      atomic.Int64 // no refresh before this time, in ns
}

// cache is ristretto with the rules of this package. It is told how to read
// with every question.
type cache struct {
	opts        Options
	kept        *ristretto.Cache[string, *entry]
	seed        maphash.Seed
	recent      [recentSlots]atomic.Pointer[entry]
	generations *generations
	flights     singleflight.Group

	base   context.Context // of all reads; ends with the cache
	cancel context.CancelFunc
	mu     sync.Mutex
	closed bool
	loads  sync.WaitGroup
}

func newCache(opts Options) (*cache, error) {
	kept, err := ristretto.NewCache(&ristretto.Config[string, *entry]{
		NumCounters: max(opts.MaxBytes/counterBytes, 1000),
		MaxCost:     opts.MaxBytes,
		BufferItems: 64,
		// Its own bytes per entry count as well: the limit is of memory.
		IgnoreInternalCost: false,
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	c := &cache{opts: opts, kept: kept, seed: maphash.MakeSeed(), generations: newGenerations()}
	c.base, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

type reader func(context.Context) (loaded, error)

// get answers from an entry while it is fresh, from a stale one while a refresh
// runs beside, else from the store. Callers who miss together share one read,
// which has its own deadline: nobody's leaving ends it for the others.
func (c *cache) get(ctx context.Context, q query, read reader) (any, error) {
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	m := c.generations.current(&q)
	key := q.key()
	now := c.opts.Now()
	if e := c.peek(key); e != nil && c.generations.valid(e.mark, &q) && now.Before(e.hard) {
		if now.After(e.soft) && e.claim(now) {
			c.flights.DoChan(flight(key, m), func() (any, error) { return c.load(q, key, m, read) })
		}
		return e.value, nil
	}
	answer := c.flights.DoChan(flight(key, m), func() (any, error) { return c.load(q, key, m, read) })
	select {
	case r := <-answer:
		return r.Val, r.Err
	case <-ctx.Done():
		return nil, store.ContextError(ctx)
	}
}

// flight names the shared read: who starts after a write does not join a read
// from before it.
func flight(key string, m mark) string {
	b := make([]byte, 0, len(key)+16)
	b = binary.BigEndian.AppendUint64(b, m.id)
	b = binary.BigEndian.AppendUint64(b, m.site)
	return string(append(b, key...))
}

// claim makes one of many readers of a stale entry the one that refreshes it.
func (e *entry) claim(now time.Time) bool {
	due := e.retry.Load()
	return now.UnixNano() >= due && e.retry.CompareAndSwap(due, now.Add(retryAfter).UnixNano())
}

// load reads the store, once for all who wait.
func (c *cache) load(q query, key string, m mark, read reader) (value any, err error) {
	if !c.begin() {
		return nil, store.Closed()
	}
	defer c.loads.Done()
	defer func() {
		if r := recover(); r != nil { // it would end the process: nobody's handler is above
			err = fmt.Errorf("read through the cache: %v", r)
		}
	}()
	// A reader may have missed just before the last flight ended.
	if e := c.peek(key); e != nil && c.generations.valid(e.mark, &q) && c.opts.Now().Before(e.soft) {
		return e.value, nil
	}
	ctx, cancel := context.WithTimeout(c.base, c.opts.LoadTimeout)
	defer cancel()
	got, err := read(ctx)
	if err != nil {
		return nil, err
	}
	if c.generations.valid(m, &q) {
		c.keep(key, m, got)
	}
	return got.value, nil
}

func (c *cache) keep(key string, m mark, got loaded) {
	soft, hard := c.opts.Soft, c.opts.Hard
	if got.empty {
		soft, hard = c.opts.Empty, 2*c.opts.Empty
	}
	now, spread := c.opts.Now(), 1-jitter+2*jitter*c.opts.Random()
	soft, hard = stretch(soft, spread), stretch(hard, spread)
	e := &entry{key: key, value: got.value, mark: m, soft: now.Add(soft), hard: now.Add(hard)}
	c.slot(key).Store(e)
	c.kept.SetWithTTL(key, e, got.bytes+entryBytes+int64(len(key)), hard)
}

func stretch(d time.Duration, by float64) time.Duration { return time.Duration(float64(d) * by) }

func (c *cache) slot(key string) *atomic.Pointer[entry] {
	return &c.recent[maphash.String(c.seed, key)%recentSlots]
}

// peek is the entry of a key, valid or not. ristretto compares hashes only.
func (c *cache) peek(key string) *entry {
	if e := c.slot(key).Load(); e != nil && e.key == key {
		return e
	}
	if e, ok := c.kept.Get(key); ok && e != nil && e.key == key {
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
