package embedded

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"
)

// comparer orders keys by their bytes and tells pebble which part of a key
// names its partition. The bloom filters hold partitions, so that a read of one
// that does not exist (a new visitor's session or history) is answered by them
// alone. The files of a store carry the name: another division needs another.
func comparer() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = "nextbest.partitions"
	c.Split = partition
	c.ImmediateSuccessor = nextPartition
	return &c
}

// partition is the length of the part of a key that names its partition: a
// session, an owner's history, a site's log; elsewhere every key is its own. A
// key that ends early is whole too. So no partition's name begins with that of
// another, which keeps the order of bytes the order of partitions.
func partition(key []byte) int {
	parts := 0
	if len(key) > 0 {
		switch key[0] {
		case spaceSession:
			parts = 3
		case spaceHistory:
			parts = 2
		case spaceLog:
			parts = 1
		}
	}
	if parts == 0 {
		return len(key)
	}
	at := 1
	for range parts {
		n, size := binary.Uvarint(key[at:])
		if size <= 0 || n > uint64(len(key)-at-size) {
			return len(key)
		}
		at += size + int(n)
	}
	return at
}

// nextPartition appends the smallest name of a partition behind that of p.
func nextPartition(dst, p []byte) []byte {
	start := len(dst)
	dst = append(append(dst, p...), 0)
	if partition(dst[start:]) > len(p) { // of such keys each is its own
		return dst
	}
	return append(dst[:start], after(p)...)
}

// readTogether keeps the values beside their keys, in all of the store. By
// itself pebble takes rows of one partition for old versions of its first row
// and moves their values out of the way.
func readTogether([]byte) (pebble.SpanPolicy, []byte, error) {
	return pebble.SpanPolicy{
		DisableValueSeparationBySuffix: true,
		ValueStoragePolicy:             pebble.ValueStorageLowReadLatency,
	}, nil, nil
}
