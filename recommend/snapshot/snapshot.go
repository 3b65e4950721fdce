// Package snapshot is the file of a model: named sections of numbers, aligned
// to 64 bytes and little endian, under one checksum, so that a file of any size
// is opened by mapping it into memory and nothing is decoded.
//
// Layout: a header of 64 bytes, the table of sections (64 bytes each), then the
// sections in the order they were added, each padded with zeros to 64 bytes.
package snapshot

import (
	"encoding/binary"
	"unsafe"

	"github.com/nextbest/nextbest/internal/fault"
)

const (
	align       = 64
	headerSize  = 64
	entrySize   = 64
	maxKind     = 6
	maxName     = 32
	maxSections = 1 << 10
	checksumAt  = 24 // in the header: the last thing that is written into it
)

// Element is what a section may hold.
type Element interface {
	uint8 | int8 | uint16 | uint32 | float32 | float64
}

// kinds of elements as the file names them; the value is what a reader must ask
// for, so that a section of floats is never taken for one of integers.
const (
	typeUint8 uint32 = iota + 1
	typeInt8
	typeUint16
	typeUint32
	typeFloat32
	typeFloat64
)

// typeOf is the code and the size in bytes of an element type.
func typeOf[T Element]() (code uint32, size int) {
	var x T
	switch any(x).(type) {
	case uint8:
		code = typeUint8
	case int8:
		code = typeInt8
	case uint16:
		code = typeUint16
	case uint32:
		code = typeUint32
	case float32:
		code = typeFloat32
	default:
		code = typeFloat64
	}
	return code, int(unsafe.Sizeof(x))
}

// sizeOf is the size in bytes of an element with this code, 0 for no code.
func sizeOf(code uint32) int {
	switch code {
	case typeUint8, typeInt8:
		return 1
	case typeUint16:
		return 2
	case typeUint32, typeFloat32:
		return 4
	case typeFloat64:
		return 8
	}
	return 0
}

// littleEndian reports whether this machine's numbers are the file's.
func littleEndian() bool { return binary.NativeEndian.Uint16([]byte{1, 0}) == 1 }

// rawOf is a slice's memory as bytes.
func rawOf[T Element](list []T) []byte {
	if len(list) == 0 {
		return nil
	}
	_, size := typeOf[T]()
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(list))), len(list)*size)
}

// swapped is a copy of b with the bytes of every element reversed: what a
// machine of the other byte order reads and writes.
func swapped(b []byte, size int) []byte {
	out := make([]byte, len(b))
	for at := 0; at+size <= len(b); at += size {
		for n := range size {
			out[at+n] = b[at+size-1-n]
		}
	}
	return out
}

func padded(n uint64) uint64 { return (n + align - 1) &^ (align - 1) }

func corrupt(format string, args ...any) error {
	return fault.Invalidf("model_file", "not a usable model file: "+format, args...)
}

func hex64(x uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[x>>(60-4*i)&15]
	}
	return string(b[:])
}

// bytesOf is a string's memory; it is only read.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
