package embedding

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// spread calls fn(0..n-1) on some goroutines, one per processor for 0 workers,
// and returns when all are done. Which of them takes which has no influence on
// a result made of separate parts.
func spread(workers, n int, fn func(k int)) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, n)
	if workers <= 1 {
		for k := range n {
			fn(k)
		}
		return
	}
	var next atomic.Int64
	work := func() {
		for k := next.Add(1) - 1; k < int64(n); k = next.Add(1) - 1 {
			fn(int(k))
		}
	}
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}

// pool keeps scratch between blocks: at most one per goroutine exists.
type pool[T any] struct {
	mu    sync.Mutex
	free  []T
	fresh func() T
}

func newPool[T any](fresh func() T) *pool[T] { return &pool[T]{fresh: fresh} }

func (p *pool[T]) get() T {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		x := p.free[n-1]
		p.free = p.free[:n-1]
		return x
	}
	return p.fresh()
}

func (p *pool[T]) put(x T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, x)
}

// serial makes progress callable by several goroutines; calls do not overlap
// and never go back. fn may be nil.
func serial(fn func(done, total int64)) func(done, total int64) {
	if fn == nil {
		return func(int64, int64) {}
	}
	var mu sync.Mutex
	last := int64(-1)
	return func(done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if done > last {
			last = done
			fn(done, total)
		}
	}
}
