package ingest_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

func TestCollect(t *testing.T) {
	r := newRig(t, nil)
	got := r.collect(t, request(t, view("e1", "a")+","+view("e1", "a")+`,{"kind":"view","event_id":"e2"},`+view("e3", "b")))
	want := ingest.Result{Accepted: 2, Duplicate: 1, Durability: "os", SessionID: "s1", Events: 2, LastEventID: "e3",
		Invalid: []event.Verdict{{Index: 2, EventID: "e2", Code: "item_id_missing", Detail: "kind view needs item_id; send the item's id as a string"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	again := r.collect(t, request(t, view("e1", "a")+","+view("e3", "b")))
	if again.Accepted != 0 || again.Duplicate != 2 || again.Events != 2 || r.log.appended != 2 {
		t.Errorf("%+v, %d appended", again, r.log.appended)
	}
	rec := r.log.all()[0]
	if rec.Site != "demo" || rec.Visitor != "a1" || rec.Session != "s1" || !rec.Lasting || rec.ReceivedAt != now.UnixMilli() || rec.Bot {
		t.Errorf("stored: %+v", rec)
	}
}

func TestMissingIDsAreMadeAndSaid(t *testing.T) {
	r := newRig(t, nil)
	got := r.collect(t, request(t, `{"kind":"view"},{"kind":"view","item_id":"a"},`+view("e1", "a")))
	if diff := cmp.Diff([]ingest.MadeID{{Index: 1, EventID: "made-1"}}, got.Made); diff != "" {
		t.Error(diff)
	}
	for _, rec := range r.log.all() {
		if rec.ID == "made-1" && rec.TS != now.UnixMilli() {
			t.Errorf("the time of %s is %d", rec.ID, rec.TS)
		}
	}
}

func TestRetryWithoutTimeIsTheSameRow(t *testing.T) {
	r := newRig(t, nil)
	r.collect(t, request(t, `{"event_id":"e1","kind":"view","item_id":"a"}`))
	later := request(t, `{"event_id":"e1","kind":"view","item_id":"a"}`)
	later.ReceivedAt = now.Add(time.Minute)
	// Another node, which knows the session only from the store.
	other := session.New(session.Config{Source: r.log, Now: func() time.Time { return now }})
	c := ingest.New(ingest.Config{Sessions: other, Log: r.log, Now: func() time.Time { return now }})
	defer func() { _ = c.Close(context.Background()) }()
	res, err := c.Collect(context.Background(), later)
	if err != nil || res.Duplicate != 1 || len(r.log.all()) != 1 {
		t.Errorf("%+v, %v, %d rows", res, err, len(r.log.all()))
	}
}

func TestConsent(t *testing.T) {
	const f, s, n, u = event.ConsentFull, event.ConsentSession, event.ConsentNone, event.ConsentUnset
	for _, test := range []struct {
		said, byDefault event.Consent
		gpc             bool
		want            event.Consent
	}{
		{u, u, false, s}, {u, f, false, f}, {f, n, false, f}, {s, f, false, s}, {n, f, false, n},
		{f, f, true, s}, {u, f, true, s}, {n, f, true, n}, {s, s, true, s},
	} {
		if got := ingest.Consent(test.said, test.byDefault, test.gpc); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

func TestConsentNoneTouchesNothing(t *testing.T) {
	r := newRig(t, nil)
	q := request(t, view("e1", "a")+`,{"kind":"stare"},{"kind":"page"}`)
	q.Batch.Consent = event.ConsentNone
	got := r.collect(t, q)
	if got.Shed != 2 || len(got.Invalid) != 1 || got.Accepted != 0 || got.Made != nil {
		t.Errorf("%+v", got)
	}
	if r.log.touched != 0 || r.sessions.Len() != 0 {
		t.Errorf("%d calls, %d sessions", r.log.touched, r.sessions.Len())
	}
}

func TestGPCStoresNoLastingID(t *testing.T) {
	r := newRig(t, nil)
	q := request(t, view("e1", "a"))
	q.GPC, q.Batch.UserID, q.Secret = true, "u9", true
	got := r.collect(t, q)
	rec := r.log.all()[0]
	if rec.Visitor == "a1" || rec.Session == "s1" || rec.UserID != "" || rec.Proven || rec.Lasting || got.SessionID != "s1" {
		t.Errorf("%+v, answered %+v", rec, got)
	}
}

func TestIdentityOfRecords(t *testing.T) {
	secret := []byte("shop")
	good := ingest.SignUserToken(secret, "u9", now.Add(time.Hour))
	for name, test := range map[string]struct {
		change func(*ingest.Request)
		proven bool
	}{
		"said":    {func(q *ingest.Request) {}, false},
		"token":   {func(q *ingest.Request) { q.Batch.UserToken, q.IdentitySecret = good, secret }, true},
		"forged":  {func(q *ingest.Request) { q.Batch.UserToken, q.IdentitySecret = good, []byte("x") }, false},
		"secret":  {func(q *ingest.Request) { q.Secret = true }, true},
		"trusted": {func(q *ingest.Request) { q.TrustUser = true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			q := request(t, view("e1", "a"))
			q.Batch.UserID = "u9"
			test.change(q)
			r.collect(t, q)
			r.collect(t, request(t, view("e2", "b"))) // without the user: still linked
			for _, rec := range r.log.all() {
				linked := test.proven || rec.ID == "e1"
				if (rec.UserID == "u9") != linked && test.proven || rec.Proven != test.proven {
					t.Errorf("%s: user %q proven %v", rec.ID, rec.UserID, rec.Proven)
				}
			}
		})
	}
}

func TestUserToken(t *testing.T) {
	secret := []byte("shop")
	token := ingest.SignUserToken(secret, "u9", now.Add(time.Minute))
	if !ingest.VerifyUserToken(secret, "u9", token, now) {
		t.Error("a good token fails")
	}
	for name, ok := range map[string]bool{
		"another user": ingest.VerifyUserToken(secret, "u8", token, now),
		"expired":      ingest.VerifyUserToken(secret, "u9", token, now.Add(time.Minute)),
		"no secret":    ingest.VerifyUserToken(nil, "u9", token, now),
		"no token":     ingest.VerifyUserToken(secret, "u9", "", now),
		"no expiry":    ingest.VerifyUserToken(secret, "u9", "abc", now),
		"later expiry": ingest.VerifyUserToken(secret, "u9", strings.Split(token, ".")[0]+".9999999999", now),
		"no base64":    ingest.VerifyUserToken(secret, "u9", "***."+strings.Split(token, ".")[1], now),
		"no number":    ingest.VerifyUserToken(secret, "u9", "abc.soon", now),
	} {
		if ok {
			t.Errorf("%s passes", name)
		}
	}
}

func TestSessionAlone(t *testing.T) {
	r := newRig(t, nil)
	q := request(t, view("e1", "a"))
	q.Batch.AnonymousID = ""
	if _, err := r.Collect(context.Background(), q); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
	q.Secret = true
	if got := r.collect(t, q); got.Accepted != 1 || !strings.HasSuffix(r.log.all()[0].Visitor, "s1") {
		t.Errorf("%+v", got)
	}
}

func TestBotIsFlaggedAndFolded(t *testing.T) {
	r := newRig(t, nil)
	q := request(t, view("e1", "a"))
	q.Bot = true
	r.collect(t, q)
	if v := r.view(t); !r.log.all()[0].Bot || len(v.Steps) != 1 {
		t.Errorf("%+v", v)
	}
}

func TestDailyLimit(t *testing.T) {
	r := newRig(t, func(c *ingest.Config) { c.DailyLimit = 3 })
	r.collect(t, request(t, view("e1", "a")+","+view("e2", "b")))
	got := r.collect(t, request(t, view("e3", "c")+","+view("e4", "d")+","+view("e5", "e")))
	if got.Accepted != 3 || got.Events != 5 {
		t.Errorf("%+v", got)
	}
	check := func(what string, v *session.View) {
		if len(v.Steps) != 3 || v.Events != 5 {
			t.Errorf("%s: %d steps of %d events", what, len(v.Steps), v.Events)
		}
	}
	check("live", r.view(t))
	for _, rec := range r.log.all() {
		if over := rec.ID > "e3"; rec.Bot != over || rec.Unfolded != over {
			t.Errorf("%s: bot %v unfolded %v", rec.ID, rec.Bot, rec.Unfolded)
		}
	}
	r.sessions.Forget("demo", "a1")
	check("read back", r.view(t))
}

func TestErasedVisitorStaysErased(t *testing.T) {
	r := newRig(t, nil)
	r.log.visitors["demo/a1"] = session.Visitor{Site: "demo", ID: "a1", ErasedAt: now.UnixMilli() - 500}
	got := r.collect(t, request(t, view("e1", "a")+`,{"event_id":"e2","kind":"page"}`))
	if got.Shed != 1 || got.Accepted != 1 || r.log.all()[0].ID != "e2" || r.log.visitors["demo/a1"].ErasedAt == 0 {
		t.Errorf("%+v", got)
	}
}

func TestStoreFailureAcknowledgesNothing(t *testing.T) {
	for _, fail := range []func(*log){func(l *log) { l.fails = errDown }, func(l *log) { l.panics = true }} {
		r := newRig(t, nil)
		r.collect(t, request(t, view("e0", "z")))
		r.log.change(func() { fail(r.log) })
		_, err := r.Collect(context.Background(), request(t, view("e1", "a")))
		if f := fault.Of(err); f == nil || f.Kind != fault.Unavailable || f.RetryAfter == 0 {
			t.Fatalf("%v", err)
		}
		r.log.change(func() { r.log.fails, r.log.panics = nil, false })
		if v := r.view(t); v.Events != 1 {
			t.Errorf("an event that is not stored is shown: %+v", v)
		}
		if got := r.collect(t, request(t, view("e1", "a"))); got.Accepted != 1 || got.Events != 2 {
			t.Errorf("the retry: %+v", got)
		}
	}
}

func TestStoreFailureBeforeTheSessionIsKnown(t *testing.T) {
	r := newRig(t, nil)
	r.log.fails = errDown
	if _, err := r.Collect(context.Background(), request(t, view("e1", "a"))); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
}

// Every event has one outcome, whatever is sent; the session is exact.
func TestEveryEventHasOneOutcome(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, func(c *ingest.Config) { c.DailyLimit = 15 })
		known := map[string]bool{}
		for range rapid.IntRange(1, 8).Draw(rt, "requests") {
			var events []string
			for range rapid.IntRange(0, 10).Draw(rt, "n") {
				id := fmt.Sprint("e", rapid.IntRange(0, 30).Draw(rt, "id"))
				events = append(events, rapid.SampledFrom([]string{
					view(id, "a"), fmt.Sprintf(`{"event_id":%q,"kind":"view"}`, id), `{"kind":"page"}`, `7`,
					fmt.Sprintf(`{"event_id":%q,"kind":"search","query":"x"}`, id),
				}).Draw(rt, "event"))
			}
			q := request(t, strings.Join(events, ","))
			q.Mode = rapid.SampledFrom([]ingest.Mode{ingest.Wait, ingest.Async}).Draw(rt, "mode")
			q.Batch.Consent = rapid.SampledFrom([]event.Consent{event.ConsentFull, event.ConsentFull, event.ConsentNone}).Draw(rt, "consent")
			fails := rapid.IntRange(0, 5).Draw(rt, "fails") == 0
			r.log.change(func() { r.log.fails = nil })
			if fails && q.Mode == ingest.Wait {
				r.log.change(func() { r.log.fails = errDown })
			}
			got, err := r.Collect(context.Background(), q)
			if err != nil {
				if !fails {
					rt.Fatal(err)
				}
				continue
			}
			if sum := got.Accepted + got.Duplicate + len(got.Invalid) + got.Shed; sum != q.Batch.Sent {
				rt.Fatalf("%d sent, but %+v", q.Batch.Sent, got)
			}
			if q.Batch.Consent != event.ConsentNone {
				for _, e := range q.Batch.Events {
					known[e.ID] = true
				}
				if len(q.Batch.Events) > 0 && got.Events != len(known) {
					rt.Fatalf("%d events, %d sent", got.Events, len(known))
				}
			}
		}
	})
}

func TestConcurrentCopiesAreStoredOnceAndFoldedOnce(t *testing.T) {
	r := newRig(t, nil)
	const copies = 16
	var wg sync.WaitGroup
	var mu sync.Mutex
	accepted, duplicate := 0, 0
	for range copies {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 20 {
				got, err := r.Collect(context.Background(), request(t, view(fmt.Sprint("e", i), "a")))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				accepted, duplicate = accepted+got.Accepted, duplicate+got.Duplicate
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	if accepted != 20 || duplicate != 20*(copies-1) || r.log.appended != 20 {
		t.Errorf("accepted %d, duplicate %d, appended %d", accepted, duplicate, r.log.appended)
	}
	if v := r.view(t); v.Events != 20 {
		t.Errorf("%d events", v.Events)
	}
}

func TestNoCopyIsAcknowledgedBeforeItIsStored(t *testing.T) {
	r := newRig(t, nil)
	r.log.hold, r.log.entered = make(chan struct{}), make(chan struct{}, 8)
	answers := make(chan ingest.Result, 2)
	send := func() {
		got, err := r.Collect(context.Background(), request(t, view("e1", "a")))
		if err != nil {
			t.Error(err)
		}
		answers <- got
	}
	go send()
	<-r.log.entered
	go send()
	select {
	case got := <-answers:
		t.Fatalf("acknowledged before it was stored: %+v", got)
	case <-time.After(20 * time.Millisecond):
	}
	close(r.log.hold)
	a, b := <-answers, <-answers
	if a.Accepted+b.Accepted != 1 || a.Duplicate+b.Duplicate != 1 {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestDropsAreCountedByReason(t *testing.T) {
	reader := metric.NewManualReader()
	r := newRig(t, func(c *ingest.Config) { c.Meter = metric.NewMeterProvider(metric.WithReader(reader)) })
	r.collect(t, request(t, view("e1", "a")+","+view("e1", "a")+`,7,{"event_id":"e9","kind":"page","x":1}`))
	none := request(t, view("e2", "a"))
	none.Batch.Consent = event.ConsentNone
	r.collect(t, none)
	forged := request(t, view("e3", "a"))
	forged.Batch.UserID, forged.Batch.UserToken = "u1", "forged.1"
	r.collect(t, forged)
	var data metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &data); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, m := range data.ScopeMetrics[0].Metrics {
		if sum, ok := m.Data.(metricdata.Sum[int64]); ok {
			for _, p := range sum.DataPoints {
				reason, _ := p.Attributes.Value("reason")
				got[strings.TrimPrefix(m.Name, "nextbest.ingest.")+" "+reason.AsString()] = p.Value
			}
		}
	}
	want := map[string]int64{"accepted ": 3, "user_tokens_refused ": 1, "dropped duplicate": 1, "dropped invalid": 1, "dropped consent": 1, "unknown_fields ": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
