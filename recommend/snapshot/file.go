package snapshot

import (
	"bytes"
	"encoding/binary"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

// File is an opened snapshot: immutable, safe for any number of readers. The
// slices it gives out are views of its memory: they end with Close.
type File struct {
	data     []byte
	format   uint32
	checksum uint64
	size     int64
	sections []section
	unmap    func() error // nil when the bytes are the caller's or the heap's
}

// Parse reads a snapshot that is in memory. The File refers to b, which must
// stay as it is; only when b does not start at a multiple of 8 is it copied.
// The error is a fault of kind Invalid with the code model_file; no bytes make
// it panic, and it allocates in proportion to the number of sections.
func Parse(b []byte, kind string) (*File, error) {
	if uintptr(unsafe.Pointer(unsafe.SliceData(b)))%8 != 0 {
		aligned := rawOf(make([]float64, len(b)/8+1))
		b = aligned[:copy(aligned, b)]
	}
	f := &File{data: b, size: int64(len(b))}
	count, err := f.parseHeader(kind)
	if err != nil {
		return nil, err
	}
	if err := f.parseTable(count); err != nil {
		return nil, err
	}
	sum := xxhash.New()
	sum.Write(b[:checksumAt])
	sum.Write(b[checksumAt+8:])
	if sum.Sum64() != f.checksum {
		return nil, corrupt("the checksum does not match: the file is damaged")
	}
	return f, nil
}

// parseHeader checks everything before the table and returns the number of
// sections.
func (f *File) parseHeader(kind string) (int, error) {
	b := f.data
	if len(b) < headerSize {
		return 0, corrupt("it ends within the header")
	}
	want := make([]byte, 8)
	copy(want, kind)
	copy(want[maxKind:], "\r\n")
	f.checksum = binary.LittleEndian.Uint64(b[checksumAt:])
	f.format = binary.LittleEndian.Uint32(b[8:])
	count := binary.LittleEndian.Uint32(b[12:])
	size := binary.LittleEndian.Uint64(b[16:])
	switch {
	case !bytes.Equal(b[:8], want):
		return 0, corrupt("it does not start as a model of kind %s does", kind)
	case count == 0 || count > maxSections:
		return 0, corrupt("its format %d is not one that this program reads: train the model again", f.format)
	case size != uint64(len(b)):
		return 0, corrupt("it has %d bytes and should have %d", len(b), size)
	case len(b) < headerSize+entrySize*int(count):
		return 0, corrupt("it ends within the table of sections")
	}
	for _, x := range b[checksumAt+8 : headerSize] {
		if x != 0 {
			return 0, corrupt("its header is damaged")
		}
	}
	return int(count), nil
}

// parseTable reads the sections: they must follow each other without gaps and
// end where the file ends.
func (f *File) parseTable(count int) error {
	at := uint64(headerSize + entrySize*count)
	for n := range count {
		entry := f.data[headerSize+entrySize*n:][:entrySize]
		s := section{
			name:   string(bytes.TrimRight(entry[:maxName], "\x00")),
			code:   binary.LittleEndian.Uint32(entry[maxName:]),
			offset: binary.LittleEndian.Uint64(entry[40:]),
			size:   binary.LittleEndian.Uint64(entry[48:]),
		}
		width := sizeOf(s.code)
		if s.name == "" || width == 0 || s.offset != at || s.size > uint64(len(f.data))-at ||
			padded(s.size) > uint64(len(f.data))-at || s.size%uint64(width) != 0 {
			return corrupt("its section %d is impossible", n)
		}
		if f.find(s.name) != nil {
			return corrupt("its section %q is there twice", s.name)
		}
		s.data = f.data[at:][:s.size:s.size]
		f.sections = append(f.sections, s)
		at += padded(s.size)
	}
	if at != uint64(len(f.data)) {
		return corrupt("there are bytes after its last section")
	}
	return nil
}

func (f *File) find(name string) *section {
	for n := range f.sections {
		if f.sections[n].name == name {
			return &f.sections[n]
		}
	}
	return nil
}

// Slice is a section as a view of the file's memory: read only, valid until
// Close. The error is a fault of kind Invalid (code model_file) when the file
// has no such section or it holds other elements than T.
func Slice[T Element](f *File, name string) ([]T, error) {
	s := f.find(name)
	if s == nil {
		return nil, corrupt("it has no section %q", name)
	}
	code, size := typeOf[T]()
	if s.code != code {
		return nil, corrupt("its section %q holds other elements", name)
	}
	data := s.data
	if !littleEndian() {
		data = swapped(data, size)
	}
	if len(data) == 0 {
		return nil, nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(data))), len(data)/size), nil
}

// Text is a section that was added as a string; as Slice otherwise.
func Text(f *File, name string) (string, error) {
	b, err := Slice[uint8](f, name)
	if err != nil || len(b) == 0 {
		return "", err
	}
	return unsafe.String(unsafe.SliceData(b), len(b)), nil
}

// Version names the content: 16 hex digits of the checksum.
func (f *File) Version() string { return hex64(f.checksum) }

// Checksum is the checksum over the whole file.
func (f *File) Checksum() uint64 { return f.checksum }

// Size is the size of the file in bytes.
func (f *File) Size() int64 { return f.size }

// Format is the version of the model's sections, as given to NewWriter.
func (f *File) Format() uint32 { return f.format }

// Close gives the memory back: nothing that came from the File may be used
// any more. The caller sees to it that no reader is left.
func (f *File) Close() error {
	if f.unmap == nil {
		return nil
	}
	unmap := f.unmap
	f.unmap, f.data, f.sections = nil, nil, nil
	return unmap()
}
