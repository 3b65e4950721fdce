package embedded

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/nextbest/nextbest/internal/fault"
)

// Durability is what an acknowledged write survives.
type Durability uint8

// The modes. OS is the zero value: the default.
const (
	OS     Durability = iota // handed to the kernel: survives kill -9, not a power cut
	Disk                     // synced to the disk: survives a power cut
	Memory                   // in this process: a crash loses at most the last second
)

// ParseDurability reads "memory", "os" or "disk"; anything else is a
// fault.Invalid.
func ParseDurability(word string) (Durability, error) {
	for _, d := range []Durability{OS, Disk, Memory} {
		if d.String() == word {
			return d, nil
		}
	}
	return OS, fault.Invalidf("durability", "durability is memory, os or disk, not %q", word)
}

// String is the mode's word in answers and options.
func (d Durability) String() string {
	switch d {
	case Disk:
		return "disk"
	case Memory:
		return "memory"
	default:
		return "os"
	}
}

// Files is where a store has its files.
type Files struct{ fs vfs.FS }

// MemoryFiles keeps files in memory, where they outlive the stores that are
// opened on them: fast tests that open a store again.
func MemoryFiles() *Files { return &Files{vfs.NewMem()} }

// walFS is the file system for a mode. Without its own Sync a commit of pebble
// stays in a buffer of this process and dies with it, so every mode but Memory
// commits with Sync. In OS and Memory the syncs of the write-ahead log then do
// nothing: the bytes were handed to the kernel, and nobody waits for the disk.
// Tables and manifests are always synced.
func walFS(fs vfs.FS, d Durability) vfs.FS {
	if d == Disk {
		return fs
	}
	return lazyFS{fs}
}

type lazyFS struct{ vfs.FS }

func (f lazyFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	return lazy(name, file, err)
}

func (f lazyFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.OpenReadWrite(name, category, opts...)
	return lazy(name, file, err)
}

func (f lazyFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(oldname, newname, category)
	return lazy(newname, file, err)
}

// Unwrap lets pebble find the file system below.
func (f lazyFS) Unwrap() vfs.FS { return f.FS }

func lazy(name string, file vfs.File, err error) (vfs.File, error) {
	if err != nil || !strings.HasSuffix(name, ".log") {
		return file, err
	}
	return lazyFile{file}, nil
}

// lazyFile is a write-ahead log whose writes reach the kernel and no further.
type lazyFile struct{ vfs.File }

func (lazyFile) Sync() error                { return nil }
func (lazyFile) SyncData() error            { return nil }
func (lazyFile) SyncTo(int64) (bool, error) { return true, nil }
