// Package session keeps what visitors are doing now: events folded into live
// sessions, from which every answer is made.
//
// A session's truth is its ring: its newest item engagements, ordered by
// (corrected time, event id). Everything else (steps, vector, evidence) is a
// pure function of the ring, so events may come in any order, twice, or to
// several nodes, and the same session results. The store is the only state
// that nodes share; memory is a copy that is read again whenever it may be
// behind.
package session

import (
	"context"
	"crypto/rand"
	"hash/maphash"
	"math/bits"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/flight"
)

// Key names a session as it is stored. Visitor and Session are what the client
// said, except under consent "session" (keyed hashes that change daily) and
// after a takeover of the device ("id#epoch").
type Key struct{ Site, Visitor, Session string }

// Visitor is what is kept of a visitor beside the events.
type Visitor struct {
	Site, ID  string
	Session   string // the running session, as the client knows it; "" for none
	SessionAt int64  // epoch ms of the receipt of its last event, exact to Idle/30
	UserID    string // the user it is linked to; "" for none
	Proven    bool   // the link was proven, not just said
	Epoch     uint32 // +1 whenever another proven user takes the device over
	ErasedAt  int64  // events up to this time (epoch ms) are refused; 0 for none
	Lasting   bool   // false: a daily pseudonym, of no use after a day
}

// Source is where sessions are read from when memory lacks them. It has a row of
// every visitor who has a session in it, written with the visitor's first event
// or before: of a visitor without one, nothing is read. Events that came by
// another way (an import) and belong to nobody who was here do not show.
type Source interface {
	// SessionEvents returns the newest events of a session by (TS, ID), newest
	// first, at most limit, and the ids of all its events (bounded at 4096).
	// An unknown session has none; that is no error.
	SessionEvents(ctx context.Context, key Key, limit int) (records []event.Record, ids []string, err error)
	// Visitor returns the visitor's row, the zero Visitor when there is none.
	Visitor(ctx context.Context, site, id string) (Visitor, error)
}

// Who says for whom a request is. Empty fields were not sent.
type Who struct {
	Site        string
	AnonymousID string
	UserID      string
	SessionID   string
	Proven      bool          // UserID was proven by a token, or the site trusts it
	Secret      bool          // the request came with a secret key, which proves UserID
	Consent     event.Consent // ConsentUnset counts as ConsentSession
}

// MinSecretSession is the shortest session id that is taken alone, without a
// visitor, from a publishable key: 128 bits in base64.
const MinSecretSession = 22

// CheckSessionAlone refuses a publishable key that names a session but no
// visitor by an id that could be guessed.
func (w *Who) CheckSessionAlone() error {
	if w.Secret || w.AnonymousID != "" || w.UserID != "" || w.SessionID == "" || len(w.SessionID) >= MinSecretSession {
		return nil
	}
	e := fault.Invalidf("session_id_short", "a session_id without anonymous_id needs at least %d characters; send anonymous_id or an unguessable session_id", MinSecretSession)
	e.Status = http.StatusUnprocessableEntity
	return e.At("/session_id", "too short to stand alone")
}

// Ids of visitors that are not anonymous ids as sent live in spaces of their
// own: sent ids hold no control characters, so none can be taken for another.
const (
	userSpace    = "\x01" // a proven user without a device
	labelSpace   = "\x02" // a user id that nobody proved
	sessionSpace = "\x03" // a session id without a visitor
	daySpace     = "\x04" // a pseudonym
	epochMark    = "\x01" // between a session's id and its epoch
)

// UserVisitor is the visitor that a proven user is without a device, and the
// owner of what all the user's devices did.
func UserVisitor(userID string) string { return userSpace + userID }

// UserOf is the user that a visitor is: proven, or only said to be. Both are ""
// for a device.
func UserOf(visitor string) (user, label string) {
	if u, ok := strings.CutPrefix(visitor, userSpace); ok {
		return u, ""
	}
	if u, ok := strings.CutPrefix(visitor, labelSpace); ok {
		return "", u
	}
	return "", ""
}

// visitor is the id of the visitor that a request is about, "" for nobody. A
// user id that is only said never reaches what the proven user did.
func (w *Who) visitor() string {
	switch {
	case w.AnonymousID != "":
		return w.AnonymousID
	case w.UserID != "" && (w.Proven || w.Secret):
		return UserVisitor(w.UserID)
	case w.UserID != "":
		return labelSpace + w.UserID
	case w.SessionID != "":
		return sessionSpace + w.SessionID
	}
	return ""
}

// Config is what Sessions needs; only Source is required.
type Config struct {
	Source      Source
	Idle        time.Duration    // a session without id ends after this pause; 30 min
	Max         int              // live sessions, and visitors, in memory; 1,000,000
	Shards      int              // a power of two; 128
	Salt        []byte           // keys the daily pseudonyms of consent "session"; random, for this process
	Refresh     time.Duration    // several nodes: a copy older than this is read again; 0: the only node
	LoadTimeout time.Duration    // for one read of the store; 1 s
	Local       bool             // Source is on this machine: it is read at once, without a goroutine and a deadline
	Now         func() time.Time // time.Now
	NewID       func() string    // ids of new sessions; UUIDv7
}

func (c Config) withDefaults() Config {
	if c.Idle <= 0 {
		c.Idle = 30 * time.Minute
	}
	if c.Max <= 0 {
		c.Max = 1_000_000
	}
	if c.Shards <= 0 {
		c.Shards = 128
	}
	c.Shards = 1 << bits.Len(uint(c.Shards-1))
	if c.LoadTimeout <= 0 {
		c.LoadTimeout = time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if len(c.Salt) == 0 {
		c.Salt = make([]byte, 32)
		rand.Read(c.Salt) // never fails
	}
	if c.NewID == nil {
		c.NewID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	return c
}

// Sessions are the live sessions of this process. Its methods may be called
// concurrently.
type Sessions struct {
	cfg    Config
	seed   maphash.Seed
	shards []shard
	loads  flight.Group[loadKey, struct{}]
	mac    atomic.Pointer[dayMAC]
}

// shard holds the visitors whose hash falls to it, and their sessions, so that
// one lock covers all that a request needs.
type shard struct {
	mu       sync.Mutex
	visitors lru[visitorKey, visitorState]
	sessions lru[Key, live]
	keep     int64  // ms that what is unused stays
	forgets  uint64 // +1 at each erasure: a read that began before it is stale
	claims   uint64 // +1 when a claim begins or ends: then a row may have come that a read did not see
	_        [32]byte
}

type visitorKey struct{ site, id string }

// visitorState is a visitor in memory.
type visitorState struct {
	Visitor
	usedAt   int64 // epoch ms
	readAt   int64 // when the store was last read (epoch ms); 0: not yet
	storedAt int64 // the SessionAt that the store knows
	changed  bool  // differs from the store in more than SessionAt
	absent   bool  // the store had neither a row nor a mark when it was read, and nothing was claimed since
	claims   int   // batches on their way to the store: keeps it in memory
}

// New makes an empty set of sessions.
func New(cfg Config) *Sessions {
	cfg = cfg.withDefaults()
	s := &Sessions{cfg: cfg, seed: maphash.MakeSeed(), shards: make([]shard, cfg.Shards)}
	perShard := max(cfg.Max/cfg.Shards, 1)
	for i := range s.shards {
		sh := &s.shards[i]
		sh.keep = 2 * cfg.Idle.Milliseconds() // the store has it longer
		sh.visitors.init(perShard, func(v *visitorState) bool { return v.claims == 0 })
		sh.sessions.init(perShard, func(l *live) bool { return len(l.claims) == 0 })
	}
	return s
}

func (s *Sessions) shard(site, visitor string) *shard {
	h := maphash.String(s.seed, visitor) ^ bits.RotateLeft64(maphash.String(s.seed, site), 1)
	return &s.shards[h&uint64(len(s.shards)-1)]
}

func (s *Sessions) hash(eventID string) uint64 { return maphash.String(s.seed, eventID) }

// Len is the number of sessions in memory.
func (s *Sessions) Len() int {
	n := 0
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		n += sh.sessions.len()
		sh.mu.Unlock()
	}
	return n
}

// Known reports whether the session, as far as it is in memory, has the event.
func (s *Sessions) Known(key Key, eventID string) bool {
	sh := s.shard(key.Site, key.Visitor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	l := sh.sessions.get(key)
	return l != nil && l.ids.has(s.hash(eventID))
}

// Fold adds events that are stored already to a session and returns how many
// it did not have. Any order, any number of times: the same session results.
func (s *Sessions) Fold(v Visitor, key Key, recs []event.Record) (fresh int) {
	sh := s.shard(key.Site, key.Visitor)
	now := s.cfg.Now().UnixMilli()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if v.ID != "" {
		sh.visitor(v.Site, v.ID, now).merge(v)
	}
	if known := sh.visitors.get(visitorKey{key.Site, key.Visitor}); known != nil {
		known.absent = false
	}
	l := sh.session(key, now)
	for i := range recs {
		if l.fold(&recs[i], s.hash(recs[i].ID)) {
			fresh++
		}
	}
	return fresh
}

// Forget drops all that memory holds of an anonymous id or a user, and of the
// devices that are linked to that user: call it when the store has erased the
// id. Batches on their way to the store learn it (Claim.Gone).
func (s *Sessions) Forget(site, id string) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		sh.forgets++
		gone := map[string]bool{id: true, userSpace + id: true, labelSpace + id: true}
		sh.visitors.removeFunc(func(k visitorKey, v *visitorState) bool {
			if k.site != site || !gone[k.id] && v.UserID != id {
				return false
			}
			gone[k.id] = true
			return true
		})
		sh.sessions.removeFunc(func(k Key, l *live) bool {
			l.gone = l.gone || k.Site == site && gone[k.Visitor]
			return k.Site == site && gone[k.Visitor]
		})
		sh.mu.Unlock()
	}
}

// forget drops a visitor's state and the sessions begun up to a time.
func (sh *shard) forget(site, visitor string, upTo int64) {
	sh.visitors.remove(visitorKey{site, visitor})
	sh.sessions.removeFunc(func(k Key, l *live) bool {
		if k.Site != site || k.Visitor != visitor || l.bornAt > upTo {
			return false
		}
		l.gone = true
		return true
	})
}

// visitor finds or makes the state of a visitor, used at now (epoch ms).
func (sh *shard) visitor(site, id string, now int64) *visitorState {
	v := sh.visitors.get(visitorKey{site, id})
	if v == nil {
		id = strings.Clone(id) // the request's ids are parts of a whole body
		v = sh.visitors.put(visitorKey{site, id}, func(v *visitorState) bool { return v.usedAt < now-sh.keep })
		v.Site, v.ID = site, id
	}
	v.usedAt = max(v.usedAt, now)
	return v
}

// session finds or makes a live session, used at now (epoch ms).
func (sh *shard) session(key Key, now int64) *live {
	l := sh.sessions.get(key)
	if l == nil {
		key.Visitor, key.Session = strings.Clone(key.Visitor), strings.Clone(key.Session)
		if v := sh.visitors.get(visitorKey{key.Site, key.Visitor}); v != nil {
			key.Visitor = v.ID
		}
		l = sh.sessions.put(key, func(l *live) bool { return l.usedAt < now-sh.keep })
		l.bornAt = now
	}
	l.usedAt = max(l.usedAt, now)
	return l
}
