// Package learn derives what a site knows from its log. A Learner tails the
// log with a checkpointed cursor and keeps three views fresh: every visitor's
// history, what is popular and trending, and what goes with items that the
// model does not know yet. Train makes the item-item rows, and a Gate compares
// a new model with the live one.
// The log is the truth: a view can be rebuilt by reading it again.
package learn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nextbest/nextbest/recommend/popular"
	"github.com/nextbest/nextbest/session/event"
)

// Log is the site's event log, as the learner reads it.
type Log interface {
	// ScanLog calls fn for at most limit records after from, in log order,
	// and returns the position behind the last one and how many there were.
	ScanLog(ctx context.Context, site string, from event.Cursor, limit int, fn func(event.Record) error) (event.Cursor, int, error)
}

// Views is where derived state is kept.
type Views interface {
	// PutHistory stores records in their owner's history; storing one twice
	// changes nothing.
	PutHistory(ctx context.Context, recs []event.Record) error
	// Checkpoint returns the named state, nil when there is none.
	Checkpoint(ctx context.Context, site, name string) ([]byte, error)
	// PutCheckpoint replaces the named state.
	PutCheckpoint(ctx context.Context, site, name string, state []byte) error
}

// Config is what a Learner needs. Log, Views and Site are required.
type Config struct {
	Site    string
	Log     Log
	Views   Views
	Group   func(itemID string) string // the unit of ranking of an item; nil means the item itself
	Publish func(*popular.Table)       // called when popularity changed; may be nil

	// PublishPairs is called when the pairs of new items changed; may be nil,
	// and so may Known, which tells the items (or groups) that the active model
	// knows: without it no item is known. SetKnown replaces it.
	PublishPairs func(*popular.Pairs)
	Known        func(itemID string) bool

	// Block names the network that a record came from, "" for one that is not
	// limited: it came under a secret key, was imported, or its address cannot
	// be told. Nil: nobody is limited.
	Block func(*event.Record) string

	Now    func() time.Time
	Logger *slog.Logger
	Every  time.Duration // how often the log is looked at; 250 ms by default
	Batch  int           // records a step reads at most; 2000 by default
}

const (
	checkpointName = "learner"
	// A view may lag a crash by this much: history rows are idempotent, and
	// popularity is stored together with the cursor that it reflects.
	checkpointEvery = 5 * time.Second
	// A large state is written less often: 200 kB a second, and never more than
	// a minute apart.
	checkpointRate = 1 << 20
	checkpointMost = 12 // checkpointEvery
)

// Learner tails one site's log. Its methods may be called concurrently.
type Learner struct {
	cfg    Config
	caught atomic.Int64 // epoch ms when the views last reflected the whole log; 0 for never
	known  atomic.Pointer[func(string) bool]

	mu      sync.Mutex // guards what follows
	cursor  event.Cursor
	counter *popular.Counter
	counted rotatingSet
	pairs   *pairing
	knows   *func(string) bool // what of known the pairs reflect
	history []event.Record
	dirty   bool // against the checkpoint
	stale   bool // against what was published
	saved   time.Time
	size    int // bytes of the checkpoint

	popularity, pairings showing
}

// showing is when a table was published, and what that took.
type showing struct {
	at   time.Time
	took time.Duration
}

// due reports whether publishing again keeps to its share of a core.
func (s *showing) due() bool { return time.Since(s.at) >= maxPublishShare*s.took }

func (s *showing) show(publish func()) {
	start := time.Now()
	publish()
	s.at, s.took = time.Now(), time.Since(start)
}

// New makes a learner that continues where its checkpoint ends.
func New(ctx context.Context, cfg Config) (*Learner, error) {
	if cfg.Every <= 0 {
		cfg.Every = 250 * time.Millisecond
	}
	if cfg.Batch <= 0 {
		cfg.Batch = 2000
	}
	if cfg.Group == nil {
		cfg.Group = func(id string) string { return id }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Learner{cfg: cfg}
	l.reset()
	state, err := cfg.Views.Checkpoint(ctx, cfg.Site, checkpointName)
	if err != nil {
		return nil, fmt.Errorf("read the learner's checkpoint: %w", err)
	}
	if state != nil {
		if err := l.restore(state); err != nil {
			// A view that cannot be read is rebuilt from the log.
			cfg.Logger.Warn("learner starts again from the beginning of the log", "site", cfg.Site, "cause", err)
			l.reset()
		}
	}
	if cfg.Known != nil {
		l.SetKnown(cfg.Known)
		l.know()
	}
	l.stale, l.pairs.stale = true, true
	l.publish(true)
	return l, nil
}

// reset begins at the beginning of the log.
func (l *Learner) reset() {
	l.cursor, l.counter = nil, popular.NewCounter(popular.Options{})
	l.counted, l.pairs = newRotatingSet(maxCounted), newPairing()
}

// SetKnown says which items the model knows that is active now: pairs of which
// it knows both items are dropped with the next look at the log, which is when
// the new pairs are published too. It does not wait for it.
func (l *Learner) SetKnown(known func(itemID string) bool) { l.known.Store(&known) }

// know makes the pairs reflect the active model.
func (l *Learner) know() {
	if now := l.known.Load(); now != l.knows {
		l.knows = now
		l.pairs.know(*now)
		l.dirty = true
	}
}

// Run tails the log until ctx ends, then checkpoints and returns.
func (l *Learner) Run(ctx context.Context) {
	tick := time.NewTicker(l.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			l.mu.Lock()
			defer l.mu.Unlock()
			l.save(context.WithoutCancel(ctx))
			return
		case <-tick.C:
			if err := l.follow(ctx, false); err != nil && !errors.Is(err, context.Canceled) {
				l.cfg.Logger.Error("learner cannot read the log; it will try again", "site", l.cfg.Site, "cause", err)
			}
		}
	}
}

// Age is how far the views lag behind the log: the time since they last
// reflected all of it. False before the first time.
func (l *Learner) Age() (time.Duration, bool) {
	at := l.caught.Load()
	if at == 0 {
		return 0, false
	}
	return time.Duration(l.cfg.Now().UnixMilli()-at) * time.Millisecond, true
}

// CatchUp reads the log to its end and refreshes the views.
func (l *Learner) CatchUp(ctx context.Context) error { return l.follow(ctx, true) }

// follow is CatchUp; when the caller does not wait for it, a costly table is
// published less often.
func (l *Learner) follow(ctx context.Context, awaited bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.know()
	for {
		n, err := l.step(ctx)
		if err != nil {
			return err
		}
		if n < l.cfg.Batch {
			break
		}
	}
	l.publish(awaited)
	l.caught.Store(l.cfg.Now().UnixMilli())
	if l.dirty && l.cfg.Now().Sub(l.saved) >= checkpointEvery*time.Duration(min(1+l.size/checkpointRate, checkpointMost)) {
		l.save(ctx)
	}
	return nil
}

// step reads one batch: history first, then the sums, then the cursor, so
// that a failure in between repeats the batch and changes nothing twice.
func (l *Learner) step(ctx context.Context) (int, error) {
	l.history = l.history[:0]
	var seen []event.Record
	next, n, err := l.cfg.Log.ScanLog(ctx, l.cfg.Site, l.cursor, l.cfg.Batch, func(r event.Record) error {
		if r.Lasting {
			l.history = append(l.history, r)
		}
		if !r.Bot {
			seen = append(seen, r)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("scan the log: %w", err)
	}
	if len(l.history) > 0 {
		if err := l.cfg.Views.PutHistory(ctx, l.history); err != nil {
			return 0, fmt.Errorf("write history: %w", err)
		}
	}
	for i := range seen {
		l.count(&seen[i])
	}
	l.cursor = next
	if n > 0 {
		l.dirty, l.stale = true, true
	}
	return n, nil
}

// count adds a record to what others see: at most once per session and item,
// so that nobody can push an item by clicking it again and again, and no more
// than a network may add.
func (l *Learner) count(r *event.Record) {
	if !r.Kind.Engages() || r.Kind.Weight() <= 0 {
		return
	}
	k := look{visitor: r.Visitor, session: r.Session}
	k.at = min(r.Time, l.cfg.Now().UnixMilli()) // one imported date in the future would fade everything else
	if l.cfg.Block != nil {
		k.block = l.cfg.Block(r)
	}
	fresh := l.cfg.Now().UnixMilli()-k.at < pairAgeMS
	r.Lines(func(_ int, item string) {
		k.item = l.cfg.Group(item)
		if k.item != "" && l.counted.add(r.Visitor, r.Session, k.item) {
			k.counted = l.counter.AddFrom(k.block, k.item, 1, k.at)
			if fresh {
				l.pairs.add(k)
			}
		}
	})
}

// pairAgeMS is the age of an event, four half-lives, from which on it makes no
// pairs: they would count a sixteenth, and a long log that is read again, or
// imported, would cost what only the newest weeks are worth.
const pairAgeMS = 4 * pairHalfLifeMS

// maxPublishShare bounds the share of one core that publishing may take, to
// its inverse: what is popular on a site of a million items is worth a table
// a second, not four.
const maxPublishShare = 20

// publish shows what changed; when nobody waits for it, a costly table less
// often.
func (l *Learner) publish(awaited bool) {
	now := l.cfg.Now()
	if l.cfg.Publish != nil && l.stale && (awaited || l.popularity.due()) {
		l.popularity.show(func() { l.cfg.Publish(l.counter.Table(now)) })
		l.stale = false
	}
	if l.cfg.PublishPairs != nil && l.pairs.stale && (awaited || l.pairings.due()) {
		l.pairings.show(func() { l.cfg.PublishPairs(l.pairs.table(now.UnixMilli())) })
	}
}

func (l *Learner) save(ctx context.Context) {
	l.saved = l.cfg.Now()
	state := l.state()
	l.size = len(state)
	if err := l.cfg.Views.PutCheckpoint(ctx, l.cfg.Site, checkpointName, state); err != nil {
		l.cfg.Logger.Error("learner cannot write its checkpoint; it will try again", "site", l.cfg.Site, "cause", err)
		return
	}
	l.dirty = false
}
