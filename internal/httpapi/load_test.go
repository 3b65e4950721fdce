package httpapi

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestNoIDAppearsThatWasNotSent: fasthttp reuses the bytes of a request. Ids
// that a site keeps must still be the ones that were sent, after any number of
// further requests on the same connections.
func TestNoIDAppearsThatWasNotSent(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	var mu sync.Mutex
	sent := map[string]bool{"abcdefghijklmnopqrstuvwxyz": true}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(7, uint64(w)))
			id := func() string {
				// Lengths vary, so that a reused buffer would show a mixture.
				s := fmt.Sprintf("w%d-%d-", w, rnd.Uint64()) + strings.Repeat(string(rune('a'+w)), rnd.IntN(80))
				mu.Lock()
				sent[s] = true
				mu.Unlock()
				return s
			}
			for i := range 120 {
				got := oneOfEach(r, i, id)
				if got.status >= 300 {
					t.Errorf("answered %d %s", got.status, got.body)
					return
				}
			}
		})
	}
	wg.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.ids) < 1000 {
		t.Fatalf("only %d ids were kept", len(f.ids))
	}
	for id := range f.ids {
		if !sent[id] {
			t.Errorf("%q was never sent", id)
		}
	}
	for id := range f.erased {
		if !sent[id] {
			t.Errorf("%q was never erased", id)
		}
	}
}

// oneOfEach sends one of the calls that carry ids in different places.
func oneOfEach(r *running, i int, id func() string) reply {
	switch i % 5 {
	case 0:
		return r.call("POST", "/v1/events", fmt.Sprintf(`{"key":"pk_test","anonymous_id":%q,"user_id":%q,"events":[{"event_id":%q,"kind":"view","item_id":%q}]}`, id(), id(), id(), id()))
	case 1:
		return r.call("POST", "/v1/recommendations", fmt.Sprintf(`{"placement":"home","anonymous_id":%q,"context":{"item_id":%q},"after":%q,"exclude":[%q,%q],"candidates":[%q]}`, id(), id(), id(), id(), id(), id()), pageKey)
	case 2:
		return r.call("GET", fmt.Sprintf("/v1/recommendations?placement=item&anonymous_id=%s&item_id=%s&after=%s&exclude=%s&key=pk_test", id(), id(), id(), id()), "")
	case 3:
		return r.call("DELETE", "/v1/visitors/"+id(), "", secretKey)
	}
	return r.call("POST", "/v1/rank", fmt.Sprintf(`{"placement":"search","user_id":%q,"session_id":%q,"candidates":[%q,%q]}`, id(), id(), id(), id()), pageKey)
}

// TestBadInputLeavesNothingBehind: goroutines and heap do not grow with what
// is refused.
func TestBadInputLeavesNothingBehind(t *testing.T) {
	f := newFakeSite()
	f.record = false
	r := run(t, newServer(t, f))
	table := append(badRecommendations(t), badKeys()...)
	round := func() {
		for _, c := range table {
			if len(c.body) < 1<<20 {
				r.call(c.method, c.path, c.body, c.headers...)
			}
		}
		r.http.CloseIdleConnections()
	}
	measure := func() (int, uint64) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), m.HeapAlloc
	}
	round()
	goroutines, heap := measure()
	for range 3 {
		round()
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		g, h := measure()
		if g <= goroutines+8 && h <= heap+heap/2+4<<20 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines and %d bytes became %d and %d", goroutines, heap, g, h)
		}
		runtime.Gosched()
	}
}

// TestShutdownEndsEverything: a server that was stopped leaves no goroutine.
func TestShutdownEndsEverything(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("serve", func(t *testing.T) {
		r := run(t, newServer(t, newFakeSite()))
		for range 20 {
			if got := r.call(http.MethodPost, "/v1/recommendations", `{"placement":"home"}`, pageKey); got.status != 200 {
				t.Fatalf("answered %d", got.status)
			}
		}
	})
	// fasthttp's clocks and worker sweepers belong to the process.
	goleak.VerifyNone(t, before,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).workerFunc"),
		goleak.IgnoreAnyFunction("github.com/gofiber/fiber/v2/utils.StartTimeStampUpdater.func1"))
}
