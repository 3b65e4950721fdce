package embedded

import (
	"bytes"
	"cmp"
	"testing"

	"pgregory.net/rapid"
)

// drawKey is a key as this package makes it, or one that ends anywhere: pebble
// cuts and changes keys for its indexes.
func drawKey(rt *rapid.T, name string) []byte {
	space := rapid.SampledFrom([]byte{spaceSession, spaceHistory, spaceLog, spaceVisitor, spaceItem, 0, 0xff}).Draw(rt, name+" space")
	key := prefix(nil, space, rapid.SliceOfN(drawPart(), 0, 4).Draw(rt, name)...)
	key = append(key, rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 'a', 0x80, 0xff}), 0, 6).Draw(rt, name+" tail")...)
	return key[:rapid.IntRange(0, len(key)).Draw(rt, name+" length")]
}

// What pebble asks of a Split: names order keys before what follows them, and a
// name alone is the first key of its partition.
func TestPartitionsKeepTheOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := drawKey(rt, "a"), drawKey(rt, "b")
		if rapid.Bool().Draw(rt, "same start") {
			b = append(bytes.Clone(a[:rapid.IntRange(0, len(a)).Draw(rt, "common")]), b...)
		}
		na, nb := partition(a), partition(b)
		want := cmp.Or(bytes.Compare(a[:na], b[:nb]), bytes.Compare(a[na:], b[nb:]))
		if got := bytes.Compare(a, b); got != want {
			rt.Fatalf("%q and %q compare %d, their partitions and rests %d", a, b, got, want)
		}
		if partition(a[:na]) != na {
			rt.Fatalf("the name of the partition of %q is not its own", a)
		}
	})
}

func TestNextPartition(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := drawKey(rt, "a"), drawKey(rt, "b")
		p := a[:partition(a)]
		if bytes.Equal(p, bytes.Repeat([]byte{0xff}, len(p))) {
			return // nothing comes behind, and no key is like that
		}
		next := nextPartition([]byte("x"), p)[1:]
		if bytes.Compare(p, next) >= 0 || partition(next) != len(next) {
			rt.Fatalf("%q comes behind %q", next, p)
		}
		if q := b[:partition(b)]; bytes.Compare(p, q) < 0 && bytes.Compare(q, next) < 0 {
			rt.Fatalf("%q lies between %q and %q", q, p, next)
		}
		if bytes.Compare(a, next) >= 0 {
			rt.Fatalf("%q is not behind %q", next, a)
		}
	})
}

func TestPartitions(t *testing.T) {
	for _, test := range []struct {
		key  []byte
		name []byte
	}{
		{eventKey(prefix(nil, spaceSession, "s", "v", "x"), 5, "e"), prefix(nil, spaceSession, "s", "v", "x")},
		{eventKey(prefix(nil, spaceHistory, "s", "v"), 5, "e"), prefix(nil, spaceHistory, "s", "v")},
		{logKey(nil, "s", 1, 2), prefix(nil, spaceLog, "s")},
		{prefix(nil, spaceVisitor, "s", "v"), prefix(nil, spaceVisitor, "s", "v")},
		{prefix(nil, spaceSession, "s", "v"), prefix(nil, spaceSession, "s", "v")},
		{nil, nil},
	} {
		if got := test.key[:partition(test.key)]; !bytes.Equal(got, test.name) {
			t.Errorf("the partition of %q is %q, not %q", test.key, got, test.name)
		}
	}
}
