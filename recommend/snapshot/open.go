package snapshot

import (
	"errors"
	"fmt"
	"math"
	"os"
)

// Open maps the file at path into memory (systems without mapping read it) and
// verifies it as Parse does, checksum included. The file must not be changed
// while it is open: a new version is written beside it and renamed. The error
// is a fault of kind Invalid (code model_file) when it is no snapshot of this
// kind, else the system's.
func Open(path string, kind string) (*File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the model: %w", err)
	}
	defer in.Close() // a mapping outlives its descriptor
	info, err := in.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening the model: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() < headerSize || info.Size() > math.MaxInt {
		return nil, corrupt("it is no file of a model's size")
	}
	data, unmap, err := mapFile(in, int(info.Size()))
	if err != nil {
		return nil, fmt.Errorf("mapping the model: %w", err)
	}
	f, err := Parse(data, kind)
	if err != nil {
		if unmap != nil {
			err = errors.Join(err, unmap())
		}
		return nil, err
	}
	f.unmap = unmap
	return f, nil
}
