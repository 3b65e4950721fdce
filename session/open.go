package session

import (
	"context"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
)

// need is what an opening lacks before it can answer.
type need uint8

const (
	needVisitor need = 1 << iota // the visitor's row
	needSession                  // the session's events
	needAfter                    // the event named by `after`: read again
	needRunning                  // the visitor's row again: the session may be new
	needClaim                    // that event is on its way to the store: wait
)

// opening is one call of Open.
type opening struct {
	names
	now   time.Time
	after string
	tried need // what was done already, whether it helped or not
	view  *View
	wait  <-chan struct{}
}

// Open fills the view with the session that a request is about: empty for
// nobody, and for a visitor without a running session. What memory lacks, or
// has too old, is read from the store first; after names an event that the
// view must reflect. Errors do not empty the view:
//   - Unavailable, code "store": the store could not be read, the view is what
//     memory has;
//   - NotFound, code "after": the event is nowhere.
func (s *Sessions) Open(ctx context.Context, who Who, after string, v *View) error {
	v.Reset()
	now := s.cfg.Now()
	n, ok := s.names(&who, now)
	if !ok {
		return nil
	}
	o := opening{names: n, now: now, after: after, view: v}
	var failure error
	for {
		missing := s.tryOpen(&o)
		if missing == 0 {
			break
		}
		o.tried |= missing
		if err := s.provide(ctx, &o, missing); err != nil && failure == nil {
			failure = err
		}
	}
	if failure != nil {
		return failure
	}
	if after != "" && !o.reflected() {
		return fault.NotFoundf("after", "the event named by after is not in the session; send it to /v1/events or inline")
	}
	return nil
}

// reflected reports whether the last tryOpen found what `after` names.
func (o *opening) reflected() bool { return o.tried&needAfter == 0 }

// provide gets what is missing.
func (s *Sessions) provide(ctx context.Context, o *opening, missing need) error {
	switch missing {
	case needVisitor:
		return s.loadVisitor(ctx, o.site, o.visitor, "")
	case needRunning:
		return s.loadVisitor(ctx, o.site, o.visitor, o.after)
	case needAfter:
		return s.loadSession(ctx, o.view.Key, o.after)
	case needClaim:
		select {
		case <-o.wait:
			return nil
		case <-ctx.Done():
			return unavailable(ctx.Err())
		}
	}
	return s.loadSession(ctx, o.view.Key, "")
}

// tryOpen fills the view from memory, under the shard's lock alone, or says
// what is missing. What was tried already is not asked for again.
func (s *Sessions) tryOpen(o *opening) need {
	sh := s.shard(o.site, o.visitor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	v := sh.visitors.get(visitorKey{o.site, o.visitor})
	if (v == nil || s.stale(v.readAt, o.now)) && o.tried&needVisitor == 0 {
		return needVisitor
	}
	var known visitorState // the request must not change what memory has
	if v != nil {
		v.usedAt = o.now.UnixMilli()
		known = *v
	}
	s.address(o, &known)
	if o.view.Key.Session == "" {
		return o.lookFor(nil, 0)
	}
	l := sh.sessions.get(o.view.Key)
	if l == nil && o.after == "" && s.nothingStored(v, o.now) {
		return 0
	}
	if o.tried&needSession == 0 && (l == nil || !l.hydrated || (s.stale(l.readAt, o.now) && !s.has(l, o.after))) {
		return needSession
	}
	if l == nil {
		return o.lookFor(nil, 0)
	}
	l.usedAt = max(l.usedAt, o.now.UnixMilli())
	o.view.fill(l)
	return o.lookFor(l, s.hash(o.after))
}

// has reports whether the session has the event that the client saw last: then
// it is as new as the client needs it, however long ago it was read.
func (s *Sessions) has(l *live, after string) bool {
	return after != "" && l.ids.has(s.hash(after))
}

// address works out whose session is asked for, and which.
func (s *Sessions) address(o *opening, v *visitorState) {
	if v.link(o.user, o.proven) && o.session == "" {
		v.Session = ""
	}
	view := o.view
	view.UserID, view.Proven = v.UserID, v.Proven
	if o.user != "" && o.user != v.UserID { // only said, on a device of somebody proven
		view.UserID, view.Proven = o.user, false
	}
	if !o.lasting {
		view.UserID, view.Proven = "", false
	}
	view.SessionID = o.session
	if view.SessionID == "" {
		view.SessionID = v.running(o.now.UnixMilli(), s.cfg.Idle)
	}
	view.Key = Key{o.site, o.visitor, s.stored(&o.names, view.SessionID, v.Epoch, o.now)}
}

// lookFor says what is missing to reflect the event named by `after`.
func (o *opening) lookFor(l *live, h uint64) need {
	if o.after == "" {
		return 0
	}
	if l != nil {
		if l.ids.has(h) || l.ids.full() { // of a huge session not every id is known
			o.tried &^= needAfter
			return 0
		}
		if c := l.claimOf(h); c != nil && o.tried&needClaim == 0 {
			o.wait = c.wait()
			return needClaim
		}
	}
	switch {
	case l != nil && o.tried&needAfter == 0:
		return needAfter
	case o.session == "" && o.tried&needRunning == 0:
		return needRunning // another node may have begun a session
	}
	o.tried |= needAfter
	return 0
}
