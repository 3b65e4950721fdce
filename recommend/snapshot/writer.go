package snapshot

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/internal/fault"
)

// Writer collects sections and writes them as one file. Not safe for
// concurrent use.
type Writer struct {
	kind     string
	format   uint32
	sections []section
	err      error // the first thing that could not be added
}

// section is one named list of numbers in the file.
type section struct {
	name   string
	code   uint32
	offset uint64 // from the file's begin, in bytes
	size   uint64 // in bytes, without padding
	data   []byte // as the file holds it
}

// NewWriter starts a file: kind says which model it is (1 to 6 ASCII bytes,
// such as NBROWS), format the version of that model's sections.
func NewWriter(kind string, format uint32) *Writer {
	w := &Writer{kind: kind, format: format}
	if len(kind) == 0 || len(kind) > maxKind {
		w.err = fault.New(fault.Internal, "model_kind", "a model's kind has 1 to %d bytes, not %q", maxKind, kind)
	}
	return w
}

// Add adds a section: a []uint8, []int8, []uint16, []uint32, []float32,
// []float64 or a string. The data are not copied: they must stay as they are
// until the Writer is no longer used. A name of 1 to 32 bytes is used once. What
// cannot be added is reported by WriteTo.
func (w *Writer) Add(name string, data any) {
	switch list := data.(type) {
	case []uint8:
		add(w, name, list)
	case []int8:
		add(w, name, list)
	case []uint16:
		add(w, name, list)
	case []uint32:
		add(w, name, list)
	case []float32:
		add(w, name, list)
	case []float64:
		add(w, name, list)
	case string:
		add(w, name, bytesOf(list))
	default:
		w.refuse("section %q cannot hold a %T", name, data)
	}
}

func (w *Writer) refuse(format string, args ...any) {
	if w.err == nil {
		w.err = fault.New(fault.Internal, "model_section", format, args...)
	}
}

func add[T Element](w *Writer, name string, list []T) {
	for _, s := range w.sections {
		if s.name == name {
			w.refuse("section %q is added twice", name)
		}
	}
	if len(name) == 0 || len(name) > maxName || len(w.sections) == maxSections {
		w.refuse("section %q: a name has 1 to %d bytes and a file at most %d sections", name, maxName, maxSections)
	}
	code, size := typeOf[T]()
	data := rawOf(list)
	if !littleEndian() {
		data = swapped(data, size)
	}
	w.sections = append(w.sections, section{name: name, code: code, size: uint64(len(data)), data: data})
}

// place gives every section its offset and returns the size of the file.
func (w *Writer) place() uint64 {
	at := uint64(headerSize + entrySize*len(w.sections))
	for n := range w.sections {
		w.sections[n].offset = at
		at += padded(w.sections[n].size)
	}
	return at
}

// Size is the size of the file in bytes.
func (w *Writer) Size() int64 { return int64(w.place()) }

// Version names the content: 16 hex digits of the file's checksum.
func (w *Writer) Version() string { return hex64(w.Checksum()) }

// Checksum is the file's checksum; it reads all sections.
func (w *Writer) Checksum() uint64 { return binary.LittleEndian.Uint64(w.head()[checksumAt:]) }

// head is the header and the table of sections, with the checksum.
func (w *Writer) head() []byte {
	size := w.place()
	head := make([]byte, headerSize, headerSize+entrySize*len(w.sections))
	copy(head, w.kind)
	copy(head[maxKind:], "\r\n")
	binary.LittleEndian.PutUint32(head[8:], w.format)
	binary.LittleEndian.PutUint32(head[12:], uint32(len(w.sections)))
	binary.LittleEndian.PutUint64(head[16:], size)
	for _, s := range w.sections {
		var entry [entrySize]byte
		copy(entry[:maxName], s.name)
		binary.LittleEndian.PutUint32(entry[maxName:], s.code)
		binary.LittleEndian.PutUint64(entry[40:], s.offset)
		binary.LittleEndian.PutUint64(entry[48:], s.size)
		head = append(head, entry[:]...)
	}
	sum := xxhash.New()
	sum.Write(head[:checksumAt])
	sum.Write(head[checksumAt+8:])
	w.body(sum) // a hash never fails
	binary.LittleEndian.PutUint64(head[checksumAt:], sum.Sum64())
	return head
}

func (w *Writer) body(out io.Writer) (written int64, err error) {
	var zeros [align]byte
	for _, s := range w.sections {
		n, err := out.Write(s.data)
		written += int64(n)
		if err != nil {
			return written, err
		}
		n, err = out.Write(zeros[:padded(s.size)-s.size])
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// WriteTo writes the whole file and returns the bytes written. The error is
// that of an Add that could not be done, or out's.
func (w *Writer) WriteTo(out io.Writer) (int64, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := out.Write(w.head())
	if err != nil {
		return int64(n), fmt.Errorf("writing the model's header: %w", err)
	}
	body, err := w.body(out)
	if err != nil {
		return int64(n) + body, fmt.Errorf("writing the model's sections: %w", err)
	}
	return int64(n) + body, nil
}
