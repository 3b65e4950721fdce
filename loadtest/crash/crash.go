// Package crash proves that an acknowledged event is never lost and never
// counted twice: it kills a server under load at random moments, starts it
// again and compares what it stored with what it had acknowledged.
package crash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/nextbest/nextbest/loadtest/wire"
)

// Server is what is killed. Start returns when it answers, at the same address
// and with the same data each time.
type Server interface {
	Start(ctx context.Context) error
	Kill() error
	Addr() string
}

// Options of a run. The zero value kills five times with 16 clients.
type Options struct {
	Kills   int
	Clients int
	Seed    uint64        // of everything random; printed, so that a run can be repeated
	Longest time.Duration // between a start and its kill; 1 s when 0
	Key     string
	Out     io.Writer
}

// Report is the outcome. Wrong lists what broke a promise, at most 20 of each run.
type Report struct {
	Seed       uint64   `json:"seed"`
	Kills      int      `json:"kills"`
	Acked      int      `json:"acknowledged"`
	Duplicates int      `json:"sent_again"`
	Open       int      `json:"unanswered"` // nobody knows: there or not
	Visitors   int      `json:"visitors"`
	Failures   int      `json:"failures"`
	Wrong      []string `json:"wrong"`
}

// Lost reports whether a promise was broken.
func (r Report) Lost() bool { return r.Failures > 0 }

// client is one concurrent sender with its visitors.
type client struct {
	name     string
	r        *rand.Rand
	conn     wire.Conn
	visitors []*visitor
	touched  map[*visitor]bool // since the last comparison
	again    int
	wrong    []string
}

// run is one whole proof.
type run struct {
	o       Options
	server  Server
	clients []*client
	report  Report
}

// Run kills the server o.Kills times. An error means that the proof could not
// be made; what the server did wrong is in the report.
func Run(ctx context.Context, server Server, o Options) (Report, error) {
	if o.Kills <= 0 {
		o.Kills = 5
	}
	if o.Clients <= 0 {
		o.Clients = 16
	}
	if o.Longest <= 0 {
		o.Longest = time.Second
	}
	r := &run{o: o, server: server, report: Report{Seed: o.Seed, Wrong: []string{}}}
	for i := range o.Clients {
		name := "c" + strconv.Itoa(i)
		r.clients = append(r.clients, &client{
			name: name, r: rand.New(rand.NewPCG(o.Seed, uint64(i+1))), touched: map[*visitor]bool{},
			conn: wire.Conn{Key: o.Key, Timeout: 5 * time.Second},
		})
	}
	if err := server.Start(ctx); err != nil {
		return r.report, fmt.Errorf("first start: %w", err)
	}
	moments := rand.New(rand.NewPCG(o.Seed, 0))
	for n := range o.Kills {
		if err := r.round(ctx, time.Duration(moments.Int64N(int64(o.Longest)))); err != nil {
			return r.report, fmt.Errorf("kill %d of %d (seed %d): %w", n+1, o.Kills, o.Seed, err)
		}
		r.line(n + 1)
	}
	r.check(true)
	r.line(o.Kills)
	return r.report, server.Kill()
}

// round loads the server, kills it, starts it again and compares.
func (r *run) round(ctx context.Context, after time.Duration) error {
	killed := make(chan struct{})
	var senders sync.WaitGroup
	for _, c := range r.clients {
		c.conn.Addr = r.server.Addr()
		senders.Go(func() { c.send(killed) })
	}
	var err error
	select {
	case <-time.After(after):
	case <-ctx.Done():
		err = ctx.Err()
	}
	err = errors.Join(err, r.server.Kill())
	close(killed)
	senders.Wait()
	r.report.Kills++
	if err != nil {
		return err
	}
	if err := r.server.Start(ctx); err != nil {
		return fmt.Errorf("start again: %w", err)
	}
	r.check(false)
	return nil
}

// check compares the visitors touched since the last time, or all of them.
func (r *run) check(all bool) {
	var readers sync.WaitGroup
	for _, c := range r.clients {
		readers.Go(func() { c.compare(all) })
	}
	readers.Wait()
	r.report.Acked, r.report.Open, r.report.Visitors, r.report.Duplicates = 0, 0, 0, 0
	for _, c := range r.clients {
		r.report.Visitors += len(c.visitors)
		r.report.Duplicates += c.again
		for _, v := range c.visitors {
			r.report.Acked += len(v.acked)
			r.report.Open += len(v.open)
		}
		for _, w := range c.wrong {
			r.report.Failures++
			if len(r.report.Wrong) < 20 {
				r.report.Wrong = append(r.report.Wrong, w)
			}
		}
		c.wrong = nil
	}
}

func (r *run) line(kills int) {
	if r.o.Out == nil {
		return
	}
	_, _ = fmt.Fprintf(r.o.Out, "kill %3d: %7d events acknowledged, %6d sent again, %4d unanswered, %6d visitors, %d failures\n",
		kills, r.report.Acked, r.report.Duplicates, r.report.Open, r.report.Visitors, r.report.Failures)
}

// send sends batches of its visitors until the server is gone.
func (c *client) send(killed <-chan struct{}) {
	defer c.conn.Close() // it leads to a dead server
	for {
		select {
		case <-killed:
			return
		default:
		}
		v := c.pick()
		batch, again := v.next(c.r)
		if again {
			c.again += len(batch)
		}
		body, err := v.request(batch)
		if err != nil {
			c.wrong = append(c.wrong, err.Error())
			return
		}
		c.touched[v] = true
		var ack wire.Ack
		err = c.conn.Call("POST", "/v1/events", body, &ack)
		var status *wire.Status
		switch {
		case err == nil:
			c.wrong = append(c.wrong, v.answered(batch, ack)...)
		case errors.As(err, &status) && status.Code != 429 && status.Code != 503:
			c.wrong = append(c.wrong, fmt.Sprintf("%s: %v", v.id, status))
			v.unanswered(batch, c.r)
		default: // refused for the moment, or the server is gone
			v.unanswered(batch, c.r)
			if status == nil {
				return
			}
		}
	}
}

// pick chooses one of the newest visitors that still has something to do, or a
// new one.
func (c *client) pick() *visitor {
	from := max(len(c.visitors)-6, 0)
	live := c.visitors[from:]
	if len(live) > 0 && c.r.IntN(5) > 0 {
		if v := live[c.r.IntN(len(live))]; !v.done() {
			return v
		}
	}
	v := newVisitor(fmt.Sprintf("%s-v%d", c.name, len(c.visitors)), c.r)
	c.visitors = append(c.visitors, v)
	return v
}

// compare reads visitors back. One that cannot be read counts as a failure: the
// server is up.
func (c *client) compare(all bool) {
	for _, v := range c.visitors {
		if !all && !c.touched[v] {
			continue
		}
		var got wire.Visitor
		err := c.conn.Call("GET", "/v1/visitors/"+v.id, nil, &got)
		var status *wire.Status
		switch {
		case err == nil, errors.As(err, &status) && status.Code == 404:
			c.wrong = append(c.wrong, v.compare(got)...)
		default:
			c.wrong = append(c.wrong, fmt.Sprintf("%s: cannot be read back: %v", v.id, err))
		}
	}
	clear(c.touched)
}
