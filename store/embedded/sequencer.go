package embedded

import (
	"encoding/binary"
	"sync"
)

// seqJump is how far the sequence of a log jumps at each start. A crash may
// lose rows that a reader had already seen (durability memory); their numbers
// must not come again behind that reader's cursor.
const seqJump = 1 << 20

// sequencer numbers the records of one site's log. Numbers are given before the
// commit, and commits end in any order, so a reader may only go up to the
// lowest number whose commit has not ended: the watermark.
type sequencer struct {
	mu   sync.Mutex
	hour uint64 // of the newest record: the log's hours never go back
	next uint64
	open []span // commits under way, oldest first
	base uint64 // ticket of open[0]
}

type span struct {
	first uint64
	done  bool
}

// begin gives n numbers, the first of which and the hour of all are returned.
// The ticket must be handed to end, whatever happens.
func (q *sequencer) begin(n int, hour uint64) (ticket, first, inHour uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.hour = max(q.hour, hour)
	first = q.next
	q.next += uint64(n)
	q.open = append(q.open, span{first: first})
	return q.base + uint64(len(q.open)) - 1, first, q.hour
}

func (q *sequencer) end(ticket uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open[ticket-q.base].done = true
	n := 0
	for n < len(q.open) && q.open[n].done {
		n++
	}
	q.open = q.open[:copy(q.open, q.open[n:])]
	q.base += uint64(n)
}

// watermark is the number below which every commit has ended.
func (q *sequencer) watermark() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.open) > 0 {
		return q.open[0].first
	}
	return q.next
}

// position is the hour and the next number, as kept in spaceFloor.
func (q *sequencer) position() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := binary.BigEndian.AppendUint64(nil, q.hour)
	return binary.BigEndian.AppendUint64(b, q.next)
}

// sequencer returns the site's, made from the end of its log when this is the
// first use.
func (s *Store) sequencer(site string) (*sequencer, error) {
	if q, ok := s.seqs.Load(site); ok {
		return q.(*sequencer), nil
	}
	s.seqMu.Lock()
	defer s.seqMu.Unlock()
	if q, ok := s.seqs.Load(site); ok {
		return q.(*sequencer), nil
	}
	hour, last, err := s.logEnd(site)
	if err != nil {
		return nil, translate("find the end of the log", err)
	}
	q := &sequencer{hour: hour, next: last + seqJump}
	s.seqs.Store(site, q)
	return q, nil
}

// logEnd is the position of the newest record, or the floor when the rows above
// it were removed.
func (s *Store) logEnd(site string) (hour, seq uint64, err error) {
	floor, ok, err := s.get(prefix(nil, spaceFloor, site))
	if err != nil {
		return 0, 0, err
	}
	if ok && len(floor) == 16 {
		hour, seq = logPosition(floor)
	}
	it, err := s.rows(prefix(nil, spaceLog, site))
	if err != nil {
		return 0, 0, err
	}
	if it.Last() {
		h, n := logPosition(it.Key())
		hour, seq = max(hour, h), max(seq, n+1)
	}
	return hour, seq, it.Close()
}
