package corpus

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/nextbest/nextbest/internal/fault"
)

// element is what the arrays of a corpus hold.
type element interface {
	uint8 | uint16 | uint32 | float64
}

// memory hands out arrays: from the heap while its budget lasts, then from
// temporary files that are mapped into memory. The files have no name any more
// when they are used, so nothing is left behind however the program ends, and
// what they hold is the system's to write out when memory is short.
type memory struct {
	dir    string
	left   int64 // bytes of heap that may still be handed out
	blocks []block
}

// block is one piece of memory outside the heap.
type block struct{ unmap func() error }

// alloc is a zeroed array of n elements.
func alloc[T element](m *memory, n int) ([]T, error) {
	size := int64(n) * int64(unsafe.Sizeof(*new(T)))
	if size <= m.left {
		m.left -= size
		return make([]T, n), nil
	}
	data, unmap, err := mapTemp(m.dir, int(size))
	if err != nil {
		return nil, full(err)
	}
	if unmap != nil {
		m.blocks = append(m.blocks, block{unmap})
	}
	return view[T](data), nil
}

// full is the error of temporary space that could not be had.
func full(err error) error {
	return fault.Unavailablef("temporary_space", "there is no temporary space to train with: free some or name another folder").
		Because(fmt.Errorf("using a temporary file: %w", err))
}

// view is bytes as elements; bytes must start at a multiple of 8.
func view[T element](data []byte) []T {
	if len(data) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(data))), len(data)/int(unsafe.Sizeof(*new(T))))
}

// raw is a slice's memory as bytes.
func raw[T element](list []T) []byte {
	if len(list) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(list))), len(list)*int(unsafe.Sizeof(*new(T))))
}

// release gives blocks back.
func release(blocks []block) error {
	var all []error
	for _, b := range blocks {
		all = append(all, b.unmap())
	}
	return errors.Join(all...)
}
