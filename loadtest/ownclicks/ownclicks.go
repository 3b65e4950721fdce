// Package ownclicks proves that a visitor always reads the own clicks: after an
// acknowledged event, the next answer is made from a session that ends with it,
// and holds no item that nobody ever sent.
package ownclicks

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/nextbest/nextbest/loadtest/wire"
)

// Options of a run. The zero value makes 1,000 pairs from 64 clients.
type Options struct {
	Addr, Key string
	Pairs     int
	Clients   int
	Seed      uint64
	Items     []string // the catalog, or what the model knows; clicks are drawn from it
	Placement string   // "home" when empty
}

// Report is the outcome.
type Report struct {
	Seed     uint64   `json:"seed"`
	Pairs    int      `json:"pairs"`
	Visitors int      `json:"visitors"`
	Items    int      `json:"items_answered"`
	Degraded int      `json:"degraded"`
	Failures int      `json:"failures"`
	Wrong    []string `json:"wrong"`
}

// OK reports that every answer saw the click before it, was healthy and held
// known items only.
func (r Report) OK() bool { return r.Failures == 0 && r.Degraded == 0 }

// run is one whole proof.
type run struct {
	o     Options
	known map[string]bool

	mu     sync.Mutex
	report Report
}

// Run sends the pairs. The report holds what was wrong; the error is the
// context's.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Pairs <= 0 {
		o.Pairs = 1000
	}
	if o.Clients <= 0 {
		o.Clients = 64
	}
	if o.Placement == "" {
		o.Placement = "home"
	}
	if len(o.Items) == 0 {
		for i := range 300 {
			o.Items = append(o.Items, "item-"+strconv.Itoa(i))
		}
	}
	r := &run{o: o, known: map[string]bool{}, report: Report{Seed: o.Seed, Wrong: []string{}}}
	for _, id := range o.Items {
		r.known[id] = true
	}
	var clients sync.WaitGroup
	for i := range o.Clients {
		pairs := o.Pairs / o.Clients
		if i < o.Pairs%o.Clients {
			pairs++
		}
		clients.Go(func() { r.client(ctx, i, pairs) })
	}
	clients.Wait()
	return r.report, ctx.Err()
}

// visitor is what a client knows of its visitor.
type visitor struct {
	id, session string
	events      int
	last        int64
}

// client plays its visitors one pair at a time, a random one each time.
func (r *run) client(ctx context.Context, n, pairs int) {
	rnd := rand.New(rand.NewPCG(r.o.Seed, uint64(n+1)))
	conn := wire.Conn{Addr: r.o.Addr, Key: r.o.Key}
	defer conn.Close()
	var visitors []*visitor
	for i := range pairs {
		if ctx.Err() != nil {
			return
		}
		if len(visitors) == 0 || rnd.IntN(8) == 0 {
			id := fmt.Sprintf("own-%d-%d-%d", r.o.Seed, n, len(visitors))
			visitors = append(visitors, &visitor{id: id, session: "session-" + id})
			r.note(func(p *Report) { p.Visitors++ })
		}
		v := visitors[rnd.IntN(len(visitors))]
		r.pair(&conn, v, fmt.Sprintf("%s-e%06d", v.id, i), r.o.Items[rnd.IntN(len(r.o.Items))])
	}
}

// body is a request of either kind.
type body struct {
	Placement   string  `json:"placement,omitempty"`
	Limit       int     `json:"limit,omitempty"`
	AnonymousID string  `json:"anonymous_id"`
	SessionID   string  `json:"session_id"`
	Consent     string  `json:"consent"`
	After       string  `json:"after,omitempty"`
	Events      []click `json:"events,omitempty"`
}

type click struct {
	ID   string `json:"event_id"`
	Kind string `json:"kind"`
	Item string `json:"item_id"`
	TS   int64  `json:"ts"`
}

// pair sends a click, then asks.
func (r *run) pair(conn *wire.Conn, v *visitor, eventID, item string) {
	// Never ahead of the clock, which the server would clamp: clicks of one
	// millisecond are ordered by their ids.
	v.last = max(v.last, time.Now().UnixMilli())
	who := body{AnonymousID: v.id, SessionID: v.session, Consent: "full"}
	send := who
	send.Events = []click{{eventID, "click", item, v.last}}
	var ack wire.Ack
	if err := call(conn, "/v1/events", send, &ack); err != nil {
		r.wrong("%s: the click was not acknowledged: %v", v.id, err)
		v.session += "'" // whether it counts is unknown: go on with a new session
		v.events = 0
		return
	}
	v.events++
	if ack.Accepted != 1 || ack.Session.Events != v.events || ack.Session.LastEvent != eventID {
		r.wrong("%s: click %d answered %+v", v.id, v.events, ack)
	}
	ask := who
	ask.Placement, ask.Limit, ask.After = r.o.Placement, 20, eventID
	var list wire.List
	if err := call(conn, "/v1/recommendations", ask, &list); err != nil {
		r.wrong("%s: no answer after click %d: %v", v.id, v.events, err)
		return
	}
	r.compare(v, eventID, list)
}

// compare looks at one answer.
func (r *run) compare(v *visitor, eventID string, list wire.List) {
	if s := list.Session; s.LastEvent != eventID || s.Events != v.events {
		r.wrong("%s: the answer was made from %d events up to %s, not from %d up to %s", v.id, s.Events, s.LastEvent, v.events, eventID)
	}
	if len(list.Items) == 0 {
		r.wrong("%s: the answer after click %d is empty", v.id, v.events)
	}
	seen := map[string]bool{}
	for i, item := range list.Items {
		if !r.known[item.ID] {
			r.wrong("%s: the answer holds %q, which nobody sent", v.id, item.ID)
		}
		if seen[item.ID] || item.Slot != i+1 {
			r.wrong("%s: item %q at slot %d is listed again or out of order", v.id, item.ID, item.Slot)
		}
		seen[item.ID] = true
	}
	r.note(func(p *Report) {
		p.Pairs++
		p.Items += len(list.Items)
		if len(list.Degraded) > 0 {
			p.Degraded++
		}
	})
}

func call(conn *wire.Conn, path string, in body, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return conn.Call("POST", path, b, out)
}

func (r *run) wrong(format string, args ...any) {
	r.note(func(p *Report) {
		p.Failures++
		if len(p.Wrong) < 20 {
			p.Wrong = append(p.Wrong, fmt.Sprintf(format, args...))
		}
	})
}

func (r *run) note(fn func(*Report)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn(&r.report)
}
