package learn

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/bits"

	"github.com/cespare/xxhash/v2"
	"github.com/nextbest/nextbest/recommend/popular"
	"github.com/nextbest/nextbest/session/event"
)

// stateVersion is the first byte of a checkpoint. It is followed by the cursor
// and the counter, each with its length, what was counted and the pairs, and a
// CRC-32C of all before it. Version 1 held the cursor and the counter alone, in
// which the counter went to the end.
const (
	stateVersion  = 2
	stateNoPairs  = 1
	maxStateBytes = 1 << 28
)

var errState = errors.New("the checkpoint is not of this version, or damaged")

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// state is the cursor and the sums that reflect exactly what lies before it.
func (l *Learner) state() []byte {
	b := []byte{stateVersion}
	b = binary.AppendUvarint(b, uint64(len(l.cursor)))
	b = append(b, l.cursor...)
	counter := l.counter.Encode(nil)
	b = binary.AppendUvarint(b, uint64(len(counter)))
	b = append(b, counter...)
	b = l.counted.encode(b)
	b = l.pairs.encode(b)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli()))
}

func (l *Learner) restore(state []byte) error {
	if len(state) < 2 || len(state) > maxStateBytes {
		return errState
	}
	r := &stateReader{rest: state[1:]}
	counted, pairs := newRotatingSet(maxCounted), newPairing()
	var sums []byte
	var cursor event.Cursor
	switch state[0] {
	case stateNoPairs:
		cursor = event.Cursor(r.text())
		sums = r.rest
	case stateVersion:
		if r.checksum(state); r.failed {
			return errState
		}
		cursor = event.Cursor(r.text())
		sums = r.take(r.uvarint())
		counted = r.set(maxCounted)
		pairs = decodePairing(r)
		r.check(len(r.rest) == 0)
	default:
		return errState
	}
	if r.failed {
		return errState
	}
	counter, err := popular.Decode(sums, popular.Options{})
	if err != nil {
		return err
	}
	l.cursor, l.counter, l.counted, l.pairs = cursor, counter, counted, pairs
	return nil
}

// stateReader reads a checkpoint; once something is wrong it is failed and
// answers zeroes.
type stateReader struct {
	rest   []byte
	failed bool
}

func (r *stateReader) check(ok bool) {
	if !ok {
		r.failed, r.rest = true, nil
	}
}

// checksum verifies the end of a checkpoint and cuts it off.
func (r *stateReader) checksum(state []byte) {
	if r.check(len(state) > 4); r.failed {
		return
	}
	body := len(state) - 4
	r.check(crc32.Checksum(state[:body], castagnoli()) == binary.LittleEndian.Uint32(state[body:]))
	if !r.failed {
		r.rest = state[1:body]
	}
}

func (r *stateReader) take(n uint64) []byte {
	if r.check(n <= uint64(len(r.rest))); r.failed {
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// few is a byte of at most n.
func (r *stateReader) few(n int) int {
	b := r.take(1)
	if r.check(len(b) == 1 && int(b[0]) <= n); r.failed {
		return 0
	}
	return int(b[0])
}

func (r *stateReader) uint32() uint32 {
	if b := r.take(4); !r.failed {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *stateReader) uint64() uint64 {
	if b := r.take(8); !r.failed {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *stateReader) uvarint() uint64 {
	n, used := binary.Uvarint(r.rest)
	if r.check(used > 0); r.failed {
		return 0
	}
	r.rest = r.rest[used:]
	return n
}

func (r *stateReader) varint() int64 {
	n, used := binary.Varint(r.rest)
	if r.check(used > 0); r.failed {
		return 0
	}
	r.rest = r.rest[used:]
	return n
}

// count is a number of entries of at least size bytes each: what is left must
// hold them.
func (r *stateReader) count(size int) int {
	n := r.uvarint()
	if r.check(n <= uint64(len(r.rest)/size)); r.failed {
		return 0
	}
	return int(n)
}

// below is a number less than n.
func (r *stateReader) below(n int) int {
	x := r.uvarint()
	if r.check(x < uint64(n)); r.failed {
		return 0
	}
	return int(x)
}

// text is a copy of a length and as many bytes; nothing for none.
func (r *stateReader) text() string { return string(r.take(r.uvarint())) }

// reverse turns a number's bytes around.
func reverse(x uint64) uint64 { return bits.ReverseBytes64(x) }

// maxCounted bounds what is remembered of who looked at what.
const maxCounted = 100_000

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
	h := hashOf(parts...)
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

func (s *rotatingSet) encode(dst []byte) []byte {
	for _, m := range [...]map[uint64]struct{}{s.young, s.old} {
		dst = binary.AppendUvarint(dst, uint64(len(m)))
		for _, h := range sortedKeys(m) {
			dst = binary.LittleEndian.AppendUint64(dst, h)
		}
	}
	return dst
}

// set reads a rotatingSet of that bound.
func (r *stateReader) set(max int) rotatingSet {
	s := newRotatingSet(max)
	for _, m := range [...]map[uint64]struct{}{s.young, s.old} {
		n := r.count(8)
		for range n {
			m[r.uint64()] = struct{}{}
		}
		r.check(len(m) == n && n <= max)
	}
	return s
}

func hashOf(parts ...string) uint64 {
	var d xxhash.Digest
	d.Reset()
	for _, p := range parts {
		_, _ = d.WriteString(p)
		_, _ = d.Write([]byte{0})
	}
	return d.Sum64()
}
