package memory

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
)

type logRow struct {
	seq    uint64
	hour   int64
	record event.Record
}

const (
	hourMs      = 3600_000
	cursorBytes = 8
)

// clone copies what a record refers to and its owner may change.
func clone(r event.Record) event.Record {
	r.Items = slices.Clone(r.Items)
	r.Context = slices.Clone(r.Context)
	r.Properties = slices.Clone(r.Properties)
	return r
}

// Append stores records and visitors, all or none.
func (s *Store) Append(ctx context.Context, w ingest.Write) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for rest := w.Records; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Site == rest[0].Site {
			n++
		}
		s.touch(rest[0].Site).append(rest[:n])
		rest = rest[n:]
	}
	for _, v := range w.Visitors {
		x := s.touch(v.Site)
		if v.ErasedAt > x.marks[v.ID] {
			x.marks[v.ID] = v.ErasedAt
		}
		x.visitors[v.ID] = v
	}
	return nil
}

func (x *site) append(recs []event.Record) {
	for i := range recs {
		if !store.Hidden(&recs[i], x.mark) {
			x.logHour = max(x.logHour, recs[i].ReceivedAt/hourMs)
		}
	}
	for i := range recs {
		r := &recs[i]
		if store.Hidden(r, x.mark) {
			continue // an erased visitor does not come back
		}
		key := session.Key{Site: r.Site, Visitor: r.Visitor, Session: r.Session}
		put(x.sessions, key, r)
		x.logSeq++
		x.log = append(x.log, logRow{seq: x.logSeq, hour: x.logHour, record: clone(*r)})
	}
}

func put[K comparable](rows map[K]map[rowID]event.Record, key K, r *event.Record) {
	if rows[key] == nil {
		rows[key] = make(map[rowID]event.Record)
	}
	rows[key][rowID{r.TS, r.ID}] = clone(*r)
}

// newest returns records newest (TS, ID) first, without the hidden ones.
func (x *site) newest(rows map[rowID]event.Record) []event.Record {
	var all []event.Record
	for _, r := range rows {
		if !store.Hidden(&r, x.mark) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b event.Record) int {
		return cmp.Or(cmp.Compare(b.TS, a.TS), cmp.Compare(b.ID, a.ID))
	})
	return all
}

func firstOf(recs []event.Record, limit int) []event.Record {
	recs = recs[:min(len(recs), max(limit, 0))]
	for i := range recs {
		recs[i] = clone(recs[i])
	}
	return recs
}

// SessionEvents reads a session from the newest.
func (s *Store) SessionEvents(ctx context.Context, key session.Key, limit int) ([]event.Record, []string, error) {
	if err := s.enter(ctx); err != nil {
		return nil, nil, err
	}
	defer s.mu.Unlock()
	x := s.site(key.Site)
	recs := x.newest(x.sessions[key])
	var ids []string
	for i := range recs[:min(len(recs), store.MaxSessionIDs)] {
		ids = append(ids, recs[i].ID)
	}
	return firstOf(recs, limit), ids, nil
}

// Visitor reads a visitor's row and its erasure mark.
func (s *Store) Visitor(ctx context.Context, name, id string) (session.Visitor, error) {
	if err := s.enter(ctx); err != nil {
		return session.Visitor{}, err
	}
	defer s.mu.Unlock()
	x := s.site(name)
	v, ok := x.visitors[id]
	switch {
	case ok:
		return store.Marked(v, x.mark), nil
	case x.marks[id] != 0:
		return session.Visitor{Site: name, ID: id, ErasedAt: x.marks[id]}, nil
	}
	return session.Visitor{}, nil
}

// ScanLog copies what it will show first, so fn runs without the mutex.
func (s *Store) ScanLog(ctx context.Context, site string, from event.Cursor, limit int, fn func(event.Record) error) (event.Cursor, int, error) {
	rows, err := s.logRows(ctx, site, from, limit)
	if err != nil {
		return from, 0, err
	}
	next := from
	for n, row := range rows {
		if err := fn(row.record); err != nil {
			return next, n, err
		}
		next = binary.BigEndian.AppendUint64(nil, row.seq)
	}
	return next, len(rows), nil
}

func (s *Store) logRows(ctx context.Context, site string, from event.Cursor, limit int) ([]logRow, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var behind uint64
	if len(from) > 0 {
		if len(from) != cursorBytes {
			return nil, fault.Invalidf("cursor", "this is not a position in the log")
		}
		behind = binary.BigEndian.Uint64(from)
	}
	x := s.site(site)
	start, _ := slices.BinarySearchFunc(x.log, behind+1, func(row logRow, seq uint64) int { return cmp.Compare(row.seq, seq) })
	var rows []logRow
	for i := start; i < len(x.log) && (limit <= 0 || len(rows) < limit); i++ {
		row := x.log[i]
		if !store.Hidden(&row.record, x.mark) {
			row.record = clone(row.record)
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// PutHistory stores records under their owners.
func (s *Store) PutHistory(ctx context.Context, recs []event.Record) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for i := range recs {
		x := s.touch(recs[i].Site)
		if !store.Hidden(&recs[i], x.mark) {
			put(x.history, store.Owner(&recs[i]), &recs[i])
		}
	}
	return nil
}

// History reads an owner's records from the newest.
func (s *Store) History(ctx context.Context, site, owner string, limit int) ([]event.Record, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	x := s.site(site)
	return firstOf(x.newest(x.history[owner]), limit), nil
}

// BuiltIn makes a profile of an owner's history.
func (s *Store) BuiltIn(ctx context.Context, site, owner, exceptSession string) (*profile.Profile, error) {
	return store.BuiltIn(ctx, s, site, owner, exceptSession, s.now())
}

// DropLog removes whole hours of the log.
func (s *Store) DropLog(ctx context.Context, site string, before time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	x, hour := s.site(site), before.UnixMilli()/hourMs
	x.log = slices.DeleteFunc(x.log, func(row logRow) bool { return row.hour < hour })
	return nil
}

// DropHistory removes old history rows and idle visitors.
func (s *Store) DropHistory(ctx context.Context, site string, before time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	x, limit := s.site(site), before.UnixMilli()
	remove(x.history, func(r *event.Record) bool { return r.ReceivedAt < limit })
	x.removeVisitors(func(v *session.Visitor) bool { return v.SessionAt < limit })
	return nil
}

// Sweep removes session events by their receipt, over all sites.
func (s *Store) Sweep(ctx context.Context, now time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	limit := now.Add(-store.SessionEventsKept).UnixMilli()
	for _, x := range s.sites {
		remove(x.sessions, func(r *event.Record) bool { return r.ReceivedAt < limit })
		x.removeVisitors(func(v *session.Visitor) bool { return !v.Lasting && v.SessionAt < limit })
	}
	return nil
}

func remove[K comparable](rows map[K]map[rowID]event.Record, gone func(*event.Record) bool) {
	for key, some := range rows {
		for id, r := range some {
			if gone(&r) {
				delete(some, id)
			}
		}
		if len(some) == 0 {
			delete(rows, key)
		}
	}
}

func (x *site) removeVisitors(gone func(*session.Visitor) bool) {
	for id, v := range x.visitors {
		if gone(&v) {
			delete(x.visitors, id)
		}
	}
}

// EraseVisitor removes everything about an id and leaves the mark.
func (s *Store) EraseVisitor(ctx context.Context, site, visitor string, at time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	x := s.site(site)
	mark := max(x.marks[visitor], at.UnixMilli())
	x.marks[visitor] = mark
	gone := func(r *event.Record) bool {
		return (r.Visitor == visitor || r.UserID == visitor) && store.Erased(r, mark)
	}
	remove(x.sessions, gone)
	remove(x.history, gone)
	x.log = slices.DeleteFunc(x.log, func(row logRow) bool { return gone(&row.record) })
	x.removeVisitors(func(v *session.Visitor) bool {
		return (v.ID == visitor || v.UserID == visitor) && v.SessionAt <= mark
	})
	for _, slot := range x.slots {
		delete(slot, visitor)
	}
	return nil
}
