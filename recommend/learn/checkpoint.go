package learn

import (
	"encoding/binary"
	"errors"

	"github.com/cespare/xxhash/v2"
	"github.com/nextbest/nextbest/recommend/popular"
	"github.com/nextbest/nextbest/session/event"
)

// stateVersion is the first byte of a checkpoint.
const stateVersion = 1

var errState = errors.New("the checkpoint is not of this version")

// state is the cursor and the sums that reflect exactly what lies before it.
func (l *Learner) state() []byte {
	b := []byte{stateVersion}
	b = binary.AppendUvarint(b, uint64(len(l.cursor)))
	b = append(b, l.cursor...)
	return l.counter.Encode(b)
}

func (l *Learner) restore(state []byte) error {
	if len(state) < 2 || state[0] != stateVersion {
		return errState
	}
	n, used := binary.Uvarint(state[1:])
	if used <= 0 || n > uint64(len(state)-1-used) {
		return errState
	}
	rest := state[1+used:]
	counter, err := popular.Decode(rest[n:], popular.Options{})
	if err != nil {
		return err
	}
	l.cursor, l.counter = event.Cursor(append([]byte(nil), rest[:n]...)), counter
	return nil
}

// rotatingSet remembers the last entries approximately: between max and 2·max
// of them. It bounds what the learner remembers of who saw what.
type rotatingSet struct {
	max        int
	young, old map[uint64]struct{}
}

func newRotatingSet(max int) rotatingSet {
	return rotatingSet{max: max, young: map[uint64]struct{}{}, old: map[uint64]struct{}{}}
}

// add reports whether the entry is new.
func (s *rotatingSet) add(parts ...string) bool {
	var d xxhash.Digest
	d.Reset()
	for _, p := range parts {
		_, _ = d.WriteString(p)
		_, _ = d.Write([]byte{0})
	}
	h := d.Sum64()
	if _, ok := s.young[h]; ok {
		return false
	}
	_, known := s.old[h]
	s.young[h] = struct{}{}
	if len(s.young) >= s.max {
		s.old, s.young = s.young, map[uint64]struct{}{}
	}
	return !known
}
