package crash

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/nextbest/nextbest/loadtest/wire"
)

// recent is how many events a visitor's page shows.
const recent = 96

// sent is one event as the client keeps it until it is acknowledged.
type sent struct {
	ID   string `json:"event_id"`
	Kind string `json:"kind"`
	Item string `json:"item_id"`
	TS   int64  `json:"ts"`
}

// visitor is a client with its own record of what was acknowledged: the
// reference that the server is compared with. It belongs to one goroutine at a
// time.
type visitor struct {
	id      string
	session string // given by us, "" when the server decides
	running string // the session that the server named first
	quota   int    // events until this visitor leaves
	made    int
	last    int64            // newest ts
	acked   map[string]int64 // id → ts
	open    map[string]int64 // sent, and nobody knows: there or not, at most once
	retry   [][]sent         // batches of open events that will be sent again
	old     [][]sent         // acknowledged batches, sent again as duplicates
}

func newVisitor(id string, r *rand.Rand) *visitor {
	// A minute back, so that no ts lies in the future: the server would clamp it.
	start := time.Now().Add(-time.Minute).UnixMilli()
	v := &visitor{id: id, last: start, quota: 20 + r.IntN(70), acked: map[string]int64{}, open: map[string]int64{}}
	if r.IntN(2) == 0 {
		v.session = "session-" + id
	}
	if r.IntN(8) == 0 {
		v.quota = 300 + r.IntN(600) // a long session: longer than its page shows
	}
	return v
}

func (v *visitor) done() bool { return v.made >= v.quota && len(v.retry) == 0 }

// next is the batch to send: one that nobody answered, one again, or a new one.
func (v *visitor) next(r *rand.Rand) (batch []sent, again bool) {
	if len(v.retry) > 0 {
		batch = v.retry[0]
		v.retry = v.retry[1:]
		return batch, true
	}
	if len(v.old) > 0 && r.IntN(6) == 0 {
		return v.old[r.IntN(len(v.old))], true
	}
	kinds := [...]string{"view", "view", "click", "cart_add", "wish_add"}
	for range 1 + r.IntN(10) {
		v.last++
		v.made++
		batch = append(batch, sent{
			ID: v.id + "-" + strconv.Itoa(v.made), Kind: kinds[r.IntN(len(kinds))],
			Item: "item-" + strconv.Itoa(r.IntN(500)), TS: v.last,
		})
	}
	return batch, false
}

// unanswered notes that nobody answered: the client tries some again, as the SDK
// does, and forgets others, as a closed page does.
func (v *visitor) unanswered(batch []sent, r *rand.Rand) {
	unknown := false
	for _, e := range batch {
		if _, ok := v.acked[e.ID]; !ok {
			v.open[e.ID] = e.TS
			unknown = true
		}
	}
	if unknown && r.IntN(4) > 0 {
		v.retry = append(v.retry, batch)
	}
}

// answered notes an acknowledged batch and compares what the answer says.
func (v *visitor) answered(batch []sent, a wire.Ack) []string {
	for _, e := range batch {
		v.acked[e.ID] = e.TS
		delete(v.open, e.ID)
	}
	if len(v.old) < 8 {
		v.old = append(v.old, batch)
	}
	var wrong []string
	if a.Sum() != len(batch) {
		wrong = append(wrong, fmt.Sprintf("%s: %d events sent, the answer accounts for %d", v.id, len(batch), a.Sum()))
	}
	if a.Shed > 0 || len(a.Invalid) > 0 {
		wrong = append(wrong, fmt.Sprintf("%s: %d shed, invalid %s", v.id, a.Shed, a.Invalid))
	}
	wrong = append(wrong, v.continues(a.Session.ID)...)
	return append(wrong, v.counts(a.Session.Events)...)
}

// continues checks that the session is still the one it was.
func (v *visitor) continues(session string) []string {
	if v.running == "" {
		v.running = session
	}
	if session == v.running {
		return nil
	}
	return []string{fmt.Sprintf("%s: session %q became %q", v.id, v.running, session)}
}

// counts checks a count of events against what may be stored.
func (v *visitor) counts(n int) []string {
	if n < len(v.acked) {
		return []string{fmt.Sprintf("%s: LOST: %d events are counted, %d were acknowledged", v.id, n, len(v.acked))}
	}
	if n > len(v.acked)+len(v.open) {
		return []string{fmt.Sprintf("%s: TWICE: %d events are counted, %d were acknowledged and %d are open", v.id, n, len(v.acked), len(v.open))}
	}
	return nil
}

// compare checks the stored session against the record. Open events that are
// there count as acknowledged from now on.
func (v *visitor) compare(got wire.Visitor) []string {
	if got.Session == nil {
		if len(v.acked) == 0 {
			return nil
		}
		return []string{fmt.Sprintf("%s: LOST: no session, %d events were acknowledged", v.id, len(v.acked))}
	}
	var wrong []string
	seen := map[string]bool{}
	oldest := int64(0)
	for _, e := range got.Session.Recent {
		ts, ok := v.acked[e.ID]
		if !ok {
			ts, ok = v.open[e.ID]
		}
		switch {
		case seen[e.ID]:
			wrong = append(wrong, fmt.Sprintf("%s: TWICE: %s is listed again", v.id, e.ID))
		case !ok:
			wrong = append(wrong, fmt.Sprintf("%s: %s was never sent", v.id, e.ID))
		}
		seen[e.ID] = true
		oldest = ts // the page is ordered, newest first
		if _, open := v.open[e.ID]; open {
			v.acked[e.ID] = ts
			delete(v.open, e.ID)
		}
	}
	if len(seen) < recent {
		oldest = 0 // everything is shown
	}
	for id, ts := range v.acked {
		if ts > oldest && !seen[id] {
			wrong = append(wrong, fmt.Sprintf("%s: LOST: %s was acknowledged", v.id, id))
		}
	}
	if n := got.Session.Events; len(seen) < recent && n != len(seen) {
		wrong = append(wrong, fmt.Sprintf("%s: TWICE: %d events are counted, %d exist", v.id, n, len(seen)))
	}
	wrong = append(wrong, v.continues(got.Session.ID)...)
	return append(wrong, v.counts(got.Session.Events)...)
}

// request is the body that carries a batch.
func (v *visitor) request(batch []sent) ([]byte, error) {
	return json.Marshal(struct {
		AnonymousID string `json:"anonymous_id"`
		SessionID   string `json:"session_id,omitempty"`
		Consent     string `json:"consent"`
		Events      []sent `json:"events"`
	}{v.id, v.session, "full", batch})
}
