package session

import (
	"context"
	"time"

	"github.com/nextbest/nextbest/session/event"
)

// Claim is a batch's hold on its events from the moment they are found new
// until they are stored or given up. While it is held no other batch takes the
// same events, and the session stays in memory. End it with Stored or Failed.
type Claim struct {
	Records    []event.Record // those that are new, in the given slice
	Duplicates int            // those that were not
	Today      int            // events of the session on this day before these

	s      *Sessions
	place  Place
	ids    idSet
	live   *live
	folded bool
	done   chan struct{} // made by the first who waits
}

// Summary names a session in an answer.
type Summary struct {
	SessionID   string
	Events      int
	LastEventID string
}

// Begin finds the new events of a batch among recs, which it reorders in
// place, and claims them. With wait, a copy that another batch is storing is
// waited for, because only a stored event may be acknowledged, and a session
// that cannot be read is an error. Without, such copies count as duplicates
// and are folded at once, and an unreadable store makes a claim on what memory
// has, returned together with the error.
func (s *Sessions) Begin(ctx context.Context, p Place, recs []event.Record, wait bool) (*Claim, error) {
	b := beginning{place: p, recs: recs, now: s.cfg.Now(), wait: wait}
	var failure error
	for {
		c, because := s.tryBegin(&b)
		switch {
		case c != nil:
			return c, failure
		case b.held != nil:
			select {
			case <-b.held:
			case <-ctx.Done():
				return nil, unavailable(ctx.Err())
			}
		default:
			if err := s.loadSession(ctx, p.Key, because); err != nil {
				if wait {
					return nil, err
				}
				failure = err
			}
		}
	}
}

// beginning is one call of Begin.
type beginning struct {
	place  Place
	recs   []event.Record
	now    time.Time
	wait   bool
	loaded bool            // the session was read, or it failed
	caught bool            // the same for what other nodes may have
	held   <-chan struct{} // of a claim to wait for
}

// tryBegin claims under the shard's lock. Without a claim and without one to
// wait for, the session must be read first, and because says for what.
func (s *Sessions) tryBegin(b *beginning) (c *Claim, because string) {
	p := b.place
	b.held = nil
	sh := s.shard(p.Key.Site, p.Key.Visitor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	l := sh.sessions.get(p.Key)
	v := sh.visitors.get(visitorKey{p.Key.Site, p.Key.Visitor})
	if !b.loaded && (l == nil || !l.hydrated) {
		b.loaded = true
		if !s.nothingStored(v, b.now) {
			return nil, ""
		}
		l = sh.session(p.Key, b.now.UnixMilli())
		l.hydrated, l.readAt = true, v.readAt
	}
	if l == nil {
		l = sh.session(p.Key, b.now.UnixMilli())
	}
	if !b.caught {
		b.caught = true
		if because := s.behind(l, b.recs, b.now); because != "" {
			return nil, because
		}
	}
	if b.wait {
		for i := range b.recs {
			if c := l.claimOf(s.hash(b.recs[i].ID)); c != nil {
				b.held = c.wait()
				return nil, ""
			}
		}
	}
	c = &Claim{s: s, place: p, live: l, Today: l.eventsOn(b.now.UnixMilli())}
	c.take(b.recs)
	l.usedAt = b.now.UnixMilli()
	l.claims = append(l.claims, c)
	if sh.claims++; v != nil {
		v.claims++
		v.absent = false
	}
	return c, ""
}

// behind names the event for which the store must be read again, because
// another node may have events of this session: the client's numbers leave a
// gap before it, or it has no time of its own, so that only a look at all ids
// can tell whether it is a retry. "" when nothing is missing.
func (s *Sessions) behind(l *live, recs []event.Record, now time.Time) string {
	var first, receipt *event.Record
	for i := range recs {
		r := &recs[i]
		if l.ids.has(s.hash(r.ID)) {
			continue
		}
		if r.Seq > 0 && (first == nil || r.Seq < first.Seq) {
			first = r
		}
		if !r.IDMade && r.ReceiptTS() {
			receipt = r
		}
	}
	switch {
	case first != nil && first.Seq > l.seq+1:
		return first.ID
	case receipt != nil && s.stale(l.readAt, now):
		return receipt.ID
	}
	return ""
}

// take moves the new events to the front of recs and claims them.
func (c *Claim) take(recs []event.Record) {
	n := 0
	for i := range recs {
		h := c.s.hash(recs[i].ID)
		known := c.live.ids.has(h) && (c.live.unstored == nil || !c.live.unstored.has(h))
		if !known {
			if other := c.live.claimOf(h); other != nil {
				c.live.fold(&recs[i], h)
				known = true
			}
		}
		if known || !c.ids.add(h) {
			continue
		}
		if n != i {
			recs[n], recs[i] = recs[i], recs[n]
		}
		n++
	}
	c.Records, c.Duplicates = recs[:n], len(recs)-n
}

// claimOf is the claim that holds an event.
func (l *live) claimOf(h uint64) *Claim {
	for _, c := range l.claims {
		if c.ids.has(h) {
			return c
		}
	}
	return nil
}

// wait is closed when the claim ends. The caller holds the shard's lock.
func (c *Claim) wait() <-chan struct{} {
	if c.done == nil {
		c.done = make(chan struct{})
	}
	return c.done
}

// Fold makes the session show the events before they are stored.
func (c *Claim) Fold() Summary {
	sh := c.s.shard(c.place.Key.Site, c.place.Key.Visitor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	c.fold()
	return c.summary()
}

// Stored folds the events, if Fold has not, and ends the claim.
func (c *Claim) Stored() Summary {
	sh := c.s.shard(c.place.Key.Site, c.place.Key.Visitor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	c.fold()
	if c.live.unstored != nil {
		for i := range c.Records {
			c.live.settle(c.s.hash(c.Records[i].ID))
		}
	}
	if v := sh.visitors.get(visitorKey{c.place.Key.Site, c.place.Key.Visitor}); v != nil && c.place.Store {
		v.storedAt = max(v.storedAt, c.place.Visitor.SessionAt)
		same := v.Session == c.place.Visitor.Session && v.UserID == c.place.Visitor.UserID &&
			v.Proven == c.place.Visitor.Proven && v.Epoch == c.place.Visitor.Epoch
		// Writes may overtake each other: a row that is out of date by now may
		// lie over the right one, which is then written again with the next event.
		v.changed = !same
	}
	c.end(sh)
	return c.summary()
}

// Failed ends the claim of events that were not stored. Those that the session
// shows already stay in it, and are stored when they are sent again.
func (c *Claim) Failed() {
	sh := c.s.shard(c.place.Key.Site, c.place.Key.Visitor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for i := range c.Records {
		h := c.s.hash(c.Records[i].ID)
		if !c.live.ids.has(h) {
			continue
		}
		if c.live.unstored == nil {
			c.live.unstored = new(idSet)
		}
		c.live.unstored.add(h)
	}
	c.end(sh)
}

// Gone reports that the visitor was erased since: the events must not be
// stored any more.
func (c *Claim) Gone() bool {
	sh := c.s.shard(c.place.Key.Site, c.place.Key.Visitor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return c.live.gone
}

// Confirm reads the visitor of a place that was found while the store could not
// be read, and returns the row to store with the events: without one, they are
// not looked for later.
func (c *Claim) Confirm(ctx context.Context) (Visitor, error) {
	key := c.place.Key
	if err := c.s.loadVisitor(ctx, key.Site, key.Visitor, ""); err != nil {
		return Visitor{}, err
	}
	sh := c.s.shard(key.Site, key.Visitor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	v := sh.visitor(key.Site, key.Visitor, c.s.cfg.Now().UnixMilli())
	c.place.Visitor, c.place.Store, c.place.Unread = v.Visitor, true, false
	return v.Visitor, nil
}

func (c *Claim) fold() {
	if c.folded {
		return
	}
	c.folded = true
	for i := range c.Records {
		c.live.fold(&c.Records[i], c.s.hash(c.Records[i].ID))
	}
}

func (c *Claim) summary() Summary {
	return Summary{SessionID: c.place.SessionID, Events: c.live.events(), LastEventID: c.live.lastID}
}

func (c *Claim) end(sh *shard) {
	for i, other := range c.live.claims {
		if other == c {
			last := len(c.live.claims) - 1
			c.live.claims[i], c.live.claims[last] = c.live.claims[last], nil
			c.live.claims = c.live.claims[:last]
			if last == 0 {
				c.live.claims = nil
			}
			break
		}
	}
	sh.claims++
	if v := sh.visitors.get(visitorKey{c.place.Key.Site, c.place.Key.Visitor}); v != nil {
		v.claims = max(0, v.claims-1)
		v.absent = false
	}
	if c.done != nil {
		close(c.done)
	}
}
