package popular

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clicked is what one block added to one key, as of a moment.
type clicked struct {
	counts float64
	at     time.Time
}

func (k clicked) fade(now time.Time) float64 {
	return k.counts * math.Exp2(-now.Sub(k.at).Hours()/(7*24))
}

// TestBlocksAreLimited: whoever clicks whatever as often as they like, a block
// makes up five counts of a key or four and a hundredth of it; what is counted
// is what the table says.
func TestBlocksAreLimited(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, now := NewCounter(Options{}), noon()
		by, sums := map[[2]string]clicked{}, map[string]clicked{}
		blocks := rapid.IntRange(1, 700).Draw(t, "blocks")
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		pause := time.Duration(rapid.IntRange(0, 3600).Draw(t, "pause")) * time.Second
		for range rapid.IntRange(1, 3000).Draw(t, "clicks") {
			now = now.Add(time.Duration(rnd.Int64N(int64(pause) + 1)))
			key, block := string(rune('a'+rnd.IntN(3))), ""
			if rnd.IntN(10) > 0 { // the small numbers click most
				block = fmt.Sprint(rnd.IntN(1 + rnd.IntN(blocks)))
			}
			got := c.AddFrom(block, key, 1, now.UnixMilli())
			if !(got >= 0 && got <= 1) || block == "" && got != 1 {
				t.Fatalf("a click of block %q counts %v", block, got)
			}
			sum, own := sums[key], by[[2]string{block, key}]
			sums[key] = clicked{sum.fade(now) + got, now}
			by[[2]string{block, key}] = clicked{own.fade(now) + got, now}
			has, all := own.fade(now)+got, sum.fade(now)+got
			if block != "" && has > 1e-6+max(freeCounts+blockOnce, freeCounts+blockShare*all) {
				t.Fatalf("block %s makes up %v of the %v of %s", block, has, all, key)
			}
		}
		for _, e := range c.Table(now).ByKey() {
			if want := sums[e.Key].fade(now); math.Abs(e.Weight-want) > 1e-6*want {
				t.Fatalf("%s weighs %v, want the %v that were counted", e.Key, e.Weight, want)
			}
		}
	})
}

func TestOneBlockAloneReachesFive(t *testing.T) {
	c := NewCounter(Options{})
	for range 1000 {
		c.AddFrom("203.0.113", "target", 1, noon().UnixMilli())
	}
	if e := c.Table(noon()).Entries()[0]; e.Weight != 5 || e.recent != 5 {
		t.Errorf("one block makes %v, lately %v; want 5", e.Weight, e.recent)
	}
	c.Add("target", 995, noon().UnixMilli())
	for range 1000 {
		c.AddFrom("198.51.100", "target", 1, noon().UnixMilli())
	}
	if e := c.Table(noon()).Entries()[0]; e.Weight < 1009 || e.Weight > 1011 {
		t.Errorf("a block more makes it %v, want a hundredth more than 1000", e.Weight)
	}
}

// TestManyBlocksCountInFull: those whom the bound is not meant for do not feel
// it, also when more blocks come than are remembered.
func TestManyBlocksCountInFull(t *testing.T) {
	for _, clicks := range []int{20, 200, 500, 2000, 20_000} {
		c, now := NewCounter(Options{}), noon()
		for n := range clicks {
			now = now.Add(7 * 24 * time.Hour / time.Duration(clicks))
			c.AddFrom(fmt.Sprint(n), "k", 1, now.UnixMilli())
		}
		all := float64(clicks) / 2 / math.Ln2 // of a week at an even pace
		if got := c.Table(now).Entries()[0].Weight; got < .97*all || got > 1.05*all {
			t.Errorf("%d clicks of as many blocks weigh %v, want about %v", clicks, got, all)
		}
	}
}

// crowded is a shop of 300 items, clicked like 10,000/rank from as many
// networks over the last week.
func crowded() (*Counter, func(rank int) string) {
	c, rnd := NewCounter(Options{}), rand.New(rand.NewPCG(7, 7))
	name := func(rank int) string { return fmt.Sprintf("item%04d", rank) }
	for rank := 1; rank <= 300; rank++ {
		for n := range 10_000 / rank {
			ago := time.Duration(rnd.Int64N(int64(7 * 24 * time.Hour)))
			c.AddFrom(fmt.Sprintf("net%d-%d", rank, n), name(rank), 1, noon().Add(-ago).UnixMilli())
		}
	}
	return c, name
}

func place(list []Entry, key string) int {
	for n := range list {
		if list[n].Key == key {
			return n + 1
		}
	}
	return len(list) + 1
}

// TestNobodySteers: 10,000 clicks from 10 networks move an item of a list by at
// most one place, and bring a new one nowhere near it.
func TestNobodySteers(t *testing.T) {
	whole, name := crowded()
	state := whole.Encode(nil)
	for _, rank := range []int{3, 10, 18, 200} {
		c, err := Decode(state, Options{})
		if err != nil {
			t.Fatal(err)
		}
		target := name(rank)
		before := place(c.Table(noon()).Entries(), target)
		for n := range 10_000 {
			c.AddFrom(fmt.Sprintf("attacker%d", n%10), target, 1, noon().UnixMilli())
			c.AddFrom(fmt.Sprintf("attacker%d", n%10), "new", 1, noon().UnixMilli())
		}
		after := c.Table(noon())
		if got := place(after.Entries(), target); rank < 20 && (before-got > 1 || got > before) {
			t.Errorf("the item moved from place %d to %d", before, got)
		} else if rank >= 20 && got < 100 {
			t.Errorf("an item of the tail moved from place %d to %d", before, got)
		}
		if got := place(after.Entries(), "new"); got < 290 {
			t.Errorf("a new item came to place %d", got)
		}
		if e := after.Entries()[place(after.Entries(), "new")-1]; e.Weight > freeCounts+10*blockOnce+1e-9 {
			t.Errorf("10 networks gave a new item %v counts", e.Weight)
		}
	}
}

// TestBlocksAreBounded: what is remembered of blocks is bounded over all keys,
// and forgetting lets no block above its share of a popular key.
func TestBlocksAreBounded(t *testing.T) {
	c := NewCounter(Options{})
	for range 300 {
		c.AddFrom("attacker", "popular", 1, noon().UnixMilli())
	}
	for range 21 {
		c.Add("popular", 1000, noon().UnixMilli())
	}
	most, cut := 0, false
	for key := range 600 {
		for n := range 256 + freeCounts {
			c.AddFrom(fmt.Sprintf("%d-%d", key, n), fmt.Sprint("k", key), 1, noon().UnixMilli())
			cut = cut || c.listed < most
			most = max(most, c.listed)
		}
		for range 10 {
			c.AddFrom("attacker", "popular", 1, noon().UnixMilli())
		}
	}
	listed := 0
	for _, e := range c.cells {
		if e.blocks != nil {
			listed += len(e.blocks.list)
		}
	}
	if !cut || most > maxBlocks || listed != c.listed {
		t.Fatalf("at most %d blocks were listed, now %d, counted as %d", most, listed, c.listed)
	}
	e := c.Table(noon()).Entries()[0]
	if by := e.Weight - 21_000; by > .0101*e.Weight+freeCounts || by < 100 {
		t.Errorf("the attacker makes up %v of %v", by, e.Weight)
	}
}

func TestCheckpointOfBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		blocks := rapid.IntRange(1, 400).Draw(t, "blocks")
		hours := rapid.SampledFrom([]int{1, 100, 50_000}).Draw(t, "hours") // the last rescales the sums
		now := noon()
		click := func(cs ...*Counter) {
			now = now.Add(time.Duration(rnd.IntN(hours)) * time.Hour)
			key, block := string(rune('a'+rnd.IntN(4))), fmt.Sprint(rnd.IntN(blocks))
			for _, c := range cs {
				c.AddFrom(block, key, 1, now.UnixMilli())
			}
		}
		a := NewCounter(Options{})
		for range rapid.IntRange(0, 1500).Draw(t, "before") {
			click(a)
		}
		b, err := Decode(a.Encode(nil), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 500).Draw(t, "after") {
			click(a, b)
		}
		if !bytes.Equal(a.Encode(nil), b.Encode(nil)) {
			t.Fatal("the restored counter counts differently")
		}
	})
}

// TestOldCheckpoint: one that was written before blocks were listed counts on.
func TestOldCheckpoint(t *testing.T) {
	old := []byte{codecNoBlocks}
	for range 2 {
		old = binary.LittleEndian.AppendUint64(append(old, 1), uint64(noon().UnixMilli()))
	}
	old = appendSums(append(old, 1, 1, 'k'), 9, 3)
	old = binary.LittleEndian.AppendUint32(old, crc32.Checksum(old, castagnoli()))
	c, err := Decode(old, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.AddFrom("b", "k", 1, noon().UnixMilli()); got != 1 {
		t.Errorf("a click counts %v", got)
	}
	if e := c.Table(noon()).Entries()[0]; e.Weight != 10 || e.recent != 4 {
		t.Errorf("%+v, want 9 and 3 and one more each", e)
	}
}
