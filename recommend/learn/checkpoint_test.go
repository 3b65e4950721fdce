package learn

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/nextbest/nextbest/recommend/popular"
	"github.com/nextbest/nextbest/session/event"
)

// grown is a learner that has seen a few sessions.
func grown() *Learner {
	l := &Learner{}
	l.reset()
	l.cursor = event.Cursor("here")
	l.pairs.know(old)
	for n := range 12 {
		for _, item := range []string{"a", "b", "NEW", string(rune('A' + n))} {
			visitor, block := fmt.Sprint(n/2), fmt.Sprint(n%5)
			l.counted.add(visitor, item)
			l.counter.AddFrom(block, item, 1, noonMS())
			l.pairs.add(look{visitor: visitor, session: fmt.Sprint(n), block: block, item: item, counted: 1, at: noonMS()})
		}
	}
	return l
}

func TestDamagedCheckpoint(t *testing.T) {
	state := grown().state()
	l := &Learner{}
	if err := l.restore(state); err != nil || !bytes.Equal(l.state(), state) {
		t.Fatalf("the state is not the one that was written: %v", err)
	}
	for n := range state {
		bad := bytes.Clone(state)
		bad[n] ^= 0x20
		if l.restore(bad) == nil {
			t.Fatalf("byte %d turned and nobody noticed", n)
		}
		if l.restore(state[:n]) == nil {
			t.Fatalf("cut to %d bytes and nobody noticed", n)
		}
	}
	if !bytes.Equal(l.state(), state) {
		t.Error("a damaged checkpoint left traces")
	}
}

// TestCheckpointWithoutPairs: one that was written before there were pairs goes
// on with its sums.
func TestCheckpointWithoutPairs(t *testing.T) {
	c := popular.NewCounter(popular.Options{})
	c.Add("lamp", 3, noonMS())
	state := append([]byte{stateNoPairs, 4}, "here"...)
	state = c.Encode(state)
	l := &Learner{}
	if err := l.restore(state); err != nil {
		t.Fatal(err)
	}
	if string(l.cursor) != "here" || l.counter.Len() != 1 || len(l.pairs.pairs) != 0 || !l.counted.add("x") {
		t.Errorf("cursor %q, %d keys", l.cursor, l.counter.Len())
	}
}

// FuzzRestore: whatever the bytes, no panic, and what is taken counts on and is
// written the same way again.
func FuzzRestore(f *testing.F) {
	f.Add(grown().state())
	empty := &Learner{}
	empty.reset()
	f.Add(empty.state())
	f.Add([]byte{stateNoPairs, 0})
	f.Fuzz(func(t *testing.T, state []byte) {
		l := &Learner{}
		if l.restore(state) == nil && state[0] == stateVersion {
			state = state[:len(state)-4]
		}
		state = binary.LittleEndian.AppendUint32(state, crc32.Checksum(state, castagnoli())) // past the checksum
		if l.restore(state) != nil {
			return
		}
		once := l.state()
		if err := l.restore(once); err != nil || !bytes.Equal(l.state(), once) {
			t.Fatalf("written again it is another state: %v", err)
		}
		for n := range 8 {
			l.pairs.add(look{visitor: "v", session: "s", item: string(rune('a' + n)), counted: 1, at: noonMS()})
		}
		l.pairs.evict()
		l.pairs.table(noonMS())
		l.pairs.know(func(string) bool { return true })
		if len(l.pairs.pairs) != 0 {
			t.Fatal("pairs are left that the model knows")
		}
	})
}
