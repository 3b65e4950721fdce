package corpus

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// canSpill says whether this system maps temporary files.
const canSpill = true

// tempFile is a new file in dir without a name.
func tempFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "nextbest-*")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}

// mapTemp is size bytes of zeros in a temporary file, mapped into memory. The
// space is taken at once: a page of a mapping that finds the disk full later
// would end the program.
func mapTemp(dir string, size int) (data []byte, unmap func() error, err error) {
	f, err := tempFile(dir)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() // a mapping outlives its descriptor
	if err := reserve(f, int64(size)); err != nil {
		return nil, nil, err
	}
	return mapFile(f, size)
}

// mapFile maps the first size bytes of a file, 0 bytes as nothing.
func mapFile(f *os.File, size int) (data []byte, unmap func() error, err error) {
	if size == 0 {
		return nil, nil, nil
	}
	data, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return data, func() error { return unix.Munmap(data) }, nil
}

// reserve makes a file size bytes long with all its blocks on disk. File
// systems that cannot reserve are written to instead.
func reserve(f *os.File, size int64) error {
	if size == 0 {
		return nil
	}
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	for errors.Is(err, unix.EINTR) {
		err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	}
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	zeros := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(size-at, int64(len(zeros)))], at); err != nil {
			return err
		}
	}
	return nil
}
