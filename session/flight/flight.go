// Package flight lets callers who ask for the same thing at the same time share
// one answer. Unlike golang.org/x/sync/singleflight it can do the work in the
// goroutine of the first caller, which for a fast answer costs a fraction, while
// those who joined still leave when their own context ends.
package flight

import (
	"context"
	"errors"
	"sync"
)

// Group holds what is under way. The zero Group is empty.
type Group[K comparable, V any] struct {
	mu    sync.Mutex
	calls map[K]*call[V]
}

type call[V any] struct {
	done  chan struct{} // made by the first who waits
	value V
	err   error
}

// errUnfinished is the answer of work that ended its goroutine.
var errUnfinished = errors.New("the work was not finished")

// Here does the work in the caller's goroutine, or waits for the answer of who
// does it already. The work must not need the caller's context to end: others
// may wait for it.
func (g *Group[K, V]) Here(ctx context.Context, key K, work func() (V, error)) (V, error) {
	c, first := g.join(key, false)
	if first {
		g.fly(key, c, work)
		return c.value, c.err
	}
	return c.wait(ctx)
}

// Beside does the work in a goroutine of its own and waits for the answer.
func (g *Group[K, V]) Beside(ctx context.Context, key K, work func() (V, error)) (V, error) {
	c, first := g.join(key, true)
	if first {
		go g.fly(key, c, work)
	}
	return c.wait(ctx)
}

// Start does the work in a goroutine of its own, unless it is under way, and
// waits for nothing.
func (g *Group[K, V]) Start(key K, work func() (V, error)) {
	if c, first := g.join(key, true); first {
		go g.fly(key, c, work)
	}
}

// join finds the call of a key or makes it. Whoever waits for it needs done.
func (g *Group[K, V]) join(key K, waits bool) (c *call[V], first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c, under := g.calls[key]
	if !under {
		c = &call[V]{err: errUnfinished}
		if g.calls == nil {
			g.calls = make(map[K]*call[V])
		}
		g.calls[key] = c
	}
	if c.done == nil && (under || waits) {
		c.done = make(chan struct{})
	}
	return c, !under
}

func (g *Group[K, V]) fly(key K, c *call[V], work func() (V, error)) {
	defer func() { // also when the goroutine ends or panics in the work
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.calls, key)
		if c.done != nil {
			close(c.done)
		}
	}()
	c.value, c.err = work()
}

func (c *call[V]) wait(ctx context.Context) (V, error) {
	select {
	case <-c.done:
		return c.value, c.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}
