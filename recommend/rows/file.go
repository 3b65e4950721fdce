package rows

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/internal/fault"
)

// The file: a header of headerSize bytes, then the sections in the order of
// Model.sections, each padded to 8 bytes so that it can be mapped into memory
// as it is. Everything is little endian. The checksum, last in the header,
// covers all other bytes and is the version id.
const (
	magic         = "NBROWS\r\n"
	formatVersion = 1
	headerSize    = 128
)

// header is the file's header, field by field.
type header struct {
	Magic     [8]byte
	Format    uint32
	Reserved  uint32
	Items     uint64
	Entries   uint64
	IDBytes   uint64
	A         float64
	Lambda    float64
	TW        float64
	SWDays    float64
	Delta     float64
	Top       uint32
	Last      uint32
	TrainedAt int64
	Latest    float64
	Sessions  uint64
	Clicks    uint64
	Checksum  uint64
}

func (m *Model) header() []byte {
	h := header{
		Format: formatVersion, Items: uint64(m.Len()), Entries: uint64(len(m.cols)), IDBytes: uint64(len(m.ids)),
		A: m.params.A, Lambda: m.params.Lambda, TW: m.params.TW, SWDays: m.params.SWDays, Delta: m.params.Delta,
		Top: uint32(m.params.Top), Last: uint32(m.params.Last), TrainedAt: m.trainedAt, Latest: m.latest,
		Sessions: m.sessions, Clicks: m.clicks, Checksum: m.checksum,
	}
	copy(h.Magic[:], magic)
	b, _ := binary.Append(make([]byte, 0, headerSize), binary.LittleEndian, &h) // fixed-size fields: cannot fail
	return b
}

// Size is the size of the model's file in bytes.
func (m *Model) Size() int64 {
	return bodySize(uint64(m.Len()), uint64(len(m.cols)), uint64(len(m.ids))) + headerSize
}

// bodySize is the size of all sections with their padding.
func bodySize(items, entries, idBytes uint64) int64 {
	pad := func(n uint64) int64 { return int64((n + 7) &^ 7) }
	return 2*pad(8*items) + 2*pad(4*(items+1)) + 2*pad(4*entries) + pad(idBytes)
}

// seal computes the checksum and what is derived; the model is then complete.
func (m *Model) seal() {
	sum := xxhash.New()
	sum.Write(m.header()[:headerSize-8])
	m.writeBody(sum) // a hash never fails
	m.checksum = sum.Sum64()
	m.prepare()
}

// WriteTo writes the model's file.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	out := bufio.NewWriterSize(w, 1<<16)
	counted := &counter{w: out}
	if _, err := counted.Write(m.header()); err != nil {
		return counted.n, fmt.Errorf("writing the model's header: %w", err)
	}
	if err := m.writeBody(counted); err != nil {
		return counted.n, fmt.Errorf("writing the model's rows: %w", err)
	}
	if err := out.Flush(); err != nil {
		return counted.n, fmt.Errorf("writing the model's rows: %w", err)
	}
	return counted.n, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func (m *Model) writeBody(w io.Writer) error {
	e := encoder{w: w, buf: make([]byte, 0, 1<<14)}
	e.float64s(m.counts)
	e.float64s(m.mass)
	e.uint32s(m.idOff)
	e.uint32s(m.rowOff)
	e.uint32s(m.cols)
	e.float32s(m.weights)
	e.flush()
	if e.err == nil {
		_, e.err = io.WriteString(w, m.ids)
	}
	e.buf = append(e.buf, make([]byte, -len(m.ids)&7)...)
	e.flush()
	return e.err
}

// encoder writes sections through a small buffer and keeps the first error.
type encoder struct {
	w   io.Writer
	buf []byte
	err error
}

func (e *encoder) flush() {
	if e.err == nil && len(e.buf) > 0 {
		_, e.err = e.w.Write(e.buf)
	}
	e.buf = e.buf[:0]
}

func (e *encoder) uint32(x uint32) {
	if len(e.buf)+8 > cap(e.buf) {
		e.flush()
	}
	e.buf = binary.LittleEndian.AppendUint32(e.buf, x)
}

func (e *encoder) float64s(list []float64) {
	for _, x := range list {
		b := math.Float64bits(x)
		e.uint32(uint32(b))
		e.uint32(uint32(b >> 32))
	}
}

func (e *encoder) uint32s(list []uint32) {
	for _, x := range list {
		e.uint32(x)
	}
	if len(list)%2 == 1 {
		e.uint32(0)
	}
}

func (e *encoder) float32s(list []float32) {
	for _, x := range list {
		e.uint32(math.Float32bits(x))
	}
	if len(list)%2 == 1 {
		e.uint32(0)
	}
}

// Read reads a model's file to its end. Whatever the bytes, it does not
// panic, and it allocates in proportion to what is there, not to what the
// header claims. The error is a fault of kind Invalid (code model_file) when
// the bytes are no model, else the reader's.
func Read(r io.Reader) (*Model, error) {
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, readError("the header", err)
	}
	h, err := parseHeader(head)
	if err != nil {
		return nil, err
	}
	m := h.model()
	d := decoder{r: r, sum: xxhash.New(), buf: make([]byte, 1<<16)}
	d.sum.Write(head[:headerSize-8])
	m.counts = d.float64s(h.Items)
	m.mass = d.float64s(h.Items)
	m.idOff = d.uint32s(h.Items + 1)
	m.rowOff = d.uint32s(h.Items + 1)
	m.cols = d.uint32s(h.Entries)
	m.weights = d.float32s(h.Entries)
	m.ids = d.text(h.IDBytes)
	if d.err != nil {
		return nil, readError("the rows", d.err)
	}
	if d.sum.Sum64() != h.Checksum {
		return nil, corrupt("the checksum does not match: the file is damaged")
	}
	if n, _ := r.Read(head[:1]); n > 0 {
		return nil, corrupt("there are bytes after the end of the model")
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	m.prepare()
	return m, nil
}

func corrupt(format string, args ...any) error {
	return fault.Invalidf("model_file", "not a usable model file: "+format, args...)
}

func readError(what string, err error) error {
	if fault.Of(err) != nil {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return corrupt("it ends within %s", what)
	}
	return fmt.Errorf("reading the model, %s: %w", what, err)
}

func parseHeader(b []byte) (*header, error) {
	var h header
	if _, err := binary.Decode(b, binary.LittleEndian, &h); err != nil {
		return nil, corrupt("its header cannot be read")
	}
	switch {
	case string(h.Magic[:]) != magic:
		return nil, corrupt("it does not start with the model's magic bytes")
	case h.Format != formatVersion:
		return nil, corrupt("its format is %d, this program reads %d", h.Format, formatVersion)
	case h.Reserved != 0 || h.Items == 0 || h.Items > math.MaxInt32 || h.Entries > math.MaxUint32 || h.IDBytes > math.MaxUint32:
		return nil, corrupt("its sizes are impossible")
	case h.Top > MaxTop || h.Last > MaxLast || !finite(h.Latest):
		return nil, corrupt("its parameters are impossible")
	}
	if err := h.model().params.Validate(); err != nil {
		return nil, corrupt("%s", fault.Of(err).Detail)
	}
	return &h, nil
}

// model is a Model with what the header says and nothing else.
func (h *header) model() *Model {
	return &Model{
		params: Params{
			A: h.A, Lambda: h.Lambda, TW: h.TW, SWDays: h.SWDays, Delta: h.Delta,
			Top: int(h.Top), Last: int(h.Last),
		},
		trainedAt: h.TrainedAt, latest: h.Latest, sessions: h.Sessions, clicks: h.Clicks, checksum: h.Checksum,
	}
}

// check verifies everything that reading a Model relies on.
func (m *Model) check() error {
	if err := checkOffsets(m.idOff, len(m.ids), 1<<20); err != nil {
		return err
	}
	if err := checkOffsets(m.rowOff, len(m.cols), MaxTop); err != nil {
		return err
	}
	for i := range uint32(m.Len()) {
		if i > 0 && m.ID(i-1) >= m.ID(i) {
			return corrupt("its item ids are not in order")
		}
		if !finite(m.counts[i]) || m.counts[i] < 0 || !finite(m.mass[i]) || m.mass[i] < 0 {
			return corrupt("its item %d has an impossible count", i)
		}
	}
	for n, j := range m.cols {
		if int(j) >= m.Len() {
			return corrupt("its entry %d points at no item", n)
		}
		if w := float64(m.weights[n]); !(w > 0) || math.IsInf(w, 0) {
			return corrupt("its entry %d has an impossible weight", n)
		}
	}
	return nil
}

func checkOffsets(off []uint32, end, longest int) error {
	if off[0] != 0 || int(off[len(off)-1]) != end {
		return corrupt("its offsets do not span their section")
	}
	for n := 1; n < len(off); n++ {
		if off[n] < off[n-1] || int(off[n]-off[n-1]) > longest {
			return corrupt("its offset %d is impossible", n)
		}
	}
	return nil
}

// decoder reads sections through a small buffer, keeps the first error, and
// lets slices grow with what was really read.
type decoder struct {
	r   io.Reader
	sum *xxhash.Digest
	buf []byte
	err error
}

// firstAlloc bounds what is allocated before any byte of a section was seen.
const firstAlloc = 1 << 16

// blocks calls fn with the next n bytes, in blocks that are multiples of 8
// but for the last, and skips the padding.
func (d *decoder) blocks(n uint64, fn func(b []byte)) {
	for padded := (n + 7) &^ 7; padded > 0 && d.err == nil; {
		b := d.buf[:min(padded, uint64(len(d.buf)))]
		if _, d.err = io.ReadFull(d.r, b); d.err != nil {
			return
		}
		d.sum.Write(b)
		padded -= uint64(len(b))
		used := min(n, uint64(len(b)))
		n -= used
		fn(b[:used])
		for _, zero := range b[used:] {
			if zero != 0 {
				d.err = corrupt("its padding is not empty")
			}
		}
	}
}

func (d *decoder) uint32s(n uint64) []uint32 {
	list := make([]uint32, 0, min(n, firstAlloc))
	d.blocks(4*n, func(b []byte) {
		for ; len(b) >= 4; b = b[4:] {
			list = append(list, binary.LittleEndian.Uint32(b))
		}
	})
	return list
}

func (d *decoder) float32s(n uint64) []float32 {
	list := make([]float32, 0, min(n, firstAlloc))
	d.blocks(4*n, func(b []byte) {
		for ; len(b) >= 4; b = b[4:] {
			list = append(list, math.Float32frombits(binary.LittleEndian.Uint32(b)))
		}
	})
	return list
}

func (d *decoder) float64s(n uint64) []float64 {
	list := make([]float64, 0, min(n, firstAlloc))
	d.blocks(8*n, func(b []byte) {
		for ; len(b) >= 8; b = b[8:] {
			list = append(list, math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
	})
	return list
}

func (d *decoder) text(n uint64) string {
	var all []byte
	d.blocks(n, func(b []byte) { all = append(all, b...) })
	return string(all)
}
