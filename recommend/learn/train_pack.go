package learn

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// parts is how many parts the log is cut into by session. One part is in memory
// at a time: of 100 million events some 80 MB.
const parts = 64

// packed is a log on its way to sessions. A session's events lie anywhere in
// the log, days apart or in an import of any order, so the engagements are
// packed into parts by session first; then each part is small enough to be
// sorted in memory. What exceeds the budget goes to temporary files.
type packed struct {
	parts [parts]part
	held  int64 // bytes of all parts in memory
	limit int64
	dir   string
}

func newPacked(o corpus.Options) *packed {
	const usual = 64 << 20
	return &packed{limit: cmp.Or(o.SpillAbove/4, usual), dir: o.SpillDir}
}

// An engagement is packed as
//
//	hash of the session  8 bytes
//	time                 8 bytes
//	line                 4 bytes
//	kind                 1 byte, with unnamed when the client named no session
//	event id, item id    each a byte of length and the text, or asUUID and 16 bytes
const (
	hashBytes = 8
	fixed     = hashBytes + 8 + 4 + 1
	unnamed   = 0x80
	asUUID    = 0xff
)

// add packs a record; those that engage with no item are left out.
func (p *packed) add(r *event.Record) error {
	if !r.Kind.Engages() {
		return nil
	}
	sum := xxhash.New()
	sum.WriteString(r.Visitor) // a hash never fails
	sum.Write([]byte{0})
	sum.WriteString(r.Session)
	hash := sum.Sum64()
	to := &p.parts[hash>>58]
	before := len(to.held)
	kind := uint8(r.Kind)
	if r.Session == "" {
		kind |= unnamed
	}
	r.Lines(func(line int, item string) {
		b := binary.LittleEndian.AppendUint64(to.held, hash)
		b = binary.LittleEndian.AppendUint64(b, uint64(r.Time))
		b = binary.LittleEndian.AppendUint32(b, uint32(line))
		b = append(b, kind)
		to.held = appendID(appendID(b, r.ID), item)
	})
	p.held += int64(len(to.held) - before)
	if p.held < p.limit {
		return nil
	}
	p.held = 0
	for n := range p.parts {
		if err := p.parts[n].spill(p.dir); err != nil {
			return err
		}
	}
	return nil
}

// sessions calls fn with every session, in the order of their hashes; what it
// is given is valid until it returns.
func (p *packed) sessions(ctx context.Context, fn func(*logged)) error {
	for n := range p.parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := p.parts[n].take()
		if err != nil {
			return err
		}
		if err := eachSession(data, fn); err != nil {
			return err
		}
	}
	return nil
}

// place is where an engagement lies in a part.
type place struct {
	hash uint64
	at   int
}

// eachSession sorts a part by session; within one the order of the log stays.
func eachSession(data []byte, fn func(*logged)) error {
	var places []place
	for at := 0; at < len(data); {
		end := skipIDs(data, at+fixed)
		if end < 0 {
			return fmt.Errorf("read the packed log: it ends within an event")
		}
		places = append(places, place{binary.LittleEndian.Uint64(data[at:]), at})
		at = end
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.at, b.at)) })
	u := unpacker{data: data, seen: map[entryID]struct{}{}}
	for len(places) > 0 {
		n := 1
		for n < len(places) && places[n].hash == places[0].hash {
			n++
		}
		fn(u.session(places[:n]))
		places = places[n:]
	}
	return nil
}

// unpacker makes sessions of a part; what it hands out is overwritten by the
// next one.
type unpacker struct {
	data []byte
	text []byte // the ids of a session, one after the other
	ends []int
	seen map[entryID]struct{}
	out  logged
}

// entryID names an entry of a session.
type entryID struct {
	event string
	line  int32
}

// session unpacks the engagements at places. An event that is there twice
// counts as it came first.
func (u *unpacker) session(places []place) *logged {
	u.text, u.ends = u.text[:0], u.ends[:0]
	for _, p := range places {
		at := p.at + fixed
		for range 2 {
			at = u.id(at)
			u.ends = append(u.ends, len(u.text))
		}
	}
	all := string(u.text) // one string that all ids are parts of
	u.out = logged{named: u.data[places[0].at+fixed-1]&unnamed == 0, entries: u.out.entries[:0]}
	clear(u.seen)
	from := 0
	for n, p := range places {
		b := u.data[p.at+hashBytes:]
		e := session.Entry{
			Time:    int64(binary.LittleEndian.Uint64(b)),
			Line:    int32(binary.LittleEndian.Uint32(b[8:])),
			Kind:    event.Kind(b[12] &^ unnamed),
			EventID: all[from:u.ends[2*n]],
			ItemID:  all[u.ends[2*n]:u.ends[2*n+1]],
		}
		from = u.ends[2*n+1]
		if u.fresh(&e) {
			u.out.entries = append(u.out.entries, e)
		}
	}
	return &u.out
}

// fresh reports whether the session does not hold the entry yet.
func (u *unpacker) fresh(e *session.Entry) bool {
	id := entryID{e.EventID, e.Line}
	if _, known := u.seen[id]; known {
		return false
	}
	u.seen[id] = struct{}{}
	return true
}

// id appends the id at a place to the text and returns the place behind it.
func (u *unpacker) id(at int) int {
	n := int(u.data[at])
	if at++; n != asUUID {
		u.text = append(u.text, u.data[at:at+n]...)
		return at + n
	}
	b := u.data[at : at+16]
	for n, end := range uuidCuts {
		if n > 0 {
			u.text = append(u.text, '-')
		}
		from := 0
		if n > 0 {
			from = uuidCuts[n-1]
		}
		u.text = hex.AppendEncode(u.text, b[from:end])
	}
	return at + 16
}

// uuidCuts are the bytes of a UUID at which its text has a hyphen, and its end.
var uuidCuts = [...]int{4, 6, 8, 10, 16}

// appendID packs an id: a UUID as people write it takes 17 bytes, not 37. An id
// has at most event.MaxID bytes.
func appendID(b []byte, id string) []byte {
	if raw, ok := uuidBytes(id); ok {
		return append(append(b, asUUID), raw[:]...)
	}
	id = id[:min(len(id), asUUID-1)]
	return append(append(b, uint8(len(id))), id...)
}

// uuidBytes are the bytes of a UUID in lower case with its four hyphens.
func uuidBytes(id string) (raw [16]byte, ok bool) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return raw, false
	}
	at := 0
	for n := range raw {
		if id[at] == '-' {
			at++
		}
		high, low := strings.IndexByte(lowerHex, id[at]), strings.IndexByte(lowerHex, id[at+1])
		if high < 0 || low < 0 {
			return raw, false
		}
		raw[n] = byte(high<<4 | low)
		at += 2
	}
	return raw, true
}

const lowerHex = "0123456789abcdef"

// skipIDs is the place behind the two ids at a place, -1 when the data end
// before.
func skipIDs(data []byte, at int) int {
	for range 2 {
		if at >= len(data) {
			return -1
		}
		if n := int(data[at]); n == asUUID {
			at += 17
		} else {
			at += 1 + n
		}
	}
	if at > len(data) {
		return -1
	}
	return at
}
