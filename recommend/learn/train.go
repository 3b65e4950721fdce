package learn

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/rows"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// Source is what Train reads and how.
type Source struct {
	Site  string
	Log   Log
	Group func(itemID string) string // the unit of ranking; nil means the item itself
	Now   func() time.Time
}

// Train reads the whole kept log and makes the item-item rows of its sessions.
// progress is called with the number of records read so far and may be nil. A
// log without a single session of two steps is a fault.Invalid.
func Train(ctx context.Context, src Source, params rows.Params, progress func(records int)) (*rows.Model, error) {
	sessions, bots, err := readSessions(ctx, src, progress)
	if err != nil {
		return nil, err
	}
	b := rows.NewBuilder(params)
	trained := 0
	for _, s := range sessions {
		for _, entries := range s.visits() {
			items, end := itemsOf(entries, src.Group)
			if len(items) < 2 {
				continue
			}
			b.Add(items, float64(end)/msPerDay)
			trained++
		}
	}
	if trained == 0 {
		return nil, nothing(src.Site, bots)
	}
	m, err := b.Build(ctx, &rows.BuildOptions{TrainedAt: src.Now()})
	if err != nil {
		return nil, fmt.Errorf("build the rows: %w", err)
	}
	return m, nil
}

// nothing says why there is nothing to train on.
func nothing(site string, bots int) error {
	f := fault.Invalidf("nothing_to_train", "the log of site %q holds no session with two items yet: import events or wait for visitors", site)
	if bots > 0 {
		f.Detail += fmt.Sprintf("; %d events of automatic clients (curl under a publishable key is one) were left out", bots)
	}
	return f
}

const (
	msPerDay = 24 * 60 * 60 * 1000
	idleMS   = 30 * 60 * 1000
)

// logged is one session of the log: its entries by event, once each.
type logged struct {
	key     session.Key
	entries []session.Entry
	ids     map[string]struct{}
}

// visits are the session's entries in order. Imported events may name no
// session: then a visitor's entries are cut where half an hour passed.
func (s *logged) visits() [][]session.Entry {
	slices.SortFunc(s.entries, func(a, b session.Entry) int { return a.Compare(&b) })
	if s.key.Session != "" {
		return [][]session.Entry{s.entries}
	}
	var out [][]session.Entry
	from := 0
	for i := 1; i < len(s.entries); i++ {
		if s.entries[i].Time-s.entries[i-1].Time > idleMS {
			out = append(out, s.entries[from:i])
			from = i
		}
	}
	return append(out, s.entries[from:])
}

// itemsOf is a visit as the model sees it: steps, oldest first, as groups, and
// when it ended.
func itemsOf(entries []session.Entry, group func(string) string) ([]string, int64) {
	steps := session.Steps(nil, entries)
	items := make([]string, 0, len(steps))
	var end int64
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i].Kind.Weight() <= 0 {
			continue
		}
		id := steps[i].ItemID
		if group != nil {
			id = group(id)
		}
		items = append(items, id)
		end = max(end, steps[i].Time)
	}
	return items, end
}

const scanBatch = 5000

// readSessions collects the log's sessions in the order of their keys, so that
// training twice gives the same model; bots is the number of events left out.
func readSessions(ctx context.Context, src Source, progress func(int)) (sessions []*logged, bots int, err error) {
	byKey := map[session.Key]*logged{}
	var cursor event.Cursor
	for read := 0; ; {
		next, n, err := src.Log.ScanLog(ctx, src.Site, cursor, scanBatch, func(r event.Record) error {
			if r.Bot {
				bots++
				return nil
			}
			collect(byKey, &r)
			return nil
		})
		if err != nil {
			return nil, bots, fmt.Errorf("scan the log: %w", err)
		}
		read += n
		if progress != nil {
			progress(read)
		}
		if n < scanBatch {
			break
		}
		cursor = next
	}
	out := make([]*logged, 0, len(byKey))
	for _, s := range byKey {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *logged) int {
		return cmp.Or(cmp.Compare(a.key.Visitor, b.key.Visitor), cmp.Compare(a.key.Session, b.key.Session))
	})
	return out, bots, nil
}

func collect(byKey map[session.Key]*logged, r *event.Record) {
	if !r.Kind.Engages() {
		return
	}
	key := session.Key{Site: r.Site, Visitor: r.Visitor, Session: r.Session}
	s := byKey[key]
	if s == nil {
		s = &logged{key: key, ids: map[string]struct{}{}}
		byKey[key] = s
	}
	if _, known := s.ids[r.ID]; known {
		return
	}
	s.ids[r.ID] = struct{}{}
	r.Lines(func(line int, item string) {
		s.entries = append(s.entries, session.Entry{Time: r.Time, ItemID: item, EventID: r.ID, Line: int32(line), Kind: r.Kind})
	})
}
