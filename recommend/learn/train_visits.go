package learn

import (
	"slices"

	"github.com/nextbest/nextbest/session"
)

const (
	msPerDay = 24 * 60 * 60 * 1000
	idleMS   = 30 * 60 * 1000
)

// logged is one session of the log: its entries, each event once.
type logged struct {
	named   bool // the client named a session
	entries []session.Entry
}

// visits are the session's entries in order. Imported events may name no
// session: then a visitor's entries are cut where half an hour passed.
func (s *logged) visits() [][]session.Entry {
	slices.SortFunc(s.entries, func(a, b session.Entry) int { return a.Compare(&b) })
	if s.named {
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

// itemsOf is a visit as a model sees it: steps, oldest first, as groups, without
// what is not listed any more, and when it ended.
func (src *Source) itemsOf(entries []session.Entry) ([]string, int64) {
	steps := session.Steps(nil, entries)
	items := make([]string, 0, len(steps))
	var end int64
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i].Kind.Weight() <= 0 {
			continue
		}
		id := steps[i].ItemID
		if src.Group != nil {
			id = src.Group(id)
		}
		if src.Listed != nil && !src.Listed(id) {
			continue
		}
		items = append(items, id)
		end = max(end, steps[i].Time)
	}
	return items, end
}
