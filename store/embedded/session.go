package embedded

import (
	"context"
	"encoding/binary"

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
	p := prefix(nil, spaceSession, key.Site, key.Visitor, key.Session)
	return s.newest(p, key.Site, limit, store.MaxSessionIDs)
}

// newest reads the records under a prefix from the end: at most limit records
// and the ids of at most ids. Rows under an erasure mark are passed over.
func (s *Store) newest(p []byte, site string, limit, ids int) (recs []event.Record, all []string, err error) {
	it, err := s.rows(p)
	if err != nil {
		return nil, nil, translate("read events", err)
	}
	defer func() {
		if closing := it.Close(); err == nil {
			err = translate("read events", closing)
		}
	}()
	marks := s.marks.of(site)
	for ok := it.Last(); ok && (len(recs) < limit || len(all) < ids); ok = it.Prev() {
		var r event.Record
		wanted := len(recs) < limit
		if wanted || marks != nil {
			if err := readRecord(it, &r); err != nil {
				return nil, nil, err
			}
			if marks.hides(&r) {
				continue
			}
		}
		if wanted {
			recs = append(recs, r)
		}
		if len(all) < ids {
			all = append(all, eventID(it.Key(), len(p)))
		}
	}
	return recs, all, translate("read events", it.Error())
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
	value, ok, err := s.get(prefix(nil, spaceVisitor, site, id))
	if err != nil {
		return session.Visitor{}, translate("read the visitor", err)
	}
	v := session.Visitor{}
	if ok {
		if v, err = decodeVisitor(value); err != nil {
			return session.Visitor{}, err
		}
		v.Site, v.ID = site, id
	}
	return s.marks.of(site).visitor(v, ok, site, id), nil
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
