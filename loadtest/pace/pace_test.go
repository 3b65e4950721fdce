package pace

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nextbest/nextbest/loadtest/fake"
	"github.com/nextbest/nextbest/loadtest/replay"
)

func plan(items int) []Unit {
	b := replay.Bodies{Placement: "item", Limit: 20}
	return []Unit{{
		{Name: "events", Path: "/v1/events", Build: b.Events, Want: `"accepted":1`},
		{Name: "recommendations", Path: "/v1/recommendations", Items: items,
			Build: func(dst []byte, s *replay.Step, _ int64) []byte { return b.Recommend(dst, s, s.EventID) }},
	}}
}

func load(t *testing.T, f fake.Fault) Load {
	t.Helper()
	sessions := replay.Generate(1, 100, 50)
	s := &fake.Server{Fault: f, Items: sessions.Items}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Kill() })
	return Load{
		Addr: s.Addr(), Plan: plan(20), Conns: 4, Duration: 200 * time.Millisecond,
		Cursor: func(w int) *replay.Cursor { return sessions.Cursor(1, strconv.Itoa(w), 4) },
	}
}

func TestOpenSendsAtTheRate(t *testing.T) {
	l := load(t, fake.None)
	l.Rate, l.Warmup = 300, 50*time.Millisecond
	r, err := Open(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Clean() || r.Sent < 118 || r.Sent > 122 { // 60 pairs
		t.Errorf("result %+v", r)
	}
	for _, name := range []string{"events", "recommendations", "unit"} {
		if l := r.Latency[name]; l.N < 59 || l.N > 61 || l.P50 <= 0 || l.P999 < l.P50 {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

// TestNoCoordinatedOmission: a server that stops for 150 ms must show in the
// latency of every request that should have been sent meanwhile, though one
// connection could send only one of them.
func TestNoCoordinatedOmission(t *testing.T) {
	var n atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 10 {
			select {
			case <-time.After(150 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
	}))
	defer s.Close()
	sessions := replay.Generate(1, 10, 10)
	r, err := Open(t.Context(), Load{
		Addr: s.Listener.Addr().String(), Rate: 200, Conns: 1, Duration: 400 * time.Millisecond,
		Plan:   []Unit{{{Name: "x", Path: "/", Build: replay.Bodies{}.Events}}},
		Cursor: func(int) *replay.Cursor { return sessions.Cursor(1, "w", 1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	// 30 of 80 requests fell into the pause; the tenth of them waited 100 ms.
	if l := r.Latency["x"]; l.N != 80 || l.P90 < 75_000 {
		t.Errorf("the pause is hidden: %+v", l)
	}
}

func TestClosedCountsCapacity(t *testing.T) {
	r, err := Closed(t.Context(), load(t, fake.None))
	if err != nil || !r.Clean() || r.Sent < 20 || r.PerSecond < 50 {
		t.Errorf("result %+v (%v)", r, err)
	}
}

func TestWrongAnswersAreCounted(t *testing.T) {
	for f, count := range map[fake.Fault]func(Result) int64{
		fake.TooFew:   func(r Result) int64 { return r.Mismatches },
		fake.Degrades: func(r Result) int64 { return r.Degraded },
		fake.Refuses:  func(r Result) int64 { return r.Refused },
	} {
		r, err := Closed(t.Context(), load(t, f))
		if err != nil || count(r) == 0 {
			t.Errorf("%s: result %+v (%v)", f, r, err)
		}
	}
}

func TestNoServerIsAnError(t *testing.T) {
	l := load(t, fake.None)
	l.Addr, l.Duration, l.Rate = "127.0.0.1:1", 50*time.Millisecond, 100
	r, err := Open(t.Context(), l)
	if err != nil || r.Errors == 0 || r.PerSecond != 0 {
		t.Errorf("result %+v (%v)", r, err)
	}
}

func TestLoadIsChecked(t *testing.T) {
	ok := load(t, fake.None)
	for _, change := range []func(*Load){
		func(l *Load) { l.Addr = "" }, func(l *Load) { l.Plan = nil }, func(l *Load) { l.Duration = 0 }, func(l *Load) { l.Rate = 0 },
	} {
		l := ok
		l.Rate = 1
		change(&l)
		if _, err := Open(t.Context(), l); err == nil {
			t.Errorf("%+v was accepted", l)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ok.Rate = 100
	if _, err := Open(ctx, ok); err == nil {
		t.Error("a cancelled run says nothing")
	}
}
