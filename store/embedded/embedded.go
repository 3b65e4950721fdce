// Package embedded keeps everything in one folder of this machine, on pebble: a
// log-structured store with a write-ahead log. It is the backend of the single
// binary.
//
// One Append is one batch, so an event is in its session and in the log or in
// neither. What an acknowledgement is worth is the Durability.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/store"
)

const (
	defaultMemTable = 128 << 20
	defaultCache    = 128 << 20
	memTables       = 2 // in memory as a rule: one that fills and one that is being flushed
	defaultMinFree  = 256 << 20
	bloomBits       = 10
	// Compactions share the cores with requests: fewer and larger ones took the
	// p99 of a stored click from 20 ms to 3 ms.
	l0Compaction = 8
	l0Stop       = 32
	// Durability memory promises to lose at most a second.
	flushEvery = 250 * time.Millisecond
	// abandonAfter bounds the wait for a store that failed.
	abandonAfter = 5 * time.Second
)

// Options tune a store. The zero value is right for production.
type Options struct {
	Durability   Durability
	MemTableSize uint64           // 128 MiB by default
	CacheSize    int64            // of blocks read; 128 MiB by default
	MinFree      uint64           // writes are refused below so much free disk; 256 MiB, at most an eighth of the disk
	Now          func() time.Time // for built-in profiles; time.Now by default
	Logger       *slog.Logger     // silent by default
	Files        *Files           // where files are; nil: the file system of this machine
}

// Store is the backend. Its methods may be called concurrently.
type Store struct {
	db     *pebble.DB
	lock   *pebble.Lock
	fs     vfs.FS
	dir    string
	mode   Durability
	sync   *pebble.WriteOptions
	now    func() time.Time
	logger *slog.Logger

	gate     gate
	commits  committer
	presence presence
	dirty    atomic.Bool // durability memory: something is not handed to the kernel
	full     atomic.Bool // the disk is
	failed   atomic.Bool // pebble gave up; only a restart helps
	minFree  uint64

	scratch sync.Pool // *scratch
	sites   sync.Map  // site → struct{}: rows of known sites
	seqMu   sync.Mutex
	seqs    sync.Map // site → *sequencer
	marks   marks

	visitorRows sync.RWMutex // held for reading by Append, for writing while rows are removed
	activeMu    sync.RWMutex // a read of a profile and a change of the pointer
	active      map[string]string
	versionMu   sync.Mutex // one change of versions at a time

	stop chan struct{}
	done chan struct{}
}

var _ store.Store = (*Store)(nil)

// Open opens or makes the store in a folder. A folder in use is a
// fault.Conflict that names --server; a damaged one is an error, never a panic.
func Open(dir string, opts Options) (*Store, error) {
	opts = opts.withDefaults()
	lock, err := lockFolder(dir, opts.Files.fs)
	if err != nil {
		return nil, err
	}
	s := &Store{
		lock: lock, fs: opts.Files.fs, dir: dir, mode: opts.Durability, sync: pebble.Sync,
		now: opts.Now, logger: opts.Logger, minFree: opts.MinFree,
		active: make(map[string]string), stop: make(chan struct{}), done: make(chan struct{}),
	}
	s.gate.init()
	s.presence.seed = maphash.MakeSeed()
	s.scratch.New = func() any { return new(scratch) }
	if opts.Durability == Memory {
		s.sync = pebble.NoSync
	}
	if err := s.open(opts); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.checkDisk()
	go s.tick()
	s.startPresence()
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.MemTableSize == 0 {
		o.MemTableSize = defaultMemTable
	}
	if o.CacheSize == 0 {
		o.CacheSize = defaultCache
	}
	if o.MinFree == 0 {
		o.MinFree = defaultMinFree
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Files == nil {
		o.Files = &Files{vfs.Default}
	}
	return o
}

func (o Options) pebble(lock *pebble.Lock, log logger) *pebble.Options {
	p := &pebble.Options{
		FS:            walFS(o.Files.fs, o.Durability),
		Lock:          lock,
		Logger:        log,
		EventListener: &pebble.EventListener{DataCorruption: log.damage},
		// pebble takes the memtables out of its cache: without room for them
		// nothing is left, and every read goes to the disk.
		CacheSize:                   o.CacheSize + memTables*int64(o.MemTableSize),
		Comparer:                    comparer(),
		MemTableSize:                o.MemTableSize,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       l0Compaction,
		L0StopWritesThreshold:       l0Stop,
		FormatMajorVersion:          pebble.FormatNewest,
	}
	p.Experimental.SpanPolicyFunc = readTogether
	for i := range p.Levels {
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)
	}
	return p
}

// open opens pebble and loads what is kept in memory. pebble panics on some
// kinds of damage; whoever starts a server wants to read an error.
func (s *Store) open(opts Options) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = damaged(s.dir, fmt.Errorf("%v", r))
		}
	}()
	db, err := pebble.Open(s.dir, opts.pebble(s.lock, logger{s}))
	if err != nil {
		return openError(s.dir, err)
	}
	s.db = db
	if err := s.load(); err != nil {
		return errors.Join(err, db.Close())
	}
	return nil
}

func (s *Store) load() error {
	if err := s.checkFormat(); err != nil {
		return err
	}
	if err := s.loadMarks(); err != nil {
		return translate("read the erasure marks", err)
	}
	if err := s.loadSites(); err != nil {
		return translate("read the sites", err)
	}
	if err := s.loadActive(); err != nil {
		return translate("read the active profiles", err)
	}
	return translate("remove unfinished versions", s.dropOrphans())
}

// checkFormat refuses a folder that a later program wrote.
func (s *Store) checkFormat() error {
	key := []byte{spaceFormat}
	have, ok, err := s.get(key)
	if err != nil {
		return translate("read the format", err)
	}
	if !ok {
		return translate("write the format", s.db.Set(key, []byte{format}, s.sync))
	}
	if len(have) != 1 || have[0] != format {
		return fault.Conflictf("store_format", "%s was written by another version of the program (format %v, this one reads %d)", s.dir, have, format)
	}
	return nil
}

// Durability names what an acknowledged Append survives.
func (s *Store) Durability() string { return s.mode.String() }

// Flush hands everything stored so far to the kernel, or to the disk, as the
// durability says.
func (s *Store) Flush(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	return s.flush()
}

func (s *Store) flush() error {
	s.dirty.Store(false)
	return s.guard("flush the log", func() error { return s.db.LogData(nil, pebble.Sync) })
}

// Close ends the store.
func (s *Store) Close() error {
	if !s.gate.close() {
		return nil
	}
	close(s.stop)
	<-s.done
	s.presence.began.Wait()
	if s.failed.Load() {
		s.abandon()
		return fault.Unavailablef("store_failed", "the store had failed; what was acknowledged is recovered at the next start")
	}
	return errors.Join(s.guard("close", s.db.Close), s.lock.Close())
}

// abandon closes a pebble that gave up as far as it goes. It can wait for ever
// for a lock that its panic left behind; then the process has to end it.
func (s *Store) abandon() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		err := errors.Join(s.guard("close", s.db.Close), s.lock.Close())
		s.logger.Error("closed the failed store", "error", err)
	}()
	select {
	case <-closed:
	case <-time.After(abandonAfter):
	}
}

// tick does what must happen without a caller.
func (s *Store) tick() {
	defer close(s.done)
	every := time.NewTicker(flushEvery)
	defer every.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-every.C:
		}
		if s.dirty.Load() && !s.failed.Load() {
			if err := s.flush(); err != nil {
				s.logger.Error("flush the write-ahead log", "error", err)
			}
		}
		s.checkDisk()
	}
}

// checkDisk stops writes before the disk is so full that pebble would break.
func (s *Store) checkDisk() {
	usage, err := s.fs.GetDiskUsage(s.dir)
	if err != nil {
		return // a file system that cannot tell
	}
	full := usage.AvailBytes < min(s.minFree, usage.TotalBytes/8)
	if s.full.Swap(full) != full {
		s.logger.Warn("free disk space crossed the limit for writes", "full", full, "free_bytes", usage.AvailBytes)
	}
}

// enter lets a call in unless the context or the store has ended.
func (s *Store) enter(ctx context.Context) error {
	if err := store.ContextError(ctx); err != nil {
		return err
	}
	if !s.gate.enter() {
		return store.Closed()
	}
	return nil
}

// enterWrite is enter for a call that adds data.
func (s *Store) enterWrite(ctx context.Context) error {
	if s.failed.Load() {
		return fault.Unavailablef("store_failed", "the store failed and needs a restart")
	}
	if s.full.Load() {
		return fault.Unavailablef("disk_full", "the disk of the store is full")
	}
	return s.enter(ctx)
}

// commit makes a batch durable as the mode says.
func (s *Store) commit(doing string, b *pebble.Batch) error {
	err := s.guard(doing, func() error { return b.Commit(s.sync) })
	if s.mode == Memory {
		s.dirty.Store(true)
	}
	return err
}

// guard turns the panic with which pebble gives up (a failed write of its log)
// into an error, and remembers it.
func (s *Store) guard(doing string, fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.failed.Store(true)
			s.logger.Error("the store failed", "doing", doing, "error", r)
			err = fault.Unavailablef("store_failed", "the store failed and needs a restart").Because(fmt.Errorf("%s: %v", doing, r))
		}
	}()
	return translate(doing, fn())
}

// get reads one value into fresh memory.
func (s *Store) get(key []byte) ([]byte, bool, error) { return get(s.db, key) }

func get(r pebble.Reader, key []byte) ([]byte, bool, error) {
	v, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	out := append(make([]byte, 0, len(v)), v...)
	return out, true, closer.Close()
}
