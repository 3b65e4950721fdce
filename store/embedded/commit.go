package embedded

import (
	"runtime"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// groupBytes closes a group to those who come later.
	groupBytes = 1 << 20
	// Nobody came along in so many groups: then only each probeEvery-th looks.
	lonelyGroups = 4
	probeEvery   = 64
)

// committer makes one commit of the batches of calls that come at the same
// time: one write to the kernel, and one passage through pebble. Who comes
// first commits for all; while an earlier commit is under way, a group gathers.
type committer struct {
	turn sync.Mutex // held while a group is committed

	mu     sync.Mutex
	next   *group // still open, nil for none
	lonely int    // groups in a row to which nobody came
}

// group is what is committed together.
type group struct {
	batch *pebble.Batch // of the first; the others are added to it
	calls int
	done  chan struct{} // closed when err is set; made by the second
	err   error
}

// commitGrouped commits a batch together with others that come at the same
// time. It returns when all are durable as the mode says, or none is.
func (s *Store) commitGrouped(doing string, b *pebble.Batch) error {
	c := &s.commits
	c.mu.Lock()
	if g := c.next; g != nil {
		if g.done == nil {
			g.done = make(chan struct{})
		}
		done, err := g.done, g.batch.Apply(b, nil)
		g.calls++
		if err != nil || g.batch.Len() > groupBytes {
			c.next = nil
		}
		if err != nil { // a part of it may have been added
			g.err = err
		}
		c.mu.Unlock()
		<-done
		return g.err
	}
	g := &group{batch: b, calls: 1}
	c.next = g
	c.mu.Unlock()
	return s.lead(doing, g)
}

// lead commits a group when it is its turn.
func (s *Store) lead(doing string, g *group) error {
	c := &s.commits
	c.turn.Lock()
	defer c.turn.Unlock()
	if s.mode != Memory && c.waits() {
		runtime.Gosched()
	}
	c.mu.Lock()
	if c.next == g {
		c.next = nil
	}
	if c.lonely++; g.calls > 1 {
		c.lonely = 0
	}
	c.mu.Unlock()
	if g.err == nil {
		g.err = s.commit(doing, g.batch)
	}
	if g.done != nil {
		close(g.done)
	}
	return g.err
}

// waits reports whether to let others run before a commit. On a single core it
// is the only way to gather more than one call, because whoever is woken by a
// commit runs at once. It is not done where nobody comes, because those who run
// instead may have nothing to commit and take long.
func (c *committer) waits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lonely < lonelyGroups || c.lonely%probeEvery == 0
}
