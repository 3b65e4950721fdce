package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nextbest/nextbest/session/event"
)

// Place is where a request's events belong.
type Place struct {
	Visitor   Visitor // as it is to be stored with them
	Key       Key     // the stored session
	SessionID string  // the session as the client knows it
	Store     bool    // Visitor differs from what the store has: write it
	Unread    bool    // the store could not be read: see Claim.Confirm
}

// names are the ids a request stands for after consent: under "session" daily
// pseudonyms without a user.
type names struct {
	site, visitor string
	session       string // as the client sent it; "" for the running one
	user          string
	proven        bool
	lasting       bool
}

// names resolves whom a request is about; false for nobody.
func (s *Sessions) names(who *Who, now time.Time) (names, bool) {
	id := who.visitor()
	if id == "" || who.Consent == event.ConsentNone {
		return names{}, false
	}
	n := names{site: who.Site, visitor: id, session: who.SessionID}
	if who.Consent != event.ConsentFull {
		n.visitor = s.Pseudonym(who.Site, id, now)
		return n, true
	}
	n.lasting = true
	n.user, n.proven = who.UserID, who.UserID != "" && (who.Proven || who.Secret)
	return n, true
}

// stored is the id under which a session of the visitor is stored.
func (s *Sessions) stored(n *names, session string, epoch uint32, now time.Time) string {
	switch {
	case session == "":
		return ""
	case !n.lasting:
		return s.alias(now, n.site, n.visitor, session)
	case epoch > 0:
		return session + epochMark + strconv.FormatUint(uint64(epoch), 10)
	}
	return session
}

// Pseudonym is the id under which a visitor who allows the session only is
// kept on the day of now. Without the salt it cannot be linked to the id, nor
// to another day's.
func (s *Sessions) Pseudonym(site, visitor string, now time.Time) string {
	return s.alias(now, site, visitor, "")
}

// dayMAC computes the keyed hash of one day.
type dayMAC struct {
	day  int64
	pool sync.Pool
}

type macScratch struct {
	mac  hash.Hash
	text []byte
	sum  []byte
}

func (s *Sessions) dayMAC(now time.Time) *dayMAC {
	day := now.UnixMilli() / dayMs
	if m := s.mac.Load(); m != nil && m.day == day {
		return m
	}
	key := binary.BigEndian.AppendUint64(append([]byte(nil), s.cfg.Salt...), uint64(day))
	m := &dayMAC{day: day}
	m.pool.New = func() any { return &macScratch{mac: hmac.New(sha256.New, key)} }
	s.mac.Store(m)
	return m
}

// alias hashes ids (which hold no control characters, so that NUL separates
// them) to 128 bits of text, marked so that it is never taken for a sent id.
func (s *Sessions) alias(now time.Time, site, visitor, session string) string {
	m := s.dayMAC(now)
	c := m.pool.Get().(*macScratch)
	defer m.pool.Put(c)
	c.text = append(append(append(append(append(c.text[:0], site...), 0), visitor...), 0), session...)
	c.mac.Reset()
	c.mac.Write(c.text)
	c.sum = c.mac.Sum(c.sum[:0])
	c.text = base64.RawURLEncoding.AppendEncode(append(c.text[:0], daySpace...), c.sum[:16])
	return string(c.text)
}

// Locate finds the session that the events of a request belong to: the one it
// names, else the visitor's running session, else a new one. It also links the
// visitor to a user that the request names, and starts a new session when that
// is another proven user than before. When the store could not be read, the
// place is found from memory alone and the error says so.
func (s *Sessions) Locate(ctx context.Context, who Who, now time.Time) (Place, error) {
	n, ok := s.names(&who, now)
	if !ok {
		return Place{}, nil
	}
	sh := s.shard(n.site, n.visitor)
	sh.mu.Lock()
	var err error
	if v := sh.visitors.get(visitorKey{n.site, n.visitor}); v == nil || s.stale(v.readAt, now) {
		sh.mu.Unlock()
		err = s.loadVisitor(ctx, n.site, n.visitor, "")
		sh.mu.Lock()
	}
	defer sh.mu.Unlock()
	p := s.locate(sh, sh.visitor(n.site, n.visitor, now.UnixMilli()), &n, now)
	p.Unread = err != nil
	p.Store = p.Store && !p.Unread // else it could undo what the store knows better
	return p, err
}

// locate is Locate under the shard's lock.
func (s *Sessions) locate(sh *shard, v *visitorState, n *names, now time.Time) Place {
	ms := now.UnixMilli()
	v.Lasting = n.lasting
	if v.link(n.user, n.proven) && n.session == "" {
		v.Session = ""
	}
	id, made := n.session, false
	if id == "" {
		id = v.running(ms, s.cfg.Idle)
	}
	if id == "" {
		id, made = s.cfg.NewID(), true
	}
	if id != v.Session {
		v.Session, v.changed = strings.Clone(id), true
	}
	v.SessionAt = max(v.SessionAt, ms)
	p := Place{Visitor: v.Visitor, SessionID: id, Key: Key{n.site, n.visitor, s.stored(n, id, v.Epoch, now)}}
	p.Store = v.changed || v.SessionAt-v.storedAt > s.cfg.Idle.Milliseconds()/30
	if made {
		l := sh.session(p.Key, ms)
		l.hydrated, l.readAt = true, ms
	}
	return p
}

// running is the visitor's session if it goes on at now, else "".
func (v *Visitor) running(now int64, idle time.Duration) string {
	if v.Session != "" && now-v.SessionAt <= idle.Milliseconds() {
		return v.Session
	}
	return ""
}

// link notes the user that a request names and reports a takeover: a proven
// user who is not the proven one of before. What is only said never replaces
// what was proven.
func (v *visitorState) link(user string, proven bool) (takeover bool) {
	switch {
	case user == "" || (user == v.UserID && proven == v.Proven):
		return false
	case v.Proven && !proven:
		return false
	case v.Proven && user != v.UserID:
		v.Epoch++
		takeover = true
	}
	v.UserID, v.Proven, v.changed = strings.Clone(user), proven, true
	return takeover
}

// merge takes over what a row of the store, or another node's copy, has newer.
func (v *visitorState) merge(row Visitor) {
	v.ErasedAt = max(v.ErasedAt, row.ErasedAt)
	if row.Epoch > v.Epoch || (row.Epoch == v.Epoch && (v.UserID == "" || (row.Proven && !v.Proven))) {
		if row.Epoch > v.Epoch {
			v.Session, v.SessionAt = "", 0
		}
		v.Epoch, v.UserID, v.Proven = row.Epoch, row.UserID, row.Proven
	}
	if row.Epoch == v.Epoch && row.SessionAt > v.SessionAt {
		v.Session, v.SessionAt = row.Session, row.SessionAt
	}
	v.storedAt = max(v.storedAt, row.SessionAt)
	v.Lasting = v.Lasting || row.Lasting
}
