package flight

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// modes are the ways to ask.
var modes = map[string]func(g *Group[string, int], ctx context.Context, key string, work func() (int, error)) (int, error){
	"Here":   (*Group[string, int]).Here,
	"Beside": (*Group[string, int]).Beside,
}

func each(t *testing.T, test func(t *testing.T, ask func(*Group[string, int], context.Context, string, func() (int, error)) (int, error))) {
	for name, ask := range modes {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { test(t, ask) }) })
	}
}

func TestThousandShareOne(t *testing.T) {
	each(t, func(t *testing.T, ask func(*Group[string, int], context.Context, string, func() (int, error)) (int, error)) {
		var g Group[string, int]
		var works atomic.Int64
		gate := make(chan struct{})
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				v, err := ask(&g, t.Context(), "k", func() (int, error) { works.Add(1); <-gate; return 7, nil })
				if v != 7 || err != nil {
					t.Errorf("%d, %v", v, err)
				}
			})
		}
		synctest.Wait()
		close(gate)
		all.Wait()
		if works.Load() != 1 {
			t.Fatalf("%d works", works.Load())
		}
		if len(g.calls) != 0 {
			t.Fatal("a call is left")
		}
	})
}

func TestWhoLeavesFailsNobody(t *testing.T) {
	each(t, func(t *testing.T, ask func(*Group[string, int], context.Context, string, func() (int, error)) (int, error)) {
		var g Group[string, int]
		gate := make(chan struct{})
		work := func() (int, error) { <-gate; return 7, nil }
		first := make(chan error, 1)
		go func() { _, err := ask(&g, t.Context(), "k", work); first <- err }()
		synctest.Wait()
		ctx, leave := context.WithCancel(t.Context())
		second := make(chan error, 1)
		go func() { _, err := ask(&g, ctx, "k", work); second <- err }()
		synctest.Wait()
		leave()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Fatalf("who left is told %v", err)
		}
		close(gate)
		if err := <-first; err != nil {
			t.Fatal(err)
		}
	})
}

func TestKeysDoNotShare(t *testing.T) {
	each(t, func(t *testing.T, ask func(*Group[string, int], context.Context, string, func() (int, error)) (int, error)) {
		var g Group[string, int]
		gate := make(chan struct{})
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() {
				v, _ := ask(&g, t.Context(), fmt.Sprint(i), func() (int, error) { <-gate; return i, nil })
				if v != i {
					t.Errorf("%d got %d", i, v)
				}
			})
		}
		synctest.Wait()
		close(gate)
		all.Wait()
	})
}

// Work that ends its goroutine, as t.FailNow does, leaves nobody waiting.
func TestUnfinishedWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, int]
		gate := make(chan struct{})
		go func() {
			_, _ = g.Here(t.Context(), "k", func() (int, error) { <-gate; runtime.Goexit(); return 0, nil })
		}()
		synctest.Wait()
		joined := make(chan error, 1)
		go func() { _, err := g.Here(t.Context(), "k", nil); joined <- err }()
		synctest.Wait()
		close(gate)
		if err := <-joined; !errors.Is(err, errUnfinished) {
			t.Fatalf("told %v", err)
		}
	})
}

func TestStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, int]
		var works atomic.Int64
		gate := make(chan struct{})
		for range 10 {
			g.Start("k", func() (int, error) { works.Add(1); <-gate; return 0, nil })
		}
		synctest.Wait()
		close(gate)
		synctest.Wait()
		if works.Load() != 1 {
			t.Fatalf("%d works", works.Load())
		}
	})
}

func BenchmarkHere(b *testing.B) {
	var g Group[string, int]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Here(b.Context(), "k", func() (int, error) { return 1, nil }); err != nil {
			b.Fatal(err)
		}
	}
}
