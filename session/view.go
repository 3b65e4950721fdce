package session

import (
	"math"
	"time"
)

// View is a session as one answer sees it. It may be reused: what Open puts in
// is valid until the next Open with the same View.
type View struct {
	Key         Key      // the stored session; Key.Visitor is "" for nobody, Key.Session for no session
	SessionID   string   // the session as the client knows it
	UserID      string   // the visitor's user; "" when unknown
	Proven      bool     // UserID is proven: its profile may join
	Steps       []Step   // newest first, at most MaxSteps; without their EventID
	Shown       []string // items shown lately, newest first, bounded
	Purchased   []string // items bought in this session and not given back
	Events      int      // distinct events of the session
	LastEventID string   // the newest by (time, id)
	LastTime    int64    // its corrected time, epoch ms

	entries []Entry // what Steps are made of
}

// Reset empties the view and keeps its memory.
func (v *View) Reset() {
	clear(v.Steps)
	clear(v.Shown)
	clear(v.Purchased)
	clear(v.entries)
	*v = View{Steps: v.Steps[:0], Shown: v.Shown[:0], Purchased: v.Purchased[:0], entries: v.entries[:0]}
}

// Evidence is n_eff of the blend: the weights of the steps that speak for an
// item, each halved per halfLife of its age. An idle session fades to 0.
func (v *View) Evidence(now time.Time, halfLife time.Duration) float64 {
	n := 0.0
	for i := range v.Steps {
		w := v.Steps[i].Kind.Weight()
		if w <= 0 {
			continue
		}
		age := max(0, now.UnixMilli()-v.Steps[i].Time)
		n += w * math.Exp2(-float64(age)/float64(halfLife.Milliseconds()))
	}
	return n
}

// fill copies the session into the view, without allocating once the view has
// grown: the strings are shared, they never change.
func (v *View) fill(l *live) {
	v.Events, v.LastEventID, v.LastTime = l.events(), l.lastID, l.lastTime
	v.entries = l.ring.appendTo(v.entries[:0])
	v.Steps = Steps(v.Steps[:0], v.entries)
	v.Shown = v.Shown[:0]
	for i := len(l.shown) - 1; i >= 0; i-- {
		v.Shown = append(v.Shown, l.shown[i].item)
	}
	v.Purchased = v.Purchased[:0]
	for i := range l.bought {
		if !l.bought[i].back {
			v.Purchased = append(v.Purchased, l.bought[i].item)
		}
	}
}
