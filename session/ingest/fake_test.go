package ingest_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	now     = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	errDown = errors.New("the store is down")
)

// log is a store in memory: rows by (session, ts, id), and every append.
type log struct {
	mu       sync.Mutex
	rows     map[session.Key]map[string]event.Record
	visitors map[string]session.Visitor
	appended int // records, copies included
	appends  int
	touched  int // any call at all
	fails    error
	blind    error // of reads alone
	panics   bool
	entered  chan struct{} // told of each append, when set
	hold     chan struct{} // appends wait for it, when set
}

func newLog() *log {
	return &log{rows: map[session.Key]map[string]event.Record{}, visitors: map[string]session.Visitor{}}
}

func (l *log) Durability() string { return "os" }

func (l *log) Append(ctx context.Context, w ingest.Write) error {
	l.mu.Lock()
	l.touched++
	hold, entered := l.hold, l.entered
	l.mu.Unlock()
	if entered != nil {
		entered <- struct{}{}
	}
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.panics {
		panic("broken")
	}
	if l.fails != nil {
		return l.fails
	}
	l.appends++
	l.appended += len(w.Records)
	for _, r := range w.Records {
		key := session.Key{Site: r.Site, Visitor: r.Visitor, Session: r.Session}
		if l.rows[key] == nil {
			l.rows[key] = map[string]event.Record{}
		}
		l.rows[key][fmt.Sprint(r.TS, "/", r.ID)] = r
	}
	for _, v := range w.Visitors {
		l.visitors[v.Site+"/"+v.ID] = v
	}
	return nil
}

func (l *log) SessionEvents(_ context.Context, key session.Key, limit int) ([]event.Record, []string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touched++
	if err := cmp.Or(l.fails, l.blind); err != nil {
		return nil, nil, err
	}
	var recs []event.Record
	var ids []string
	for _, r := range l.rows[key] {
		recs, ids = append(recs, r), append(ids, r.ID)
	}
	slices.SortFunc(recs, func(a, b event.Record) int {
		return -cmp.Or(cmp.Compare(a.TS, b.TS), cmp.Compare(a.ID, b.ID))
	})
	return recs[:min(limit, len(recs))], ids, nil
}

func (l *log) Visitor(_ context.Context, site, id string) (session.Visitor, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touched++
	return l.visitors[site+"/"+id], cmp.Or(l.fails, l.blind)
}

// change does something to the log while nobody else uses it.
func (l *log) change(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn()
}

func (l *log) all() (recs []event.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, rows := range l.rows {
		for _, r := range rows {
			recs = append(recs, r)
		}
	}
	slices.SortFunc(recs, func(a, b event.Record) int { return cmp.Compare(a.ID, b.ID) })
	return recs
}

// rig is a collector on its log.
type rig struct {
	*ingest.Collector
	log      *log
	sessions *session.Sessions
}

func newRig(t testing.TB, change func(*ingest.Config)) *rig {
	l := newLog()
	n := 0
	var mu sync.Mutex
	newID := func() string {
		mu.Lock()
		defer mu.Unlock()
		n++
		return fmt.Sprintf("made-%d", n)
	}
	clock := func() time.Time { return now }
	s := session.New(session.Config{Source: l, Salt: []byte("salt"), Now: clock, NewID: newID, Shards: 4})
	cfg := ingest.Config{Sessions: s, Log: l, Now: clock, NewID: newID, Attempts: 1}
	if change != nil {
		change(&cfg)
	}
	r := &rig{ingest.New(cfg), l, s}
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// request is a batch of a1 in s1 with full consent.
func request(t testing.TB, events string) *ingest.Request {
	t.Helper()
	b, err := event.DecodeBatch([]byte(`{"anonymous_id":"a1","session_id":"s1","consent":"full","events":[`+events+`]}`), now)
	if err != nil {
		t.Fatal(err)
	}
	return &ingest.Request{Site: "demo", Batch: b, ReceivedAt: now}
}

func view(id, item string) string {
	return fmt.Sprintf(`{"event_id":%q,"kind":"view","item_id":%q,"ts":%d}`, id, item, now.UnixMilli()-1000)
}

func (r *rig) collect(t testing.TB, q *ingest.Request) ingest.Result {
	t.Helper()
	res, err := r.Collect(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

var who = session.Who{Site: "demo", AnonymousID: "a1", SessionID: "s1", Consent: event.ConsentFull}

func (r *rig) view(t testing.TB) *session.View {
	t.Helper()
	v := new(session.View)
	if err := r.sessions.Open(context.Background(), who, "", v); err != nil {
		t.Fatal(err)
	}
	return v
}
