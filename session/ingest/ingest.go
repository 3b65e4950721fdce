// Package ingest is the collector: a request's events pass the named steps
// validate ▸ consent ▸ dedupe ▸ limit ▸ append ▸ fold. Each step passes an
// event on or drops it for a named reason, and both are counted, so that
// always sent = accepted + duplicate + invalid + shed.
package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// Log is where accepted events are kept.
type Log interface {
	// Append stores all of w, or fails: afterwards it survives what Durability
	// promises. Storing the same record again makes no second row. The strings
	// of w may be kept, its slices may not.
	Append(ctx context.Context, w Write) error
	// Durability is what a stored event survives: "memory" "os" "disk" "quorum".
	Durability() string
}

// Write is what one batch adds to the store.
type Write struct {
	Records  []event.Record
	Visitors []session.Visitor // rows that changed; a row's ErasedAt never goes back
}

// Mode says what an answer promises.
type Mode uint8

const (
	// Wait stores first: what is acknowledged is stored.
	Wait Mode = iota
	// Async shows the events in the session at once and stores them in the
	// background. Nothing is promised: the sender keeps them. When the queue is
	// full the events are shed: shown, not stored, and stored when sent again.
	Async
)

// Request is one batch with what the edge knows about its sender.
type Request struct {
	Site           string
	Batch          *event.Batch
	ReceivedAt     time.Time
	Secret         bool // came with a secret key
	GPC            bool // Sec-GPC: 1
	Bot            bool
	TrustUser      bool          // the site takes a user_id at its word
	DefaultConsent event.Consent // of the site, where the batch says nothing
	IdentitySecret []byte        // of the site, for user tokens
	Mode           Mode
}

// MadeID is an event id that the server made because the client sent none.
type MadeID struct {
	Index   int    `json:"index"`
	EventID string `json:"event_id"`
}

// Result is what became of a batch. In mode Async Accepted means taken, not
// stored, and Durability is "".
type Result struct {
	Accepted    int
	Duplicate   int
	Shed        int
	Invalid     []event.Verdict
	Made        []MadeID
	Durability  string
	SessionID   string
	Events      int
	LastEventID string
}

// Config is what a Collector needs; Sessions and Log are required.
type Config struct {
	Sessions     *session.Sessions
	Log          Log
	Meter        metric.MeterProvider // nil: nothing is measured
	Logger       *slog.Logger         // nil: nothing is logged
	Now          func() time.Time     // time.Now
	NewID        func() string        // ids of events that come without; UUIDv7
	DailyLimit   int                  // events of a session per day that are folded; 2,000
	Writers      int                  // goroutines that store Async events; 2
	QueueBatches int                  // bounds of what waits for them: 4,096 batches
	QueueBytes   int64                // and 64 MiB
	WriteTimeout time.Duration        // for one background write; 5 s
	Attempts     int                  // background writes of a batch before it is given up; 3
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	for _, d := range []struct {
		field *int
		value int
	}{{&c.DailyLimit, 2000}, {&c.Writers, 2}, {&c.QueueBatches, 4096}, {&c.Attempts, 3}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if c.QueueBytes <= 0 {
		c.QueueBytes = 64 << 20
	}
	if c.WriteTimeout <= 0 {
		c.WriteTimeout = 5 * time.Second
	}
	return c
}

// Collector takes events in. Its methods may be called concurrently; Close
// ends its goroutines.
type Collector struct {
	cfg   Config
	meter instruments

	queue   chan *job
	queued  atomic.Int64 // bytes
	closing sync.RWMutex // held shared while a job is put into the queue
	closed  bool
	writers sync.WaitGroup
	stop    context.CancelFunc // gives up background writes
	life    context.Context
}

// New makes a collector and starts its background writers.
func New(cfg Config) *Collector {
	cfg = cfg.withDefaults()
	c := &Collector{cfg: cfg, queue: make(chan *job, cfg.QueueBatches)}
	c.life, c.stop = context.WithCancel(context.Background())
	c.meter = newInstruments(cfg.Meter, cfg.Logger, func() int64 { return int64(len(c.queue)) })
	c.writers.Add(cfg.Writers)
	for range cfg.Writers {
		go c.write()
	}
	return c
}

// passage is one batch on its way through the steps.
type passage struct {
	*Request
	proven  bool // the user_id is more than a label
	consent event.Consent
	place   session.Place
	records []event.Record
	claim   *session.Claim
	result  Result
}

// Collect passes a batch through the steps. An error means that nothing was
// acknowledged and the whole batch may be sent again: Invalid when the request
// cannot be taken at all, Unavailable (503) when the store could not answer.
func (c *Collector) Collect(ctx context.Context, r *Request) (Result, error) {
	p := &passage{Request: r}
	if err := c.validate(p); err != nil {
		return Result{}, err
	}
	if !c.allow(ctx, p) || len(r.Batch.Events) == 0 {
		return c.finish(ctx, p), nil
	}
	if err := c.dedupe(ctx, p); err != nil {
		return Result{}, err
	}
	c.limit(ctx, p)
	var err error
	if r.Mode == Async {
		c.enqueue(ctx, p)
	} else {
		err = c.append(ctx, p)
	}
	if err != nil {
		return Result{}, err
	}
	return c.finish(ctx, p), nil
}

// finish counts what became of the batch.
func (c *Collector) finish(ctx context.Context, p *passage) Result {
	p.result.Invalid = p.Batch.Invalid
	if p.result.SessionID == "" {
		p.result.SessionID = p.Batch.SessionID
	}
	c.meter.count(ctx, &p.result, p.Batch.Unknown)
	return p.result
}

// validate completes the events: the ids that are missing, and their times.
func (c *Collector) validate(p *passage) error {
	b := p.Batch
	p.proven = b.UserID != "" &&
		(p.Secret || p.TrustUser || VerifyUserToken(p.IdentitySecret, b.UserID, b.UserToken, p.ReceivedAt))
	if b.UserToken != "" && !p.proven {
		c.meter.unproved.Add(context.Background(), 1)
	}
	who := p.who()
	if err := who.CheckSessionAlone(); err != nil {
		return err
	}
	for i := range b.Events {
		if b.Events[i].ID != "" {
			continue
		}
		b.Events[i].ID, b.Events[i].IDMade = c.cfg.NewID(), true
		p.result.Made = append(p.result.Made, MadeID{Index: b.Position(i), EventID: b.Events[i].ID})
	}
	b.Settle(p.ReceivedAt)
	return nil
}

// allow is the consent step: under "none" nothing is read or written.
func (c *Collector) allow(ctx context.Context, p *passage) bool {
	p.consent = Consent(p.Batch.Consent, p.DefaultConsent, p.GPC)
	if p.consent != event.ConsentNone {
		return true
	}
	n := len(p.Batch.Events)
	p.result.Shed, p.result.Made = n, nil
	c.meter.drop(ctx, dropConsent, n)
	return false
}

// Consent is the level that holds for a request: what it says, else the site's
// default, else "session"; a Sec-GPC signal caps it at "session".
func Consent(said, byDefault event.Consent, gpc bool) event.Consent {
	level := said
	if level == event.ConsentUnset {
		level = byDefault
	}
	if level == event.ConsentUnset || (gpc && level == event.ConsentFull) {
		level = event.ConsentSession
	}
	return level
}

func (p *passage) who() session.Who {
	b := p.Batch
	return session.Who{
		Site: p.Site, AnonymousID: b.AnonymousID, UserID: b.UserID, SessionID: b.SessionID,
		Proven: p.proven, Secret: p.Secret, Consent: p.consent,
	}
}

// dedupe finds the session and claims those events that it does not have.
func (c *Collector) dedupe(ctx context.Context, p *passage) error {
	place, err := c.cfg.Sessions.Locate(ctx, p.who(), p.ReceivedAt)
	if err != nil && p.Mode == Wait {
		return err
	}
	p.place = place
	c.makeRecords(ctx, p)
	p.claim, err = c.cfg.Sessions.Begin(ctx, place, p.records, p.Mode == Wait)
	if p.claim == nil {
		return err
	}
	p.result.Duplicate = p.claim.Duplicates
	c.meter.drop(ctx, dropDuplicate, p.claim.Duplicates)
	return nil
}

// makeRecords turns the events into what is kept, leaving out those from
// before the visitor was erased: a late retry must not bring them back.
func (c *Collector) makeRecords(ctx context.Context, p *passage) {
	lasting := p.consent == event.ConsentFull
	user, proven := "", false
	if lasting {
		user, proven = p.Batch.UserID, p.proven
		if v := &p.place.Visitor; user == "" || (user == v.UserID && v.Proven) {
			user, proven = v.UserID, v.Proven
		}
	}
	p.records = make([]event.Record, 0, len(p.Batch.Events))
	erased := 0
	for i := range p.Batch.Events {
		e := &p.Batch.Events[i]
		if e.Time <= p.place.Visitor.ErasedAt {
			erased++
			continue
		}
		p.records = append(p.records, event.Record{
			Site: p.Site, Visitor: p.place.Key.Visitor, Session: p.place.Key.Session,
			UserID: user, Proven: proven, ReceivedAt: p.ReceivedAt.UnixMilli(),
			Bot: p.Bot, Lasting: lasting, Event: *e,
		})
	}
	p.result.Shed += erased
	c.meter.drop(ctx, dropErased, erased)
}

// limit flags what exceeds a session's day: kept as a bot's, never folded.
func (c *Collector) limit(ctx context.Context, p *passage) {
	recs := p.claim.Records
	room := max(0, c.cfg.DailyLimit-p.claim.Today)
	if room >= len(recs) {
		return
	}
	for i := room; i < len(recs); i++ {
		recs[i].Bot, recs[i].Unfolded = true, true
	}
	c.meter.flagged.Add(ctx, int64(len(recs)-room))
}

func (p *passage) toStore() Write {
	w := Write{Records: p.claim.Records}
	if p.place.Store {
		w.Visitors = []session.Visitor{p.place.Visitor}
	}
	return w
}

// append stores the events and then folds them: the ack means stored.
func (c *Collector) append(ctx context.Context, p *passage) error {
	if len(p.claim.Records) > 0 {
		if err := c.store(ctx, p.toStore()); err != nil {
			p.claim.Failed()
			c.meter.drop(ctx, dropStore, len(p.claim.Records))
			return fault.Unavailablef("store", "the events could not be stored; send them again").Because(err)
		}
	}
	p.result.Accepted = len(p.claim.Records)
	p.result.Durability = c.cfg.Log.Durability()
	p.summarise(p.claim.Stored())
	return nil
}

func (p *passage) summarise(s session.Summary) {
	p.result.SessionID, p.result.Events, p.result.LastEventID = s.SessionID, s.Events, s.LastEventID
}

// store is one measured write. A panic of the log is a failure like another:
// the claim on the events must end in any case.
func (c *Collector) store(ctx context.Context, w Write) (err error) {
	start := c.cfg.Now()
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic while storing: %v", cause)
			c.cfg.Logger.Error("panic while storing events", "panic", cause, "stack", string(debug.Stack()))
		}
		c.meter.append.Record(ctx, c.cfg.Now().Sub(start).Seconds())
	}()
	return c.cfg.Log.Append(ctx, w)
}
