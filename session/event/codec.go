package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// codecVersion is the first byte of an encoded record. A change of the layout
// takes the next number and keeps reading the old ones.
const codecVersion = 1

// MaxRecordBytes is the largest encoded record that is read back.
const MaxRecordBytes = 256 << 10

// The bits of an encoded record: what is true, and which optional parts follow.
const (
	hasProven uint64 = 1 << iota
	hasBot
	hasLasting
	hasUnfolded
	hasTS
	hasUser
	hasSeq
	hasName
	hasItem
	hasQuantity
	hasPrice
	hasCurrency
	hasRecommendation
	hasSlot
	hasQuery
	hasItems
	hasContext
	hasProperties
)

// ErrCodec is what UnmarshalBinary answers for bytes that are no record.
var ErrCodec = errors.New("not an encoded record")

func (r *Record) bits() uint64 {
	var bits uint64
	for _, part := range [...]struct {
		present bool
		bit     uint64
	}{
		{r.Proven, hasProven}, {r.Bot, hasBot}, {r.Lasting, hasLasting}, {r.Unfolded, hasUnfolded},
		{r.HasTS, hasTS}, {r.UserID != "", hasUser}, {r.Seq != 0, hasSeq}, {r.Name != "", hasName},
		{r.ItemID != "", hasItem}, {r.Quantity != 0, hasQuantity}, {r.Price != 0, hasPrice},
		{r.Currency != "", hasCurrency}, {r.RecommendationID != "", hasRecommendation},
		{r.Slot != 0, hasSlot}, {r.Query != "", hasQuery}, {len(r.Items) > 0, hasItems},
		{len(r.Context) > 0, hasContext}, {len(r.Properties) > 0, hasProperties},
	} {
		if part.present {
			bits |= part.bit
		}
	}
	return bits
}

// AppendBinary appends the record in the compact encoding that every store
// keeps: a version, a bit set, then only what is present.
func (r *Record) AppendBinary(dst []byte) []byte {
	bits := r.bits()
	dst = append(dst, codecVersion, byte(r.Kind))
	dst = binary.AppendUvarint(dst, bits)
	// The three times lie close together: two of them as differences.
	dst = binary.AppendVarint(dst, r.TS)
	dst = binary.AppendVarint(dst, r.Time-r.TS)
	dst = binary.AppendVarint(dst, r.ReceivedAt-r.Time)
	for _, s := range [...]string{r.Site, r.Visitor, r.Session, r.ID} {
		dst = appendString(dst, s)
	}
	for _, part := range [...]struct {
		bit   uint64
		value string
	}{
		{hasUser, r.UserID}, {hasName, r.Name}, {hasItem, r.ItemID}, {hasCurrency, r.Currency},
		{hasRecommendation, r.RecommendationID}, {hasQuery, r.Query},
	} {
		if bits&part.bit != 0 {
			dst = appendString(dst, part.value)
		}
	}
	return r.appendNumbers(dst, bits)
}

func (r *Record) appendNumbers(dst []byte, bits uint64) []byte {
	if bits&hasSeq != 0 {
		dst = binary.AppendUvarint(dst, uint64(r.Seq))
	}
	if bits&hasSlot != 0 {
		dst = binary.AppendVarint(dst, int64(r.Slot))
	}
	if bits&hasQuantity != 0 {
		dst = appendFloat(dst, r.Quantity)
	}
	if bits&hasPrice != 0 {
		dst = appendFloat(dst, r.Price)
	}
	if bits&hasItems != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(r.Items)))
		for i := range r.Items {
			dst = appendString(dst, r.Items[i].ItemID)
			dst = appendFloat(dst, r.Items[i].Quantity)
			dst = appendFloat(dst, r.Items[i].Price)
		}
	}
	if bits&hasContext != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(r.Context)))
		dst = append(dst, r.Context...)
	}
	if bits&hasProperties != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(r.Properties)))
		dst = append(dst, r.Properties...)
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func appendFloat(dst []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
}

// lineBytes is the smallest encoding of a Line: an empty id and two floats.
const lineBytes = 1 + 8 + 8

// UnmarshalBinary reads what AppendBinary wrote. Nothing of the record refers
// to b afterwards. Bytes that are no record are an error, never a panic, and
// never make it allocate more than a small multiple of their length.
func (r *Record) UnmarshalBinary(b []byte) error {
	if len(b) > MaxRecordBytes {
		return fmt.Errorf("%w: %d bytes", ErrCodec, len(b))
	}
	if len(b) < 2 || b[0] != codecVersion {
		return fmt.Errorf("%w: unknown version", ErrCodec)
	}
	*r = Record{}
	c := cursor{rest: string(b[2:])} // the one copy; strings are parts of it
	r.Kind = Kind(b[1])
	if int(r.Kind) >= len(kindNames) {
		return fmt.Errorf("%w: unknown kind", ErrCodec)
	}
	bits := c.uvarint()
	if bits >= hasProperties<<1 {
		return fmt.Errorf("%w: unknown parts", ErrCodec)
	}
	r.Proven, r.Bot, r.Lasting = bits&hasProven != 0, bits&hasBot != 0, bits&hasLasting != 0
	r.Unfolded, r.HasTS = bits&hasUnfolded != 0, bits&hasTS != 0
	r.TS = c.varint()
	r.Time = r.TS + c.varint()
	r.ReceivedAt = r.Time + c.varint()
	r.Site, r.Visitor, r.Session, r.ID = c.text(), c.text(), c.text(), c.text()
	r.readTexts(&c, bits)
	r.readNumbers(&c, bits)
	if c.bad || c.rest != "" {
		*r = Record{}
		return fmt.Errorf("%w: wrong length", ErrCodec)
	}
	return nil
}

func (r *Record) readTexts(c *cursor, bits uint64) {
	for _, part := range [...]struct {
		bit uint64
		dst *string
	}{
		{hasUser, &r.UserID}, {hasName, &r.Name}, {hasItem, &r.ItemID}, {hasCurrency, &r.Currency},
		{hasRecommendation, &r.RecommendationID}, {hasQuery, &r.Query},
	} {
		if bits&part.bit != 0 {
			*part.dst = c.text()
		}
	}
}

func (r *Record) readNumbers(c *cursor, bits uint64) {
	if bits&hasSeq != 0 {
		r.Seq = uint32(c.bounded(math.MaxUint32))
	}
	if bits&hasSlot != 0 {
		slot := c.varint()
		c.bad = c.bad || slot < math.MinInt32 || slot > math.MaxInt32
		r.Slot = int(slot)
	}
	if bits&hasQuantity != 0 {
		r.Quantity = c.float()
	}
	if bits&hasPrice != 0 {
		r.Price = c.float()
	}
	if bits&hasItems != 0 {
		r.readLines(c)
	}
	if bits&hasContext != 0 {
		r.Context = []byte(c.text())
	}
	if bits&hasProperties != 0 {
		r.Properties = []byte(c.text())
	}
}

func (r *Record) readLines(c *cursor) {
	n := c.bounded(uint64(len(c.rest) / lineBytes))
	if c.bad || n == 0 {
		return
	}
	r.Items = make([]Line, n)
	for i := range r.Items {
		r.Items[i] = Line{ItemID: c.text(), Quantity: c.float(), Price: c.float()}
	}
}

// cursor reads an encoded record from the front. Once something is wrong it
// stays bad and gives zeros.
type cursor struct {
	rest string
	bad  bool
}

func (c *cursor) fail() uint64 {
	c.bad, c.rest = true, ""
	return 0
}

func (c *cursor) uvarint() uint64 {
	var v uint64
	for i := 0; i < binary.MaxVarintLen64 && i < len(c.rest); i++ {
		x := c.rest[i]
		if i == binary.MaxVarintLen64-1 && x > 1 {
			break
		}
		v |= uint64(x&0x7f) << (7 * i)
		if x < 0x80 {
			c.rest = c.rest[i+1:]
			return v
		}
	}
	return c.fail()
}

func (c *cursor) varint() int64 {
	u := c.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (c *cursor) bounded(max uint64) uint64 {
	v := c.uvarint()
	if v > max {
		return c.fail()
	}
	return v
}

func (c *cursor) text() string {
	n := c.uvarint()
	if n > uint64(len(c.rest)) {
		n = c.fail()
	}
	s := c.rest[:n]
	c.rest = c.rest[n:]
	return s
}

func (c *cursor) float() float64 {
	if len(c.rest) < 8 {
		c.fail()
		return 0
	}
	var bits uint64
	for i := 0; i < 8; i++ {
		bits |= uint64(c.rest[i]) << (8 * i)
	}
	c.rest = c.rest[8:]
	f := math.Float64frombits(bits)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		c.fail()
		return 0
	}
	return f
}
