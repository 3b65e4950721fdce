package dataset

import (
	"encoding/hex"
	"iter"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/nextbest/nextbest/internal/fault"
)

// GenerateOptions say which clicks to make. The same options make the same
// clicks on every machine.
type GenerateOptions struct {
	Items  int     // size of the catalog, 1 to 2^31-1; with few clicks not all of it is met
	Clicks int64   // items in all sessions, 2 or more; the last session may exceed it
	Seed   uint64  // another seed is another shop
	UUIDs  bool    // ids are UUIDs; decimal numbers otherwise
	Days   float64 // the sessions end in 0..Days, in order; 30 when 0
}

// The shape of the clicks. Items come in clusters (a category, a brand) whose
// popularity falls as a power law, and so does the popularity of the items
// within one; the exponents give a head like that of real shops, where a
// hundredth of the catalog takes about a third of the clicks.
const (
	clusterSize  = 48
	clusterLaw   = 1.05 // exponent of the clusters' popularity
	clusterShift = 4    // flattens the very head
	memberLaw    = 1.1  // exponent within a cluster
	memberShift  = 3

	// What a visitor does next, of 100.
	repeatShare    = 25 // goes back to an item of the session
	neighbourShare = 30 // goes on to one of the item's close neighbours
	clusterShare   = 30 // looks around in the cluster
	// The rest starts on something else.

	lengthLaw = 1.8 // P(length >= n) falls as n to the power -1.8
	maxLength = 200
)

// Generated are sessions made by Generate: they are computed while they are
// read and take no memory.
type Generated struct {
	opts     GenerateOptions
	clusters int
	step     uint64 // coprime to the number of clusters: spreads their popularity over the numbers
}

// Generate makes clicks with the structure that ranking meets: power-law
// popularity, power-law session lengths from 2 on, items that follow each other
// within clusters, and visitors who come back to items. The error is a fault of
// kind Invalid for options outside their range.
func Generate(o GenerateOptions) (*Generated, error) {
	if o.Days == 0 {
		o.Days = defaultSpanDays
	}
	if o.Items < 1 || o.Items > math.MaxInt32 || o.Clicks < 2 || !(o.Days > 0) || math.IsInf(o.Days, 0) {
		return nil, fault.Invalidf("generate", "there must be 1 to 2^31-1 items, 2 or more clicks and more than 0 days")
	}
	g := &Generated{opts: o, clusters: (o.Items + clusterSize - 1) / clusterSize}
	g.step = coprime(uint64(g.clusters), mix(o.Seed))
	return g, nil
}

// Items is the size of the catalog.
func (g *Generated) Items() int { return g.opts.Items }

// ID is the id of item i, 0 <= i < Items().
func (g *Generated) ID(i uint32) string {
	if !g.opts.UUIDs {
		return strconv.FormatUint(100_000_000+uint64(i), 10)
	}
	var b [16]byte
	for half := range 2 {
		x := mix(g.opts.Seed ^ uint64(i)<<1 ^ uint64(half) ^ 0x9e3779b97f4a7c15)
		for n := range 8 {
			b[8*half+n] = byte(x >> (8 * n))
		}
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var text [36]byte
	for n, at := range [5]int{0, 9, 14, 19, 24} {
		from := [5]int{0, 4, 6, 8, 10}[n]
		to := [5]int{4, 6, 8, 10, 16}[n]
		hex.Encode(text[at:], b[from:to])
	}
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// All are the sessions, item numbers in time order with the end in days; the
// slice is reused.
func (g *Generated) All() iter.Seq2[[]uint32, float64] {
	return func(yield func([]uint32, float64) bool) {
		v := g.visitor()
		var session []uint32
		for made := int64(0); made < g.opts.Clicks; {
			session = v.session(session[:0])
			made += int64(len(session))
			end := g.opts.Days * float64(min(made, g.opts.Clicks)) / float64(g.opts.Clicks)
			if !yield(session, end) {
				return
			}
		}
	}
}

// visitor walks through the shop.
type visitor struct {
	g       *Generated
	rnd     *rand.Rand
	popular *rand.Zipf // a cluster's place by popularity
	member  *rand.Zipf // an item's place in its cluster
}

func (g *Generated) visitor() *visitor {
	rnd := rand.New(rand.NewPCG(g.opts.Seed, 0x6e62))
	return &visitor{
		g: g, rnd: rnd,
		popular: rand.NewZipf(rnd, clusterLaw, clusterShift, uint64(g.clusters-1)),
		member:  rand.NewZipf(rnd, memberLaw, memberShift, clusterSize-1),
	}
}

// session appends one visit to list.
func (v *visitor) session(list []uint32) []uint32 {
	length := maxLength
	if n := 2 * math.Pow(1-v.rnd.Float64(), -1/lengthLaw); n < maxLength {
		length = int(n)
	}
	at := v.anywhere()
	for list = append(list, at); len(list) < length; list = append(list, at) {
		at = v.next(list)
	}
	return list
}

// next is the item after those of list.
func (v *visitor) next(list []uint32) uint32 {
	at := list[len(list)-1]
	cluster, place := at/clusterSize, at%clusterSize
	switch what := v.rnd.IntN(100); {
	case what < repeatShare:
		back := min(int(v.rnd.ExpFloat64()*2), len(list)-1)
		return list[len(list)-1-back]
	case what < repeatShare+neighbourShare:
		return v.item(cluster, uint64(place)+1+uint64(v.rnd.ExpFloat64()*2))
	case what < repeatShare+neighbourShare+clusterShare:
		return v.item(cluster, v.member.Uint64())
	}
	return v.anywhere()
}

// anywhere is an item by popularity alone.
func (v *visitor) anywhere() uint32 {
	n := uint64(v.g.clusters)
	return v.item(uint32(v.popular.Uint64()*v.g.step%n), v.member.Uint64())
}

// item is the place-th of a cluster, counted around; the last cluster may be
// smaller.
func (v *visitor) item(cluster uint32, place uint64) uint32 {
	first := uint64(cluster) * clusterSize
	return uint32(first + place%min(clusterSize, uint64(v.g.opts.Items)-first))
}

// mix spreads a number over all its bits (the finaliser of SplitMix64, Steele
// and others, OOPSLA 2014). It is a bijection: different numbers stay different.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// coprime is a number below n, from which on, without a common divisor with n.
func coprime(n, from uint64) uint64 {
	for x := from % n; ; x = (x + 1) % n {
		if gcd(x, n) == 1 {
			return x
		}
	}
}

func gcd(a, b uint64) uint64 {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}
