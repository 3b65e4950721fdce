package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/store"
)

// SessionEvents reads a session from its end: one seek, then neighbours.
func (s *Store) SessionEvents(ctx context.Context, key session.Key, limit int) ([]event.Record, []string, error) {
	if err := s.enter(ctx); err != nil {
		return nil, nil, err
	}
	defer s.gate.leave()
	x := s.scratch.Get().(*scratch)
	defer s.scratch.Put(x)
	x.key = prefix(x.key[:0], spaceSession, key.Site, key.Visitor, key.Session)
	return s.newest(x.key, key.Site, limit, store.MaxSessionIDs)
}

// newest reads the records of a partition, whose name p is, newest first: at
// most limit records and the ids of at most ids. Rows under an erasure mark are
// passed over.
func (s *Store) newest(p []byte, site string, limit, ids int) (recs []event.Record, all []string, err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: p, UpperBound: after(p), UseL6Filters: true})
	if err != nil {
		return nil, nil, translate("read events", err)
	}
	defer func() {
		if closing := it.Close(); err == nil {
			err = translate("read events", closing)
		}
	}()
	if !it.SeekPrefixGE(p) { // the filters know: mostly no block is read
		return nil, nil, translate("read events", it.Error())
	}
	r := reading{it: it, marks: s.marks.of(site), name: len(p), limit: limit, ids: ids}
	short, err := r.forward()
	if err == nil && !short {
		err = r.backward()
	}
	if err != nil {
		return nil, nil, err
	}
	return r.recs, r.all, nil
}

// reading collects the records of a partition.
type reading struct {
	it         *pebble.Iterator
	marks      *siteMarks
	name       int // length of the partition's name
	limit, ids int

	recs []event.Record
	all  []string
}

// shortPartition is up to how many rows a partition is read from where the
// iterator stands, its start: cheaper than to look for its end.
const shortPartition = 32

// forward reads a short partition, and reports false when it is none.
func (r *reading) forward() (short bool, err error) {
	if r.limit < shortPartition {
		return false, nil
	}
	for n, ok := 0, true; ok; ok = r.it.Next() {
		if n++; n > shortPartition {
			r.recs, r.all = r.recs[:0], r.all[:0]
			return false, nil
		}
		if err := r.row(); err != nil {
			return false, err
		}
	}
	slices.Reverse(r.recs)
	slices.Reverse(r.all)
	return true, translate("read events", r.it.Error())
}

func (r *reading) backward() error {
	for ok := r.it.Last(); ok && (len(r.recs) < r.limit || len(r.all) < r.ids); ok = r.it.Prev() {
		if err := r.row(); err != nil {
			return err
		}
	}
	return translate("read events", r.it.Error())
}

func (r *reading) row() error {
	wanted := len(r.recs) < r.limit
	if wanted || r.marks != nil {
		var rec event.Record
		if err := readRecord(r.it, &rec); err != nil {
			return err
		}
		if r.marks.hides(&rec) {
			return nil
		}
		if wanted {
			r.recs = append(r.recs, rec)
		}
	}
	if len(r.all) < r.ids {
		r.all = append(r.all, eventID(r.it.Key(), r.name))
	}
	return nil
}

func readRecord(it *pebble.Iterator, r *event.Record) error {
	value, err := it.ValueAndErr()
	if err != nil {
		return translate("read an event", err)
	}
	return decodeRecord(value, r)
}

// Visitor reads a visitor's row and its erasure mark.
func (s *Store) Visitor(ctx context.Context, site, id string) (session.Visitor, error) {
	if err := s.enter(ctx); err != nil {
		return session.Visitor{}, err
	}
	defer s.gate.leave()
	v, ok, err := s.visitor(site, id)
	if err != nil {
		return session.Visitor{}, err
	}
	return s.marks.of(site).visitor(v, ok, site, id), nil
}

// visitor reads the row. It is asked for every visitor that memory does not
// know, most of whom have none: hence the seek, which the filters of all levels
// can answer, instead of pebble's Get, which reads a block of the last.
func (s *Store) visitor(site, id string) (v session.Visitor, found bool, err error) {
	if !s.presence.maybe(spaceVisitor, site, id) {
		return v, false, nil
	}
	x := s.scratch.Get().(*scratch)
	defer s.scratch.Put(x)
	x.key = prefix(x.key[:0], spaceVisitor, site, id)
	it, err := s.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return v, false, translate("read the visitor", err)
	}
	defer func() {
		if closing := it.Close(); err == nil {
			err = translate("read the visitor", closing)
		}
	}()
	if !it.SeekPrefixGE(x.key) || !bytes.Equal(it.Key(), x.key) {
		return v, false, translate("read the visitor", it.Error())
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return v, false, translate("read the visitor", err)
	}
	if v, err = decodeVisitor(value); err != nil {
		return v, false, err
	}
	v.Site, v.ID = site, id
	return v, true, nil
}

const (
	visitorVersion = 1

	visitorProven  = 1 << 0
	visitorLasting = 1 << 1
)

func appendVisitor(dst []byte, v *session.Visitor) []byte {
	var flags byte
	if v.Proven {
		flags |= visitorProven
	}
	if v.Lasting {
		flags |= visitorLasting
	}
	dst = append(dst, visitorVersion, flags)
	dst = appendPart(dst, v.Session)
	dst = appendPart(dst, v.UserID)
	dst = binary.AppendVarint(dst, v.SessionAt)
	return binary.AppendUvarint(dst, uint64(v.Epoch))
}

func decodeVisitor(b []byte) (session.Visitor, error) {
	bad := badRow("visitor", errBadValue)
	if len(b) < 2 || b[0] != visitorVersion {
		return session.Visitor{}, bad
	}
	v := session.Visitor{Proven: b[1]&visitorProven != 0, Lasting: b[1]&visitorLasting != 0}
	rest := b[2:]
	var ok bool
	if v.Session, rest, ok = firstPart(rest); !ok {
		return session.Visitor{}, bad
	}
	if v.UserID, rest, ok = firstPart(rest); !ok {
		return session.Visitor{}, bad
	}
	at, n := binary.Varint(rest)
	if n <= 0 {
		return session.Visitor{}, bad
	}
	epoch, m := binary.Uvarint(rest[n:])
	if m <= 0 || n+m != len(rest) || epoch > 1<<32-1 {
		return session.Visitor{}, bad
	}
	v.SessionAt, v.Epoch = at, uint32(epoch)
	return v, nil
}
