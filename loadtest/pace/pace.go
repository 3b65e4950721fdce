// Package pace drives a server: open loop, where requests leave at a fixed rate
// whatever the server does and latency counts from the moment a request should
// have left, or closed loop, where every connection sends as fast as it is
// answered.
package pace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nextbest/nextbest/loadtest/replay"
	"github.com/nextbest/nextbest/loadtest/wire"
)

// Op is one kind of request.
type Op struct {
	Name  string
	Path  string
	Build func(dst []byte, s *replay.Step, ms int64) []byte
	Items int    // slots that an answer must have; 0: not looked at
	Want  string // text that an answer must hold; "" for none
}

// Unit is what one visitor does at one moment: its requests follow each other,
// over one click.
type Unit []Op

// Load describes one measurement. Addr, Plan, Cursor and Duration are required.
type Load struct {
	Addr, Key string
	Plan      []Unit // taken in turn
	Rate      float64
	Conns     int // connections; 32 when 0
	Warmup    time.Duration
	Duration  time.Duration
	Timeout   time.Duration // of one request; 10 s when 0
	Cursor    func(worker int) *replay.Cursor
}

func (l Load) check(open bool) error {
	switch {
	case l.Addr == "" || l.Cursor == nil || l.Duration <= 0:
		return errors.New("a load needs an address, a cursor and a duration")
	case len(l.Plan) == 0:
		return errors.New("a load needs a plan")
	case open && l.Rate <= 0:
		return fmt.Errorf("rate %v: an open loop needs one", l.Rate)
	}
	return nil
}

func (l Load) conns() int {
	if l.Conns <= 0 {
		return 32
	}
	return l.Conns
}

// queue bounds the requests that wait for a connection; beyond it they are
// counted as unsent.
const queue = 1 << 16

// job is one unit and the moment at which it should start.
type job struct {
	at   time.Time
	unit Unit
}

// Open sends Rate units a second and measures from the intended moment. It
// returns when all are answered; a cancelled context cuts it short.
func Open(ctx context.Context, l Load) (Result, error) {
	if err := l.check(true); err != nil {
		return Result{}, err
	}
	start := time.Now().Add(10 * time.Millisecond)
	rec := newRecorder(start.Add(l.Warmup), start.Add(l.Warmup+l.Duration))
	jobs := make(chan job, queue)
	var workers sync.WaitGroup
	for i := range l.conns() {
		workers.Go(func() {
			w := newWorker(l, i, rec)
			defer w.conn.Close()
			for j := range jobs {
				w.run(j.at, j.unit)
			}
		})
	}
	rec.startCPU()
	pacing(ctx, l, start, jobs, rec)
	close(jobs)
	workers.Wait()
	return rec.result(l.Duration), ctx.Err()
}

// pacing hands out every unit at its moment. It owns a thread, whose timer is
// finer than the runtime's.
func pacing(ctx context.Context, l Load, start time.Time, jobs chan<- job, rec *recorder) {
	unlock := ownThread()
	defer unlock()
	every := float64(time.Second) / l.Rate
	total := int((l.Warmup + l.Duration).Seconds() * l.Rate)
	for n := range total {
		if n%64 == 0 && ctx.Err() != nil {
			return
		}
		at := start.Add(time.Duration(float64(n) * every))
		sleepUntil(at)
		select {
		case jobs <- job{at, l.Plan[n%len(l.Plan)]}:
		default:
			rec.unsent.Add(1)
		}
	}
}

// Closed lets every connection send as fast as it is answered: the capacity.
func Closed(ctx context.Context, l Load) (Result, error) {
	if err := l.check(false); err != nil {
		return Result{}, err
	}
	start := time.Now()
	end := start.Add(l.Warmup + l.Duration)
	rec := newRecorder(start.Add(l.Warmup), end)
	rec.startCPU()
	var workers sync.WaitGroup
	var turn atomic.Int64
	for i := range l.conns() {
		workers.Go(func() {
			w := newWorker(l, i, rec)
			defer w.conn.Close()
			for ctx.Err() == nil {
				now := time.Now()
				if now.After(end) {
					return
				}
				w.run(now, l.Plan[int(turn.Add(1)-1)%len(l.Plan)])
			}
		})
	}
	workers.Wait()
	return rec.result(l.Duration), ctx.Err()
}

// worker is one connection.
type worker struct {
	conn   wire.Conn
	cursor *replay.Cursor
	rec    *recorder
	step   replay.Step
	body   []byte
}

func newWorker(l Load, i int, rec *recorder) *worker {
	return &worker{conn: wire.Conn{Addr: l.Addr, Key: l.Key, Timeout: l.Timeout}, cursor: l.Cursor(i), rec: rec}
}

// run sends one unit. Its first request is measured from the moment it should
// have left, a later one from the answer before it.
func (w *worker) run(at time.Time, unit Unit) {
	w.cursor.Next(&w.step)
	from := at
	w.rec.lag(at, time.Now())
	for i := range unit {
		op := &unit[i]
		w.body = op.Build(w.body[:0], &w.step, time.Now().UnixMilli())
		res, err := w.conn.Do("POST", op.Path, w.body)
		done := time.Now()
		w.rec.answer(op, at, done.Sub(from), judge(op, res, err))
		if err != nil || !res.OK() {
			return
		}
		from = done
	}
	if len(unit) > 1 {
		w.rec.whole(at, from.Sub(at))
	}
}

// verdict is what an answer was worth.
type verdict uint8

const (
	good verdict = iota
	degraded
	mismatch // 2xx, and not what was asked for
	refused  // 429 or 503: the server said so in time
	failed   // any other status, or no answer
)

var (
	slot        = []byte(`"slot":`)
	degradation = []byte(`"degraded":[`)
)

// judge looks at an answer without parsing it.
func judge(op *Op, res wire.Response, err error) verdict {
	switch {
	case err != nil:
		return failed
	case res.Status == 429 || res.Status == 503:
		return refused
	case !res.OK():
		return failed
	case op.Items > 0 && bytes.Count(res.Body, slot) != op.Items:
		return mismatch
	case op.Want != "" && !bytes.Contains(res.Body, []byte(op.Want)):
		return mismatch
	}
	if i := bytes.Index(res.Body, degradation); i >= 0 && !bytes.HasPrefix(res.Body[i+len(degradation):], []byte("]")) {
		return degraded
	}
	return good
}
