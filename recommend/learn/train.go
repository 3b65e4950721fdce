package learn

import (
	"context"
	"fmt"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/rows"
	"github.com/nextbest/nextbest/session/event"
)

// Source is what a training reads and how.
type Source struct {
	Site  string
	Log   Log
	Group func(itemID string) string // the unit of ranking; nil means the item itself
	// Listed reports whether an item, as Group names it, may still be
	// recommended; nil means every item. The others are taken out of the
	// sessions before anything is learnt from them: what remains is joined as if
	// they had not been there, and no place in a row is lost to them.
	Listed  func(item string) bool
	Now     func() time.Time
	Workers int            // goroutines of Train; 1 when zero
	Spill   corpus.Options // where what does not fit into memory goes
}

// Train makes the item-item rows of the whole kept log's sessions. The errors
// are those of Sessions.
func Train(ctx context.Context, src Source, params rows.Params, progress func(records int)) (*rows.Model, error) {
	c, err := Sessions(ctx, src, progress)
	if err != nil {
		return nil, err
	}
	m, err := rows.Train(ctx, c, params, &rows.BuildOptions{TrainedAt: src.Now(), Workers: src.Workers})
	if closed := c.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, fmt.Errorf("train the rows: %w", err)
	}
	return m, nil
}

// Sessions reads the whole kept log and makes the corpus of its sessions of two
// or more items. The memory it takes does not grow with the log, only with the
// number of items; the rest goes to temporary files. The order of the log does
// not matter: the same events make the same corpus. progress is called with the
// number of records read so far and may be nil. A log without a single such
// session is a fault.Invalid (code nothing_to_train).
func Sessions(ctx context.Context, src Source, progress func(records int)) (*corpus.Corpus, error) {
	packed := newPacked(src.Spill)
	defer packed.drop()
	bots, err := readLog(ctx, src, packed, progress)
	if err != nil {
		return nil, err
	}
	b := corpus.NewBuilder(src.Spill)
	err = packed.sessions(ctx, func(s *logged) {
		for _, entries := range s.visits() {
			if items, end := src.itemsOf(entries); len(items) >= 2 {
				b.Add(items, float64(end)/msPerDay)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if b.Sessions() == 0 {
		return nil, nothing(src.Site, bots)
	}
	c, err := b.Build(ctx)
	if err != nil {
		return nil, fmt.Errorf("collect the sessions: %w", err)
	}
	return c, nil
}

// nothing says why there is nothing to train on.
func nothing(site string, bots int) error {
	f := fault.Invalidf("nothing_to_train", "the log of site %q holds no session with two items yet: import events or wait for visitors", site)
	if bots > 0 {
		f.Detail += fmt.Sprintf("; %d events of automatic clients (curl under a publishable key is one) were left out", bots)
	}
	return f
}

const scanBatch = 5000

// readLog packs the log's engagements; bots is the number of events left out.
func readLog(ctx context.Context, src Source, into *packed, progress func(int)) (bots int, err error) {
	var cursor event.Cursor
	for read := 0; ; {
		next, n, err := src.Log.ScanLog(ctx, src.Site, cursor, scanBatch, func(r event.Record) error {
			if r.Bot {
				bots++
				return nil
			}
			return into.add(&r)
		})
		if err != nil {
			return bots, fmt.Errorf("scan the log: %w", err)
		}
		read += n
		if progress != nil {
			progress(read)
		}
		if n < scanBatch {
			return bots, nil
		}
		cursor = next
	}
}
