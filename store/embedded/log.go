package embedded

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/store"
)

// checkEvery is after how many rows a long pass looks at its context.
const checkEvery = 1024

const (
	cursorVersion = 1
	cursorBytes   = 1 + 8 + 8
)

// rows iterates over the keys with a prefix, as of now.
func (s *Store) rows(p []byte) (*pebble.Iterator, error) {
	return s.db.NewIter(&pebble.IterOptions{LowerBound: p, UpperBound: after(p)})
}

func appendCursor(dst []byte, hour, seq uint64) event.Cursor {
	dst = append(dst, cursorVersion)
	dst = binary.BigEndian.AppendUint64(dst, hour)
	return binary.BigEndian.AppendUint64(dst, seq)
}

// afterCursor is the first key behind a cursor.
func afterCursor(site string, from event.Cursor) ([]byte, error) {
	if len(from) == 0 {
		return prefix(nil, spaceLog, site), nil
	}
	if len(from) != cursorBytes || from[0] != cursorVersion {
		return nil, fault.Invalidf("cursor", "this is not a position in the log")
	}
	hour, seq := logPosition(from)
	return logKey(nil, site, hour, seq+1), nil
}

// ScanLog reads the log up to the watermark: behind it commits are under way
// that could still put a record before one that is already there.
func (s *Store) ScanLog(ctx context.Context, site string, from event.Cursor, limit int, fn func(event.Record) error) (event.Cursor, int, error) {
	if err := s.enter(ctx); err != nil {
		return from, 0, err
	}
	defer s.gate.leave()
	lower, err := afterCursor(site, from)
	if err != nil {
		return from, 0, err
	}
	q, err := s.sequencer(site)
	if err != nil {
		return from, 0, err
	}
	end := q.watermark() // before the iterator, which then sees all below it
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: after(prefix(nil, spaceLog, site))})
	if err != nil {
		return from, 0, translate("scan the log", err)
	}
	scan := logScan{ctx: ctx, marks: s.marks.of(site), end: end, limit: limit, fn: fn}
	err = scan.run(it)
	if closing := it.Close(); err == nil {
		err = translate("scan the log", closing)
	}
	if !scan.moved {
		return from, 0, err
	}
	return appendCursor(make([]byte, 0, cursorBytes), scan.hour, scan.seq), scan.n, err
}

type logScan struct {
	ctx   context.Context
	marks *siteMarks
	end   uint64
	limit int
	fn    func(event.Record) error

	n         int
	moved     bool // past the record at:
	hour, seq uint64
}

func (l *logScan) run(it *pebble.Iterator) error {
	seen := 0
	for ok := it.First(); ok && (l.limit <= 0 || l.n < l.limit); ok = it.Next() {
		hour, seq := logPosition(it.Key())
		if seq >= l.end {
			return nil
		}
		if seen++; seen%checkEvery == 0 {
			if err := store.ContextError(l.ctx); err != nil {
				return err
			}
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return translate("read the log", err)
		}
		if err := l.one(value); err != nil {
			return err
		}
		l.moved, l.hour, l.seq = true, hour, seq
	}
	return translate("scan the log", it.Error())
}

func (l *logScan) one(value []byte) error {
	var r event.Record
	if err := decodeRecord(value, &r); err != nil {
		return err
	}
	if l.marks.hides(&r) {
		return nil
	}
	if err := l.fn(r); err != nil {
		return err
	}
	l.n++
	return nil
}

// DropLog removes whole hours in one range deletion.
func (s *Store) DropLog(ctx context.Context, site string, before time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	if before.UnixMilli() < hourMs {
		return nil
	}
	b := s.db.NewBatch()
	defer b.Close()
	if err := s.setFloor(b, site); err != nil {
		return translate("drop the log", err)
	}
	end := logKey(nil, site, uint64(before.UnixMilli()/hourMs), 0)
	if err := b.DeleteRange(prefix(nil, spaceLog, site), end, nil); err != nil {
		return translate("drop the log", err)
	}
	return s.commit("drop the log", b)
}

// setFloor keeps how far the log has come, because the rows that show it are
// about to be removed and its numbers must not start again behind a cursor.
func (s *Store) setFloor(b *pebble.Batch, site string) error {
	q, err := s.sequencer(site)
	if err != nil {
		return err
	}
	return b.Set(prefix(nil, spaceFloor, site), q.position(), nil)
}
