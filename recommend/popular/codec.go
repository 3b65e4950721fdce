package popular

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"github.com/nextbest/nextbest/internal/fault"
)

// A checkpoint is: version byte, the two landmarks with a flag each, the
// number of keys, then per key (ascending) its length, its bytes and the two
// sums, and the number of its listed blocks plus one, 0 for a key that lists
// none: if not 0 the two sums of those that left, and per block (ascending) its
// hash and the two sums. At the end a CRC-32C of all before it. Version 1 had
// no blocks.
const (
	codecVersion  = 2
	codecNoBlocks = 1
)

// maxKeyBytes bounds a key of a checkpoint: group keys are ids.
const maxKeyBytes = 1024

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Encode appends the counter's state to dst, the same bytes for the same state.
func (c *Counter) Encode(dst []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	start := len(dst)
	dst = append(dst, codecVersion)
	for _, k := range [...]*clock{&c.long, &c.short} {
		flag := byte(0)
		if k.set {
			flag = 1
		}
		dst = append(dst, flag)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(k.landmark))
	}
	dst = binary.AppendUvarint(dst, uint64(len(c.cells)))
	for _, e := range c.inOrder() {
		dst = binary.AppendUvarint(dst, uint64(len(e.key)))
		dst = append(dst, e.key...)
		dst = appendSums(dst, e.long, e.short)
		dst = e.blocks.encode(dst)
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli()))
}

func appendSums(dst []byte, long, short float64) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(long))
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(short))
}

func (s *shares) encode(dst []byte) []byte {
	if s == nil {
		return append(dst, 0)
	}
	slices.SortFunc(s.list, func(a, b share) int { return cmp.Compare(a.block, b.block) }) // their order means nothing
	dst = binary.AppendUvarint(dst, uint64(len(s.list))+1)
	dst = appendSums(dst, s.long, s.short)
	for _, x := range s.list {
		dst = binary.LittleEndian.AppendUint64(dst, x.block)
		dst = appendSums(dst, x.long, x.short)
	}
	return dst
}

// Decode reads what Encode wrote, or wrote before blocks were listed. Anything else is a fault of kind Invalid.
func Decode(state []byte, opts Options) (*Counter, error) {
	if len(state) < 4 {
		return nil, badState("it is too short")
	}
	body, sum := state[:len(state)-4], binary.LittleEndian.Uint32(state[len(state)-4:])
	if crc32.Checksum(body, castagnoli()) != sum {
		return nil, badState("its checksum is wrong")
	}
	if len(body) == 0 || body[0] != codecVersion && body[0] != codecNoBlocks {
		return nil, badState("it is of another version")
	}
	c := NewCounter(opts)
	r := reader{rest: body[1:], blocks: body[0] != codecNoBlocks}
	for _, k := range [...]*clock{&c.long, &c.short} {
		k.set = r.take(1)[0] == 1
		k.landmark = int64(binary.LittleEndian.Uint64(r.take(8)))
	}
	keys := r.uvarint()
	if keys > uint64(len(r.rest))/17 {
		return nil, badState("it names more keys than it holds")
	}
	for range keys {
		if err := r.cell(c); err != nil {
			return nil, err
		}
	}
	if r.failed || len(r.rest) != 0 {
		return nil, badState("its length is wrong")
	}
	if len(c.cells) > c.opts.MaxKeys {
		c.evict()
	}
	if c.listed > maxBlocks {
		c.forget()
	}
	return c, nil
}

func badState(detail string) error {
	return fault.Invalidf("bad_checkpoint", "the checkpoint of the popularity cannot be used: %s", detail)
}

// reader reads a checkpoint; once it ran out of bytes it is failed and answers
// zeroes.
type reader struct {
	rest   []byte
	blocks bool // keys say which blocks they list
	failed bool
	zero   [maxKeyBytes]byte
}

func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		r.failed, r.rest = true, nil
		return r.zero[:n]
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) uvarint() uint64 {
	n, used := binary.Uvarint(r.rest)
	if used <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[used:]
	return n
}

func (r *reader) cell(c *Counter) error {
	size := r.uvarint()
	if size == 0 || size > maxKeyBytes {
		return badState("a key has a wrong length")
	}
	key := string(r.take(int(size)))
	long, short, err := r.sums()
	if err != nil {
		return err
	}
	if _, twice := c.cells[key]; twice {
		return badState("a key comes twice")
	}
	e := c.add(key)
	e.long, e.short = long, short
	if !r.blocks {
		return nil
	}
	e.blocks, err = r.shares()
	if e.blocks != nil {
		c.listed += len(e.blocks.list)
	}
	return err
}

func (r *reader) sums() (long, short float64, err error) {
	long = math.Float64frombits(binary.LittleEndian.Uint64(r.take(8)))
	short = math.Float64frombits(binary.LittleEndian.Uint64(r.take(8)))
	if !sum(long) || !sum(short) {
		return 0, 0, badState(fmt.Sprintf("a sum is not a finite number of 0 or more: %v, %v", long, short))
	}
	return long, short, nil
}

// shares reads the blocks of a key, nil when it lists none.
func (r *reader) shares() (*shares, error) {
	n := r.uvarint()
	if n == 0 {
		return nil, nil
	}
	if n--; n > maxShares || n > uint64(len(r.rest))/24 {
		return nil, badState("a key names more blocks than it holds")
	}
	s, err := &shares{list: make([]share, n)}, error(nil)
	if s.long, s.short, err = r.sums(); err != nil {
		return nil, err
	}
	for i := range s.list {
		x := &s.list[i]
		x.block = binary.LittleEndian.Uint64(r.take(8))
		if i > 0 && x.block <= s.list[i-1].block {
			return nil, badState("the blocks of a key are not in order")
		}
		if x.long, x.short, err = r.sums(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func sum(x float64) bool { return x >= 0 && !math.IsInf(x, 0) }
