package session

import (
	"strings"

	"github.com/nextbest/nextbest/session/event"
)

const (
	// maxMarks bounds the shown-set and the bought-set.
	maxMarks = 64
	dayMs    = 24 * 60 * 60 * 1000
)

// live is a session in memory. Every part of it is the same for any order of
// the same events.
type live struct {
	ring     ring
	shown    marks
	bought   marks
	ids      idSet  // of all its events
	unstored *idSet // folded, but not in the store: may be sent again and must then be stored
	claims   []*Claim
	lastID   string
	lastTime int64
	bornAt   int64 // epoch ms, in this memory
	usedAt   int64 // epoch ms
	readAt   int64 // when the store was last read; 0: not yet
	extra    int32 // events past what ids can hold
	day      int32 // days since the epoch, of today
	today    int32 // events that came on that day
	seq      uint32
	hydrated bool // the store's events are in, or it was made here
	gone     bool // the visitor was erased
}

func (l *live) events() int { return l.ids.n + int(l.extra) }

// eventsOn is how many of the events came on the day of now (epoch ms).
func (l *live) eventsOn(now int64) int {
	if int64(l.day) != now/dayMs {
		return 0
	}
	return int(l.today)
}

// remember adds an id and reports whether it is new.
func (l *live) remember(h uint64, received int64) bool {
	full := l.ids.full()
	if !l.ids.add(h) {
		return false
	}
	if full {
		l.extra++
	}
	switch day := int32(received / dayMs); {
	case day > l.day:
		l.day, l.today = day, 1
	case day == l.day:
		l.today++
	}
	return true
}

// fold adds an event and reports whether it is new.
func (l *live) fold(r *event.Record, h uint64) bool {
	if !l.remember(h, r.ReceivedAt) {
		return false
	}
	l.seq = max(l.seq, r.Seq)
	switch {
	case r.Unfolded:
	case r.Kind == event.Impression:
		l.show(r)
	case r.Kind.Engages():
		l.engage(r)
	}
	if r.Time > l.lastTime || (r.Time == l.lastTime && r.ID > l.lastID) {
		l.lastID, l.lastTime = strings.Clone(r.ID), r.Time
	}
	return true
}

// engage puts the event's items into the ring.
func (l *live) engage(r *event.Record) {
	r.Lines(func(i int, item string) {
		l.ring.enter(r, item, i)
		l.trade(r, item)
	})
}

func (l *live) show(r *event.Record) {
	r.Lines(func(_ int, item string) { l.shown.put(item, r.Time, false) })
}

// trade notes what was bought and what was given back.
func (l *live) trade(r *event.Record, item string) {
	switch r.Kind {
	case event.Purchase:
		l.bought.put(item, r.Time, false)
	case event.Refund:
		l.bought.put(item, r.Time, true)
	}
}

// marks are the items that something happened to last, oldest first by (time,
// item), each once.
type marks []mark

type mark struct {
	item string
	time int64
	back bool // taken back; wins over the opposite at the same time
}

func (m mark) before(o mark) bool {
	return m.time < o.time || (m.time == o.time && m.item < o.item)
}

func (m *marks) put(item string, time int64, back bool) {
	n := mark{item: item, time: time, back: back}
	list := *m
	for i := range list {
		if list[i].item != item {
			continue
		}
		if old := list[i]; time < old.time || (time == old.time && (old.back || !back)) {
			return
		}
		n.item = list[i].item
		list = append(list[:i], list[i+1:]...)
		m.insert(list, n)
		return
	}
	if len(list) == maxMarks {
		if n.before(list[0]) {
			return
		}
		list = append(list[:0], list[1:]...)
	}
	n.item = strings.Clone(item)
	m.insert(list, n)
}

func (m *marks) insert(list marks, n mark) {
	at := len(list)
	for at > 0 && n.before(list[at-1]) {
		at--
	}
	list = append(list, mark{})
	copy(list[at+1:], list[at:])
	list[at] = n
	*m = list
}
