package embedded

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/store"
)

// marks are all erasure marks, in memory because every record that is read or
// written is checked against them. They are few: one per erased visitor.
type marks struct{ sites sync.Map } // site → *siteMarks

type siteMarks struct {
	mu sync.RWMutex
	at map[string]int64
}

// of returns the marks of a site, nil when it has none.
func (m *marks) of(site string) *siteMarks {
	if v, ok := m.sites.Load(site); ok {
		return v.(*siteMarks)
	}
	return nil
}

// add notes a mark and returns the one that counts: the latest.
func (m *marks) add(site, id string, at int64) int64 {
	v, _ := m.sites.LoadOrStore(site, &siteMarks{at: make(map[string]int64)})
	sm := v.(*siteMarks)
	sm.mu.Lock()
	defer sm.mu.Unlock()
	sm.at[id] = max(sm.at[id], at)
	return sm.at[id]
}

func (m *siteMarks) mark(id string) int64 {
	if m == nil {
		return 0
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.at[id]
}

func (m *siteMarks) hides(r *event.Record) bool { return m != nil && store.Hidden(r, m.mark) }

// visitor is a row, found or not, as it is shown under the marks.
func (m *siteMarks) visitor(v session.Visitor, found bool, site, id string) session.Visitor {
	if !found {
		if m.mark(id) == 0 {
			return session.Visitor{}
		}
		return session.Visitor{Site: site, ID: id, ErasedAt: m.mark(id)}
	}
	if m == nil {
		return v
	}
	return store.Marked(v, m.mark)
}

// loadMarks reads the marks of all sites.
func (s *Store) loadMarks() error {
	it, err := s.rows([]byte{spaceMark})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		site, rest, okSite := firstPart(it.Key()[1:])
		id, _, okID := firstPart(rest)
		value, err := it.ValueAndErr()
		if err == nil && (!okSite || !okID || len(value) != 8) {
			err = badRow("erasure mark", errBadValue)
		}
		if err != nil {
			return fmt.Errorf("%w (closing: %v)", err, it.Close())
		}
		s.marks.add(site, id, int64(binary.BigEndian.Uint64(value)))
	}
	return it.Close()
}

// EraseVisitor first sets the mark, which hides everything at once, and then
// removes what it covers in one pass over the site's records. Erasures are rare
// and a pass needs no index that every event would have to pay for.
func (s *Store) EraseVisitor(ctx context.Context, site, visitor string, at time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	b := s.db.NewBatch()
	defer b.Close()
	if err := s.setMark(b, site, visitor, at.UnixMilli()); err != nil {
		return translate("mark the erasure", err)
	}
	mark := s.marks.of(site).mark(visitor)
	if err := s.setFloor(b, site); err != nil {
		return translate("mark the erasure", err)
	}
	if err := s.commit("mark the erasure", b); err != nil {
		return err
	}
	for _, space := range []byte{spaceSession, spaceHistory, spaceLog} {
		if err := s.eraseRecords(ctx, space, site, visitor, mark); err != nil {
			return err
		}
	}
	err := s.removeVisitors(ctx, prefix(nil, spaceVisitor, site), func(v session.Visitor) bool {
		return (v.ID == visitor || v.UserID == visitor) && v.SessionAt <= mark
	})
	if err != nil {
		return err
	}
	return s.eraseProfiles(ctx, site, visitor)
}

// setMark hides what a mark covers from now on and adds the mark's row.
func (s *Store) setMark(b *pebble.Batch, site, id string, at int64) error {
	at = s.marks.add(site, id, at)
	value := binary.BigEndian.AppendUint64(nil, uint64(at))
	return b.Set(prefix(nil, spaceMark, site, id), value, nil)
}

func (s *Store) eraseRecords(ctx context.Context, space byte, site, id string, mark int64) error {
	h := hash(id)
	return s.remove(ctx, "erase a visitor", prefix(nil, space, site), func(_, value []byte) (bool, error) {
		if !mayName(value, h) {
			return false, nil
		}
		var r event.Record
		if err := decodeRecord(value, &r); err != nil {
			return false, err
		}
		return (r.Visitor == id || r.UserID == id) && store.Erased(&r, mark), nil
	})
}

// removeVisitors deletes rows of visitors under a prefix. Append is kept out while a row that
// was picked is looked at again: it may have come to life meanwhile.
func (s *Store) removeVisitors(ctx context.Context, p []byte, match func(session.Visitor) bool) error {
	test := func(key, value []byte) (bool, error) {
		v, err := decodeVisitor(value)
		if err != nil {
			return false, err
		}
		_, rest, ok := firstPart(key[1:])
		v.ID, _, _ = firstPart(rest)
		return ok && match(v), nil
	}
	var picked [][]byte
	if err := s.each(ctx, p, func(key, value []byte) error {
		gone, err := test(key, value)
		if gone {
			picked = append(picked, append([]byte(nil), key...))
		}
		return err
	}); err != nil {
		return err
	}
	for len(picked) > 0 {
		n := min(len(picked), removeBatch)
		if err := s.removeChecked(picked[:n], test); err != nil {
			return err
		}
		picked = picked[n:]
	}
	return nil
}

func (s *Store) removeChecked(picked [][]byte, test func(key, value []byte) (bool, error)) error {
	s.visitorRows.Lock()
	defer s.visitorRows.Unlock()
	b := s.db.NewBatch()
	defer b.Close()
	for _, key := range picked {
		value, ok, err := s.get(key)
		if err != nil {
			return translate("remove a visitor", err)
		}
		if !ok {
			continue
		}
		gone, err := test(key, value)
		if err != nil {
			return err
		}
		if gone {
			if err := b.Delete(key, nil); err != nil {
				return translate("remove a visitor", err)
			}
		}
	}
	return s.commit("remove a visitor", b)
}

// each calls fn for the rows under a prefix, as of now.
func (s *Store) each(ctx context.Context, p []byte, fn func(key, value []byte) error) error {
	it, err := s.rows(p)
	if err != nil {
		return translate("read rows", err)
	}
	err = s.eachOf(ctx, it, fn)
	if closing := it.Close(); err == nil {
		err = translate("read rows", closing)
	}
	return err
}

func (s *Store) eachOf(ctx context.Context, it *pebble.Iterator, fn func(key, value []byte) error) error {
	seen := 0
	for ok := it.First(); ok; ok = it.Next() {
		if seen++; seen%checkEvery == 0 {
			if err := store.ContextError(ctx); err != nil {
				return err
			}
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return translate("read rows", err)
		}
		if err := fn(it.Key(), value); err != nil {
			return err
		}
	}
	return translate("read rows", it.Error())
}
