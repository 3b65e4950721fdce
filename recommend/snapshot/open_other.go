//go:build !unix

package snapshot

import (
	"io"
	"os"
)

// mapFile reads size bytes of a file into the heap: this system maps no files.
func mapFile(f *os.File, size int) (data []byte, unmap func() error, err error) {
	data = make([]byte, size)
	_, err = io.ReadFull(f, data)
	return data, nil, err
}
