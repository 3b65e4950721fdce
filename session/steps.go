package session

import (
	"cmp"

	"github.com/nextbest/nextbest/session/event"
)

// MaxSteps is how many steps of a session count.
const MaxSteps = 64

// Entry is one item engagement in a session's ring.
type Entry struct {
	Time    int64 // corrected, epoch ms
	ItemID  string
	EventID string
	Line    int32 // position in the event's items[]
	Kind    event.Kind
}

// Compare orders entries by time, then event id, then line: a total order of
// what happened that does not depend on what arrived when.
func (e *Entry) Compare(o *Entry) int {
	if c := cmp.Compare(e.Time, o.Time); c != 0 {
		return c
	}
	if c := cmp.Compare(e.EventID, o.EventID); c != 0 {
		return c
	}
	return cmp.Compare(e.Line, o.Line)
}

// Step is one item engagement as models see it.
type Step struct {
	ItemID  string
	Kind    event.Kind // the strongest of the engagement
	Time    int64      // of its newest event, epoch ms
	EventID string     // its newest event
}

// Steps appends the steps of a session to dst, newest first, at most MaxSteps.
// entries are ordered oldest first (Entry.Compare). One step is a run of
// entries of one item with different kinds (click, view, cart_add) that all
// speak for the item, or all against it; it has the strongest kind. The runs
// are cut from the newest entry backwards, so that old entries that fell out
// of the ring never change newer steps. This is the one function that serving,
// training and evaluation use.
func Steps(dst []Step, entries []Entry) []Step {
	limit := len(dst) + MaxSteps
	for i := len(entries) - 1; i >= 0 && len(dst) < limit; {
		newest := &entries[i]
		kind, weight := newest.Kind, newest.Kind.Weight()
		kinds := uint32(1) << kind
		for i--; i >= 0; i-- {
			e := &entries[i]
			w := e.Kind.Weight()
			if e.ItemID != newest.ItemID || kinds&(1<<e.Kind) != 0 || (w > 0) != (weight > 0) {
				break
			}
			kinds |= 1 << e.Kind
			if w*w > weight*weight {
				kind, weight = e.Kind, w
			}
		}
		dst = append(dst, Step{ItemID: newest.ItemID, Kind: kind, Time: newest.Time, EventID: newest.EventID})
	}
	return dst
}
