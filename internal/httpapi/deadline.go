package httpapi

import (
	"context"
	"sync"
	"time"
)

// deadline is the context of one request. fasthttp tells nobody that a client
// is gone, so a request has a deadline of its own. Unlike context.WithTimeout
// it makes its channel and its timer only when somebody waits for them: most
// answers are given from memory. It must not be reused after the request,
// because whoever was given it may keep it.
type deadline struct {
	context.Context // the parent: values only, it is never cancelled
	at              time.Time

	mu    sync.Mutex
	err   error
	done  chan struct{}
	timer *time.Timer
	after []*afterFunc
}

// afterFunc is one registration of AfterFunc.
type afterFunc struct{ run func() }

func newDeadline(parent context.Context, at time.Time) *deadline {
	return &deadline{Context: parent, at: at}
}

// Deadline is when the request must have been answered.
func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }

// Done is closed at the deadline or at the end of the request.
func (d *deadline) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done == nil {
		d.done = make(chan struct{})
		if d.err != nil {
			close(d.done)
		} else {
			d.arm()
		}
	}
	return d.done
}

// Err says why Done is, or would be, closed.
func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil && !time.Now().Before(d.at) {
		return context.DeadlineExceeded
	}
	return d.err
}

// AfterFunc runs f in a goroutine of its own once the context is done. With it
// the context package needs no goroutine to derive a child.
func (d *deadline) AfterFunc(f func()) (stop func() bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		go f()
		return func() bool { return false }
	}
	a := &afterFunc{run: f}
	d.after = append(d.after, a)
	d.arm()
	return func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		pending := a.run != nil
		a.run = nil
		return pending
	}
}

// arm starts the timer; the caller holds mu.
func (d *deadline) arm() {
	if d.timer == nil {
		d.timer = time.AfterFunc(time.Until(d.at), func() { d.end(context.DeadlineExceeded) })
	}
}

// end closes the context; the first reason stays.
func (d *deadline) end(reason error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return
	}
	d.err = reason
	if d.timer != nil {
		d.timer.Stop()
	}
	if d.done != nil {
		close(d.done)
	}
	for _, a := range d.after {
		if a.run != nil {
			go a.run()
			a.run = nil
		}
	}
	d.after = nil
}
