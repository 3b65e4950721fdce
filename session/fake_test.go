package session_test

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
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a store in memory, to be shared by several Sessions.
type source struct {
	mu       sync.Mutex
	rows     map[session.Key]map[string]event.Record // by ts and id
	visitors map[string]session.Visitor
	fails    error
	reads    int
	hold     chan struct{} // reads wait for it, when set
	late     func()        // called once, between a session's read and its answer
}

func newSource() *source {
	return &source{rows: map[session.Key]map[string]event.Record{}, visitors: map[string]session.Visitor{}}
}

func (s *source) put(v session.Visitor, key session.Key, recs ...event.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows[key] == nil {
		s.rows[key] = map[string]event.Record{}
	}
	for _, r := range recs {
		s.rows[key][fmt.Sprint(r.TS, r.ID)] = r
	}
	if v.ID != "" {
		s.visitors[v.Site+"/"+v.ID] = v
	}
}

func (s *source) begin() error {
	s.mu.Lock()
	s.reads++
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fails
}

func (s *source) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = err
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

func (s *source) SessionEvents(_ context.Context, key session.Key, limit int) ([]event.Record, []string, error) {
	if err := s.begin(); err != nil {
		return nil, nil, err
	}
	recs, ids, late := s.session(key, limit)
	if late != nil {
		late()
	}
	return recs, ids, nil
}

func (s *source) session(key session.Key, limit int) ([]event.Record, []string, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := s.late
	s.late = nil
	var recs []event.Record
	var ids []string
	for _, r := range s.rows[key] {
		recs = append(recs, r)
		ids = append(ids, r.ID)
	}
	slices.SortFunc(recs, func(a, b event.Record) int {
		return -cmp.Or(cmp.Compare(a.TS, b.TS), cmp.Compare(a.ID, b.ID))
	})
	return recs[:min(limit, len(recs))], ids, late
}

func (s *source) Visitor(_ context.Context, site, id string) (session.Visitor, error) {
	if err := s.begin(); err != nil {
		return session.Visitor{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.visitors[site+"/"+id], nil
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// node is one process: sessions over a source.
type node struct {
	*session.Sessions
	src *source
	clk *clock
}

func newNode(src *source, clk *clock, change func(*session.Config)) node {
	n := 0
	cfg := session.Config{Source: src, Salt: []byte("salt"), Now: clk.Now, Shards: 4,
		NewID: func() string { n++; return fmt.Sprintf("made-%d", n) }}
	if change != nil {
		change(&cfg)
	}
	return node{session.New(cfg), src, clk}
}

var full = session.Who{Site: "demo", AnonymousID: "a1", Consent: event.ConsentFull}

func with(who session.Who, change func(*session.Who)) session.Who {
	change(&who)
	return who
}

// send does what the collector does: claim, store, fold.
func (n node) send(t *testing.T, who session.Who, recs ...event.Record) (session.Summary, int) {
	t.Helper()
	p, err := n.Locate(context.Background(), who, n.clk.Now())
	if err != nil {
		t.Fatal(err)
	}
	for i := range recs {
		recs[i].Site, recs[i].Visitor, recs[i].Session = p.Key.Site, p.Key.Visitor, p.Key.Session
		recs[i].ReceivedAt = n.clk.Now().UnixMilli()
	}
	c, err := n.Begin(context.Background(), p, slices.Clone(recs), true)
	if err != nil {
		t.Fatal(err)
	}
	v := session.Visitor{}
	if p.Store {
		v = p.Visitor
	}
	n.src.put(v, p.Key, c.Records...)
	return c.Stored(), len(c.Records)
}

func (n node) open(t *testing.T, who session.Who, after string) *session.View {
	t.Helper()
	v := new(session.View)
	if err := n.Open(context.Background(), who, after, v); err != nil {
		t.Fatal(err)
	}
	return v
}

// ev is an event of an item at a second of the session.
func ev(id string, kind event.Kind, item string, second int64) event.Record {
	ms := newClock().now.UnixMilli() + second*1000
	return event.Record{ReceivedAt: ms, Event: event.Event{ID: id, Kind: kind, ItemID: item, TS: ms, HasTS: true, Time: ms}}
}

func items(steps []session.Step) []string {
	var out []string
	for _, s := range steps {
		out = append(out, s.Kind.String()+" "+s.ItemID)
	}
	return out
}

var errDown = errors.New("the store is down")
