package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

const hourMs = 3600_000

// scratch is what one Append needs and the next one uses again.
type scratch struct {
	key, value []byte
	tickets    []ticket
	sites      []string
}

type ticket struct {
	from *sequencer
	no   uint64
}

// Append stores records and visitors, all or none.
func (s *Store) Append(ctx context.Context, w ingest.Write) error {
	if err := s.enterWrite(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	x := s.scratch.Get().(*scratch)
	defer s.recycle(x)
	if len(w.Visitors) > 0 {
		s.visitorRows.RLock()
		defer s.visitorRows.RUnlock()
		s.presence.writing.RLock()
		defer s.presence.writing.RUnlock()
	}
	b := s.db.NewBatch()
	defer b.Close()
	if err := s.encode(b, x, &w); err != nil {
		return translate("append events", err)
	}
	if err := s.commitGrouped("append events", b); err != nil {
		return err
	}
	s.remember(x.sites)
	return nil
}

// recycle ends the tickets of an Append, whether or not it was committed.
func (s *Store) recycle(x *scratch) {
	for _, t := range x.tickets {
		t.from.end(t.no)
	}
	clear(x.tickets)
	x.tickets, x.sites = x.tickets[:0], x.sites[:0]
	s.scratch.Put(x)
}

func (s *Store) encode(b *pebble.Batch, x *scratch, w *ingest.Write) error {
	for rest := w.Records; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Site == rest[0].Site {
			n++
		}
		if err := s.encodeRecords(b, x, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	for i := range w.Visitors {
		if err := s.encodeVisitor(b, x, &w.Visitors[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) encodeVisitor(b *pebble.Batch, x *scratch, v *session.Visitor) error {
	if err := s.touch(b, x, v.Site); err != nil {
		return err
	}
	if v.ErasedAt > s.marks.of(v.Site).mark(v.ID) { // a mark that came from elsewhere
		if err := s.setMark(b, v.Site, v.ID, v.ErasedAt); err != nil {
			return err
		}
	}
	s.presence.note(spaceVisitor, v.Site, v.ID)
	x.key = prefix(x.key[:0], spaceVisitor, v.Site, v.ID)
	x.value = appendVisitor(x.value[:0], v)
	return b.Set(x.key, x.value, nil)
}

// encodeRecords adds the rows of records of one site. What an erasure mark
// covers is accepted and dropped: it must not come back.
func (s *Store) encodeRecords(b *pebble.Batch, x *scratch, recs []event.Record) error {
	site := recs[0].Site
	if err := s.touch(b, x, site); err != nil {
		return err
	}
	q, err := s.sequencer(site)
	if err != nil {
		return err
	}
	marks := s.marks.of(site)
	var newest int64
	for i := range recs {
		if !marks.hides(&recs[i]) {
			newest = max(newest, recs[i].ReceivedAt)
		}
	}
	no, seq, hour := q.begin(len(recs), uint64(newest/hourMs))
	x.tickets = append(x.tickets, ticket{q, no})
	for i := range recs {
		if marks.hides(&recs[i]) {
			continue
		}
		if err := x.setRecord(b, &recs[i], hour, seq+uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

// setRecord adds a record to its session and to the log.
func (x *scratch) setRecord(b *pebble.Batch, r *event.Record, hour, seq uint64) error {
	var err error
	if x.value, err = appendRecord(x.value[:0], r); err != nil {
		return err
	}
	x.key = prefix(x.key[:0], spaceSession, r.Site, r.Visitor, r.Session)
	x.key = eventKey(x.key, r.TS, r.ID)
	if err := b.Set(x.key, x.value, nil); err != nil {
		return err
	}
	x.key = logKey(x.key[:0], r.Site, hour, seq)
	return b.Set(x.key, x.value, nil)
}

// touch adds the row of a site that is not known yet.
func (s *Store) touch(b *pebble.Batch, x *scratch, site string) error {
	if _, ok := s.sites.Load(site); ok {
		return nil
	}
	x.sites = append(x.sites, site)
	return b.Set(append([]byte{spaceSite}, site...), nil, nil)
}
