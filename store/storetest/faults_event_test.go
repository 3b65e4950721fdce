package storetest

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

// onRecords changes what is appended.
func onRecords(change func([]event.Record) []event.Record) func(*faulty) {
	return func(f *faulty) {
		f.onAppend = func(ctx context.Context, w ingest.Write) error {
			w.Records = change(slices.Clone(w.Records))
			return f.Store.Append(ctx, w)
		}
	}
}

// onRows changes the visitors' rows that are written.
func onRows(change func([]session.Visitor) []session.Visitor) func(*faulty) {
	return func(f *faulty) {
		f.onAppend = func(ctx context.Context, w ingest.Write) error {
			w.Visitors = change(slices.Clone(w.Visitors))
			return f.Store.Append(ctx, w)
		}
	}
}

// renamed gives a record that was seen before another id.
func renamed() func([]event.Record) []event.Record {
	seen := map[string]bool{}
	return func(recs []event.Record) []event.Record {
		for i := range recs {
			if seen[recs[i].ID] {
				recs[i].ID += "'"
			}
			seen[recs[i].ID] = true
		}
		return recs
	}
}

func eventFaults() []planted {
	return []planted{
		{"session/newest_first", func(f *faulty) { // ties in the wrong order
			f.onEvents = func(ctx context.Context, key session.Key, limit int) ([]event.Record, []string, error) {
				recs, ids, err := f.Store.SessionEvents(ctx, key, limit)
				slices.SortFunc(recs, func(a, b event.Record) int {
					return cmp.Or(cmp.Compare(b.TS, a.TS), cmp.Compare(a.ID, b.ID))
				})
				return recs, ids, err
			}
		}},
		{"session/limit_and_all_ids", func(f *faulty) { // only the ids of what is returned
			f.onEvents = func(ctx context.Context, key session.Key, limit int) ([]event.Record, []string, error) {
				recs, _, err := f.Store.SessionEvents(ctx, key, limit)
				return recs, idsOf(recs), err
			}
		}},
		{"session/same_event_is_one_row", onRecords(renamed())},
		{"session/whole_record", onRecords(func(recs []event.Record) []event.Record {
			for i := range recs {
				recs[i].Properties = nil
			}
			return recs
		})},
		{"session/names_stay_apart", func(f *faulty) {
			f.onEvents = func(ctx context.Context, key session.Key, limit int) ([]event.Record, []string, error) {
				key.Visitor = strings.TrimSpace(key.Visitor)
				return f.Store.SessionEvents(ctx, key, limit)
			}
		}},
		{"session/names_stay_apart", func(f *faulty) { // leaks over sites
			f.onEvents = func(ctx context.Context, key session.Key, limit int) ([]event.Record, []string, error) {
				key.Site = key.Site[:1]
				return f.Store.SessionEvents(ctx, key, limit)
			}
		}},
		{"session/ids_are_bounded", func(f *faulty) {
			f.onEvents = func(ctx context.Context, key session.Key, limit int) ([]event.Record, []string, error) {
				recs, ids, err := f.Store.SessionEvents(ctx, key, limit)
				return recs, append(ids, "one more"), err
			}
		}},
		{"session/unknown_is_empty", func(f *faulty) {
			f.onEvents = func(ctx context.Context, key session.Key, limit int) ([]event.Record, []string, error) {
				recs, ids, err := f.Store.SessionEvents(ctx, key, limit)
				if len(recs) == 0 {
					err = fault.NotFoundf("session", "no such session")
				}
				return recs, ids, err
			}
		}},
		{"append/keeps_no_buffer", func(f *faulty) { // takes the caller's slices and writes later
			var kept []ingest.Write
			f.onAppend = func(_ context.Context, w ingest.Write) error {
				kept = append(kept, w)
				return nil
			}
			f.onEvents = func(ctx context.Context, key session.Key, limit int) ([]event.Record, []string, error) {
				for _, w := range kept {
					if err := f.Store.Append(ctx, w); err != nil {
						return nil, nil, err
					}
				}
				return f.Store.SessionEvents(ctx, key, limit)
			}
		}},
		{"append/several_sites", onRecords(func(recs []event.Record) []event.Record {
			return slices.DeleteFunc(recs, func(r event.Record) bool { return r.Site != recs[0].Site })
		})},
		{"visitor/round_trip", onRows(func([]session.Visitor) []session.Visitor { return nil })},
		{"visitor/round_trip", onRows(func(rows []session.Visitor) []session.Visitor {
			for i := range rows {
				rows[i].Epoch = 0
			}
			return rows
		})},
		{"visitor/last_write_wins", func(f *faulty) {
			seen := map[string]bool{}
			onRows(func(rows []session.Visitor) []session.Visitor {
				return slices.DeleteFunc(rows, func(v session.Visitor) bool {
					before := seen[v.ID]
					seen[v.ID] = true
					return before
				})
			})(f)
		}},
		{"visitor/names_stay_apart", func(f *faulty) {
			f.onVisitor = func(ctx context.Context, site, id string) (session.Visitor, error) {
				return f.Store.Visitor(ctx, site, strings.TrimSpace(id))
			}
		}},
	}
}

// racingLog numbers a record before it is there, and its reader takes what is
// there: the mistake of a log without a watermark.
type racingLog struct {
	mu sync.Mutex

	last int
	rows map[int]event.Record
}

func (l *racingLog) append(_ context.Context, w ingest.Write) error {
	l.mu.Lock()
	first := l.last
	l.last += len(w.Records)
	l.mu.Unlock()
	for range first % 7 * 50 {
		runtime.Gosched()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, r := range w.Records {
		l.rows[first+i] = r
	}
	return nil
}

func (l *racingLog) scan(_ context.Context, _ string, from event.Cursor, limit int, fn func(event.Record) error) (event.Cursor, int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen, n := 0, 0
	if len(from) == 2 {
		seen = int(from[0])<<8 | int(from[1])
	}
	for i := seen; i < l.last && n < limit; i++ {
		if r, ok := l.rows[i]; ok {
			if err := fn(r); err != nil {
				return from, n, err
			}
			n, seen = n+1, i+1
		}
	}
	return event.Cursor{byte(seen >> 8), byte(seen)}, n, nil
}

// skipping loses the first record behind a cursor once it is armed.
func skipping(f *faulty, armed *bool) {
	f.onScan = func(ctx context.Context, site string, from event.Cursor, limit int, fn func(event.Record) error) (event.Cursor, int, error) {
		if *armed && len(from) > 0 {
			var err error
			if from, _, err = f.Store.ScanLog(ctx, site, from, 1, func(event.Record) error { return nil }); err != nil {
				return from, 0, err
			}
		}
		return f.Store.ScanLog(ctx, site, from, limit, fn)
	}
}

func logFaults() []planted {
	always := true
	return []planted{
		{"log/every_record_in_order", onRecords(func(recs []event.Record) []event.Record {
			if len(recs) > 1 { // drops the second record
				recs = slices.Delete(recs, 1, 2)
			}
			return recs
		})},
		{"log/every_record_in_order", onRecords(func(recs []event.Record) []event.Record {
			slices.SortFunc(recs, func(a, b event.Record) int { return cmp.Compare(a.TS, b.TS) })
			return recs
		})},
		{"log/cursor_goes_on", func(f *faulty) { skipping(f, &always) }},
		{"log/nothing_new_keeps_the_cursor", func(f *faulty) {
			f.onScan = func(ctx context.Context, site string, from event.Cursor, limit int, fn func(event.Record) error) (event.Cursor, int, error) {
				next, n, err := f.Store.ScanLog(ctx, site, from, limit, fn)
				if n == 0 {
					next = nil
				}
				return next, n, err
			}
		}},
		{"log/callback_error_ends_it", func(f *faulty) { // the failed record counts as read
			f.onScan = func(ctx context.Context, site string, from event.Cursor, limit int, fn func(event.Record) error) (event.Cursor, int, error) {
				var failed error
				next, n, err := f.Store.ScanLog(ctx, site, from, 3, func(r event.Record) error {
					failed = errors.Join(failed, fn(r))
					return nil
				})
				return next, n, errors.Join(err, failed)
			}
		}},
		{"log/callback_may_use_the_store", func(f *faulty) {
			var busy sync.Mutex
			f.onScan = func(ctx context.Context, site string, from event.Cursor, limit int, fn func(event.Record) error) (event.Cursor, int, error) {
				busy.Lock()
				defer busy.Unlock()
				return f.Store.ScanLog(ctx, site, from, limit, fn)
			}
			f.onPutHistory = func(context.Context, []event.Record) error {
				if !busy.TryLock() { // would wait for ever
					return fault.Unavailablef("busy", "a scan is running")
				}
				busy.Unlock()
				return nil
			}
		}},
		{"log/sites_stay_apart", func(f *faulty) {
			f.onScan = func(ctx context.Context, site string, from event.Cursor, limit int, fn func(event.Record) error) (event.Cursor, int, error) {
				return f.Store.ScanLog(ctx, site[:1], from, limit, fn)
			}
		}},
		{"log/refuses_a_bad_cursor", func(f *faulty) {
			f.onScan = func(ctx context.Context, site string, from event.Cursor, limit int, fn func(event.Record) error) (event.Cursor, int, error) {
				next, n, err := f.Store.ScanLog(ctx, site, from, limit, fn)
				if fault.KindOf(err) == fault.Invalid {
					return f.Store.ScanLog(ctx, site, nil, limit, fn)
				}
				return next, n, err
			}
		}},
		{"log/hands_out_its_own_memory", func(f *faulty) {
			var buffer []byte
			f.onScan = func(ctx context.Context, site string, from event.Cursor, limit int, fn func(event.Record) error) (event.Cursor, int, error) {
				return f.Store.ScanLog(ctx, site, from, limit, func(r event.Record) error {
					buffer = append(buffer[:0], r.Context...)
					r.Context = buffer
					return fn(r)
				})
			}
		}},
		{"log/never_skips_under_load", func(f *faulty) {
			l := &racingLog{rows: map[int]event.Record{}}
			f.onAppend, f.onScan = l.append, l.scan
		}},
		{"log/drop_by_hour", func(f *faulty) {
			f.onDropLog = func(ctx context.Context, site string, before time.Time) error {
				return f.Store.DropLog(ctx, site, before.Add(time.Hour))
			}
		}},
		{"log/late_receipt_comes_later", func(f *faulty) {
			var newest int64
			onRecords(func(recs []event.Record) []event.Record {
				return slices.DeleteFunc(recs, func(r event.Record) bool {
					newest = max(newest, r.ReceivedAt)
					return r.ReceivedAt < newest
				})
			})(f)
		}},
		{"sweep/by_receipt", func(f *faulty) {
			f.onSweep = func(ctx context.Context, now time.Time) error { return f.Store.Sweep(ctx, now.Add(time.Hour)) }
		}},
		{"sweep/daily_pseudonyms", func(f *faulty) {
			f.onSweep = func(context.Context, time.Time) error { return nil }
		}},
	}
}

func historyFaults() []planted {
	onPut := func(change func([]event.Record) []event.Record) func(*faulty) {
		return func(f *faulty) {
			f.onPutHistory = func(ctx context.Context, recs []event.Record) error {
				return f.Store.PutHistory(ctx, change(slices.Clone(recs)))
			}
		}
	}
	return []planted{
		{"history/newest_first", func(f *faulty) {
			f.onHistory = func(ctx context.Context, site, owner string, limit int) ([]event.Record, error) {
				recs, err := f.Store.History(ctx, site, owner, limit)
				slices.Reverse(recs)
				return recs, err
			}
		}},
		{"history/same_event_is_one_row", onPut(renamed())},
		{"history/belongs_to_the_proven_user", onPut(func(recs []event.Record) []event.Record {
			for i := range recs {
				recs[i].Proven = true
			}
			return recs
		})},
		{"history/names_stay_apart", func(f *faulty) {
			f.onHistory = func(ctx context.Context, site, owner string, limit int) ([]event.Record, error) {
				return f.Store.History(ctx, site, strings.TrimSpace(owner), limit)
			}
		}},
		{"history/drop_by_receipt", func(f *faulty) {
			f.onDropHistory = func(context.Context, string, time.Time) error { return nil }
		}},
		{"builtin/without_one_session", func(f *faulty) {
			f.onBuiltIn = func(ctx context.Context, site, owner, _ string) (*profile.Profile, error) {
				return f.Store.BuiltIn(ctx, site, owner, "")
			}
		}},
	}
}
