//go:build !linux

package corpus

import (
	"errors"
	"os"
)

// canSpill says whether this system maps temporary files: elsewhere than on
// Linux space cannot be reserved for a mapping, and everything stays in the
// heap.
const canSpill = false

func tempFile(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func mapFile(*os.File, int) (data []byte, unmap func() error, err error) {
	return nil, nil, errors.ErrUnsupported
}

// mapTemp is size bytes of the heap, aligned as the largest element.
func mapTemp(_ string, size int) (data []byte, unmap func() error, err error) {
	return raw(make([]float64, (size+7)/8))[:size], nil, nil
}
