// Package popular counts what many visitors do, so that popularity fades, no
// network steers what others see, and what has just begun to move can be told
// from what always moves. It also holds the table of what goes with new items.
package popular

import (
	"math"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// Options are a Counter's settings; the zero value works.
type Options struct {
	HalfLife time.Duration // of popularity, 7 days by default
	Short    time.Duration // half-life of what trends, 2 hours by default
	MaxKeys  int           // keys kept, 200,000 by default; the weakest leave
}

const (
	defaultHalfLife = 7 * 24 * time.Hour
	defaultShort    = 2 * time.Hour
	defaultMaxKeys  = 200_000
	maxWeight       = 1000 // of one Add: nobody moves a key by more
	maxHalfLives    = 512  // between landmark and newest event, before sums are scaled down
)

func (o Options) withDefaults() Options {
	if o.HalfLife <= 0 {
		o.HalfLife = defaultHalfLife
	}
	if o.Short <= 0 {
		o.Short = defaultShort
	}
	if o.MaxKeys <= 0 {
		o.MaxKeys = defaultMaxKeys
	}
	return o
}

// Counter holds two decaying sums per key. Decay is forward: an event of time
// t weighs 2^((t-landmark)/half-life), so that nothing is rewritten as time
// goes by and events may come in any order. Safe for concurrent use.
type Counter struct {
	opts Options

	mu    sync.Mutex
	long  clock
	short clock
	cells map[string]*cell
	byKey []*cell // those of the last table or checkpoint, in the order of their keys
	added []*cell // since then

	listed int // blocks, over all keys
}

// cell is one key and its sums, relative to the landmarks.
type cell struct {
	key         string
	long, short float64
	blocks      *shares // nil until a block is limited
}

// clock is the landmark of one of the sums.
type clock struct {
	halfLife float64 // ms
	landmark int64   // epoch ms
	set      bool
}

// NewCounter is an empty counter.
func NewCounter(opts Options) *Counter {
	opts = opts.withDefaults()
	return &Counter{
		opts:  opts,
		long:  clock{halfLife: float64(opts.HalfLife.Milliseconds())},
		short: clock{halfLife: float64(opts.Short.Milliseconds())},
		cells: map[string]*cell{},
	}
}

// Add counts weight for key at t (epoch ms). Weights that are not above 0 are
// ignored.
func (c *Counter) Add(key string, weight float64, t int64) { c.AddFrom("", key, weight, t) }

// AddFrom is Add for what came from a network block, any text that names it:
// of all that is added, no block makes up more than 1 % of a key's sum or one
// count, once the key has four; the rest of weight is left out. It returns what
// was counted, 0..weight. The empty block is not limited.
func (c *Counter) AddFrom(block, key string, weight float64, t int64) float64 {
	if !(weight > 0) || key == "" {
		return 0
	}
	weight = math.Min(weight, maxWeight)
	c.mu.Lock()
	defer c.mu.Unlock()
	long, short := c.factor(&c.long, t, false), c.factor(&c.short, t, true)
	e := c.cells[key]
	if e == nil {
		e = c.add(key)
	}
	counted := weight
	if block == "" {
		e.long += weight * long
		e.short += weight * short
	} else {
		counted = c.limited(e, blockHash(block), weight, long, short)
	}
	if len(c.cells) > c.opts.MaxKeys {
		c.evict()
	}
	if c.listed > maxBlocks {
		c.forget()
	}
	return counted
}

func (c *Counter) add(key string) *cell {
	e := &cell{key: strings.Clone(key)} // the caller's may hold a whole record alive
	c.cells[e.key] = e
	c.added = append(c.added, e)
	return e
}

// inOrder is all cells in the order of their keys. The new ones are merged in:
// a table of many keys of which few are new costs no sort.
func (c *Counter) inOrder() []*cell {
	slices.SortFunc(c.added, func(a, b *cell) int { return strings.Compare(a.key, b.key) })
	old, n := len(c.byKey)-1, len(c.added)-1
	c.byKey = append(c.byKey, c.added...)
	for at := len(c.byKey) - 1; n >= 0; at-- {
		if old >= 0 && c.byKey[old].key > c.added[n].key {
			c.byKey[at] = c.byKey[old]
			old--
		} else {
			c.byKey[at] = c.added[n]
			n--
		}
	}
	c.added = c.added[:0]
	return c.byKey
}

// factor is what an event of time t weighs. When t is far behind the landmark
// the landmark moves there and all sums are divided by the same power of two,
// which is exact.
func (c *Counter) factor(k *clock, t int64, short bool) float64 {
	if !k.set {
		k.landmark, k.set = t, true
	}
	lives := float64(t-k.landmark) / k.halfLife
	if lives > maxHalfLives {
		whole := math.Floor(lives)
		for _, e := range c.cells {
			e.scale(int(math.Min(whole, 4096)), short)
		}
		k.landmark += int64(whole * k.halfLife)
		lives = float64(t-k.landmark) / k.halfLife
	}
	return math.Exp2(lives)
}

// scale divides the long or the short sums by a power of two.
func (e *cell) scale(exp int, short bool) {
	down := func(x *float64) { *x = math.Ldexp(*x, -exp) }
	if short {
		down(&e.short)
	} else {
		down(&e.long)
	}
	if e.blocks != nil {
		e.blocks.scale(down, short)
	}
}

// evict drops the weakest tenth: rarely, so that it costs little per Add.
func (c *Counter) evict() {
	list := slices.Clone(c.inOrder())
	sort.SliceStable(list, func(i, j int) bool { return list[i].long > list[j].long })
	for _, e := range list[c.opts.MaxKeys-c.opts.MaxKeys/10:] {
		delete(c.cells, e.key)
		if e.blocks != nil {
			c.listed -= len(e.blocks.list)
		}
	}
	c.byKey = slices.DeleteFunc(c.byKey, func(e *cell) bool { return c.cells[e.key] == nil })
}

// Len is the number of keys.
func (c *Counter) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.cells)
}

// Table is the popularity as of now.
func (c *Counter) Table(now time.Time) *Table {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &Table{at: now.UnixMilli(), byKey: make([]Entry, 0, len(c.cells))}
	long, short := c.long.fade(t.at), c.short.fade(t.at)
	var longSum, shortSum float64
	for _, e := range c.inOrder() { // in order: sums must not depend on the map's
		entry := Entry{Key: e.key, Weight: e.long * long * long, recent: e.short * short * short}
		longSum += entry.Weight
		shortSum += entry.recent
		t.byKey = append(t.byKey, entry)
	}
	for n := range t.byKey {
		t.byKey[n].Trend = trend(&t.byKey[n], longSum, shortSum)
	}
	t.pickTrending()
	return t
}

// fade is what sums relative to the landmark are multiplied with twice at time
// t: the square root, which is still exact where the whole would be too small.
func (k *clock) fade(t int64) float64 {
	if !k.set {
		return 0
	}
	return math.Exp2(float64(k.landmark-t) / k.halfLife / 2)
}

// minRecent is how much must have happened lately before a key can trend: one
// visitor is not a trend.
const minRecent = 2

// trend says by how many standard errors a key's recent share is above its
// usual one; 0 for nothing unusual. Comparing shares keeps the evening from
// making everything trend.
func trend(e *Entry, longSum, shortSum float64) float64 {
	if e.recent < minRecent || longSum <= 0 {
		return 0
	}
	expected := e.Weight / longSum * shortSum
	return math.Max(0, (e.recent-expected)/math.Sqrt(expected+1))
}
