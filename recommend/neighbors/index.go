package neighbors

import (
	"context"
	"math"
	"slices"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/corpus"
)

// Options are what an Index keeps; the zero value keeps everything.
type Options struct {
	Recent   int     // newest sessions kept per item, all when 0; a model needs its M
	Quantile float64 // sessions with more distinct items than this share of sessions has are left out, none when 0; 0..1
}

// Index leads from an item to the newest sessions that hold it, and from a
// session to its items: immutable, safe for any number of readers. Its items
// are numbered like the corpus it was built from. Sessions that no item leads
// to any more are not kept, so its size is bounded by Recent times the items
// however long the log grows.
type Index struct {
	recent  int
	total   int       // (session, item) pairs of all sessions of the corpus
	counts  []uint32  // of them, per item
	posts   []uint32  // the sessions of each item, newest first
	postOff []uint32  // Len()+1 offsets into posts
	items   []uint32  // the distinct items of each session, in the order of their last places
	places  []uint16  // the last place of each in its session, from 1
	offsets []uint32  // Sessions()+1 offsets into items and places
	ages    []float32 // days from the session's end to the newest session's
}

// NewIndex builds the index of a corpus; the corpus is not needed afterwards.
// The error is a fault of kind Invalid for options out of range, or the
// context's.
func NewIndex(ctx context.Context, c *corpus.Corpus, o Options) (*Index, error) {
	if o.Recent < 0 || !(o.Quantile >= 0 && o.Quantile <= 1) {
		return nil, fault.Invalidf("options", "an index keeps 0 or more sessions per item, up to a quantile of 0..1")
	}
	if o.Recent == 0 {
		o.Recent = math.MaxInt32
	}
	b := indexBuilder{c: c, x: &Index{recent: o.Recent, counts: make([]uint32, c.Len())}, limit: math.MaxUint32}
	b.count(o.Quantile)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.post()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.keep()
	return b.x, nil
}

// indexBuilder is the work of NewIndex.
type indexBuilder struct {
	c        *corpus.Corpus
	x        *Index
	distinct []uint32 // per session of the corpus
	seen     []uint32 // per item: 1 + the session in which it was last met
	limit    uint32   // distinct items of the longest session posted
	most     int      // posts at most
}

// count counts the distinct items of every session, finds the longest session
// allowed, and counts the sessions of every item.
func (b *indexBuilder) count(quantile float64) {
	b.distinct = make([]uint32, b.c.Sessions())
	for i := range uint32(b.c.Len()) {
		posts := b.c.Posts(i)
		b.x.counts[i] = uint32(len(posts))
		b.x.total += len(posts)
		b.most += min(len(posts), b.x.recent)
		for _, s := range posts {
			b.distinct[s]++
		}
	}
	if quantile > 0 {
		sorted := slices.Clone(b.distinct)
		slices.Sort(sorted)
		at := int(math.Ceil(quantile*float64(len(sorted)))) - 1
		b.limit = sorted[max(0, at)]
	}
}

// post keeps the newest sessions of every item; corpus sessions are numbered
// from the oldest on, so the newest stand at the end.
func (b *indexBuilder) post() {
	b.x.postOff = make([]uint32, 1, b.c.Len()+1)
	b.x.posts = make([]uint32, 0, b.most)
	for i := range uint32(b.c.Len()) {
		from := len(b.x.posts)
		for _, s := range slices.Backward(b.c.Posts(i)) {
			if len(b.x.posts)-from == b.x.recent {
				break
			}
			if b.distinct[s] <= b.limit {
				b.x.posts = append(b.x.posts, s)
			}
		}
		b.x.postOff = append(b.x.postOff, uint32(len(b.x.posts)))
	}
}

// keep takes over the sessions that a post leads to, and numbers them anew.
func (b *indexBuilder) keep() {
	led := make([]bool, b.c.Sessions())
	sessions, items := 0, 0
	for _, s := range b.x.posts {
		if !led[s] {
			led[s] = true
			sessions++
			items += int(b.distinct[s])
		}
	}
	number := make([]uint32, len(led))
	b.seen = make([]uint32, b.c.Len())
	b.x.items, b.x.places = make([]uint32, 0, items), make([]uint16, 0, items)
	b.x.ages, b.x.offsets = make([]float32, 0, sessions), make([]uint32, 1, sessions+1)
	latest := b.c.Latest()
	for s, is := range led {
		if !is {
			continue
		}
		number[s] = uint32(len(b.x.ages))
		b.session(s)
		b.x.offsets = append(b.x.offsets, uint32(len(b.x.items)))
		b.x.ages = append(b.x.ages, float32(latest-b.c.Day(s)))
	}
	for n, s := range b.x.posts {
		b.x.posts[n] = number[s]
	}
}

// session appends the distinct items of a session with their last places.
func (b *indexBuilder) session(s int) {
	session, from := b.c.Session(s), len(b.x.items)
	for p, item := range slices.Backward(session) {
		if b.seen[item] != uint32(s)+1 {
			b.seen[item] = uint32(s) + 1
			b.x.items = append(b.x.items, item)
			b.x.places = append(b.x.places, uint16(p+1)) // a corpus holds sessions of at most 2000
		}
	}
	slices.Reverse(b.x.items[from:])
	slices.Reverse(b.x.places[from:])
}

// Len is the number of items.
func (x *Index) Len() int { return len(x.counts) }

// Sessions is the number of sessions kept; a higher number is a newer session.
func (x *Index) Sessions() int { return len(x.ages) }

// Posts are the sessions of an item, newest first: read only. An item beyond
// Len has none.
func (x *Index) Posts(item uint32) []uint32 {
	if uint64(item) >= uint64(len(x.counts)) {
		return nil
	}
	from, to := x.postOff[item], x.postOff[item+1]
	return x.posts[from:to:to]
}

// Session is the distinct items of a session and the last place of each in
// it, from 1 and ascending: read only.
func (x *Index) Session(s uint32) (items []uint32, places []uint16) {
	from, to := x.offsets[s], x.offsets[s+1]
	return x.items[from:to:to], x.places[from:to:to]
}

// Bytes is the memory that the index takes.
func (x *Index) Bytes() int64 {
	words := len(x.counts) + len(x.posts) + len(x.postOff) + len(x.items) + len(x.offsets) + len(x.ages)
	return int64(4*words + 2*len(x.places))
}

// rarity is ln(pairs/pairs of the item) for every item: 0 for one that is in
// all of them, and for one that is in none.
func (x *Index) rarity() []float32 {
	idf := make([]float32, len(x.counts))
	for i, n := range x.counts {
		if n > 0 {
			idf[i] = float32(math.Log(float64(x.total) / float64(n)))
		}
	}
	return idf
}

// shortness is 1/√(distinct items) of every session.
func (x *Index) shortness() []float64 {
	out := make([]float64, x.Sessions())
	for s := range out {
		out[s] = 1 / math.Sqrt(float64(x.offsets[s+1]-x.offsets[s]))
	}
	return out
}

// longest is one more than the largest distance of two places in a session.
func (x *Index) longest() int {
	longest := uint16(1)
	for _, p := range x.places {
		longest = max(longest, p)
	}
	return int(longest)
}
