package evaluate

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

const (
	nobody   = ^uint32(0) // user of a session that names none: it trains and is never predicted
	msPerDay = 24 * 60 * 60 * 1000
)

// deed is one row of a file of users' sessions.
type deed struct {
	item uint32 // in the numbers of the file
	kind event.Kind
	time int64 // epoch ms
}

// visit is one session of a user.
type visit struct {
	user       uint32
	begin, end int64          // of its first and last row, epoch ms
	deeds      []deed         // oldest first, those of one time as the file has them
	steps      []session.Step // what speaks for an item, newest first
	items      []uint32       // of the steps, in the numbers of the file
}

// visits are a file of users' sessions in the order in which they began.
type visits struct {
	ids     []string // items of the file
	list    []*visit
	byUser  [][]*visit // by user, in the same order
	leftOut int64      // rows that could not be used
	why     string     // the first of them could not
}

// readVisits reads rows of user, session, item and time; kind is optional, a
// row without one is a view. Rows without a user belong to sessions that train
// only; rows without item or session are left out and counted.
func readVisits(ctx context.Context, path string, progress func(read, total int64)) (*visits, error) {
	v := &visits{}
	type key struct {
		user    uint32
		session string
	}
	users, items, known := map[string]uint32{}, map[string]uint32{}, map[key]*visit{}
	report, err := dataset.ReadEvents(ctx, path, dataset.Options{Progress: progress}, func(r dataset.EventRow) error {
		if r.Session == "" || !r.Kind.Engages() {
			v.leave(r.Number, "it names no session, or its kind engages with no item")
			return nil
		}
		k := key{nobody, r.Session}
		if r.User != "" {
			k.user = numberOf(users, r.User)
		}
		if known[k] == nil {
			known[k] = &visit{user: k.user, begin: r.Time, end: r.Time}
			v.list = append(v.list, known[k])
		}
		v.add(known[k], &r, items)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(report.Errors) > 0 {
		v.leave(report.Errors[0].Row, report.Errors[0].Detail)
		v.leftOut += report.Bad - 1
	}
	if len(v.list) == 0 {
		return nil, fault.Invalidf("no_sessions",
			"%s: the file holds no user's session: each row needs the columns user, session, item and time; %s", path, v.why)
	}
	v.arrange(len(users))
	return v, nil
}

// leave counts a row that cannot be used, and remembers why the first cannot.
func (v *visits) leave(row int64, why string) {
	if v.leftOut++; v.leftOut == 1 {
		v.why = "row " + strconv.FormatInt(row, 10) + ": " + why
	}
}

func numberOf(numbers map[string]uint32, id string) uint32 {
	n, ok := numbers[id]
	if !ok {
		n = uint32(len(numbers))
		numbers[id] = n
	}
	return n
}

// add takes in one row, with all its lines when it is an order.
func (v *visits) add(s *visit, r *dataset.EventRow, items map[string]uint32) {
	s.begin, s.end = min(s.begin, r.Time), max(s.end, r.Time)
	rec := r.Record("", 0)
	rec.Lines(func(_ int, id string) {
		n := numberOf(items, id)
		if int(n) == len(v.ids) {
			v.ids = append(v.ids, id)
		}
		s.deeds = append(s.deeds, deed{item: n, kind: r.Kind, time: r.Time})
	})
}

// arrange puts everything in order of time and makes the steps.
func (v *visits) arrange(users int) {
	v.byUser = make([][]*visit, users)
	slices.SortStableFunc(v.list, func(a, b *visit) int { return cmp.Compare(a.begin, b.begin) })
	for _, s := range v.list {
		slices.SortStableFunc(s.deeds, func(a, b deed) int { return cmp.Compare(a.time, b.time) })
		v.step(s)
		if s.user != nobody {
			v.byUser[s.user] = append(v.byUser[s.user], s)
		}
	}
}

// step makes the steps of a session of any length through the function that
// serves, which makes at most session.MaxSteps at a time from the newest on:
// the oldest of them may go on beyond, so it is made again with what is older.
func (v *visits) step(s *visit) {
	entries := make([]session.Entry, len(s.deeds))
	for n, d := range s.deeds {
		entries[n] = session.Entry{Time: d.time, ItemID: v.ids[d.item], Kind: d.kind, EventID: strconv.Itoa(n)}
	}
	var made []session.Step
	for left := len(entries); left > 0; {
		made = session.Steps(made[:0], entries[:left])
		left = 0
		if last := len(made) - 1; len(made) == session.MaxSteps {
			newest, _ := strconv.Atoi(made[last].EventID) // ours: a number
			left, made = newest+1, made[:last]
		}
		for _, step := range made {
			if step.Kind.Weight() > 0 {
				newest, _ := strconv.Atoi(step.EventID)
				s.items = append(s.items, s.deeds[newest].item)
				s.steps = append(s.steps, step)
			}
		}
	}
}

// cutAt is where the newest share of the sessions begins, epoch ms.
func (v *visits) cutAt(list []*visit, share float64) int64 {
	at := len(list) - max(1, int(share*float64(len(list))))
	return list[max(0, at)].begin
}

// before are the sessions that began before a time.
func (v *visits) before(ms int64) []*visit {
	n, _ := slices.BinarySearchFunc(v.list, ms, func(s *visit, ms int64) int { return cmp.Compare(s.begin, ms) })
	return v.list[:n]
}

// sessions are what a model trains on.
func (v *visits) sessions(list []*visit) *dataset.Sessions {
	return dataset.Collect(func(yield func([]string, float64) bool) {
		var items []string
		for _, s := range list {
			items = items[:0]
			for n := len(s.items) - 1; n >= 0; n-- {
				items = append(items, v.ids[s.items[n]])
			}
			if !yield(items, float64(s.end)/msPerDay) {
				return
			}
		}
	})
}

// memory makes users' histories, one after the other.
type memory struct {
	v    *visits
	recs []event.Record
	done map[uint32]bool // items with a deed for them
}

// at is the profile of what a visit's user did before it began, as serving
// makes it of a visitor's own history, nil when that is nothing; and whether an
// item was among it.
func (m *memory) at(s *visit) (p *profile.Profile, knows func(item uint32) bool) {
	m.recs = m.recs[:0]
	m.done = map[uint32]bool{}
	for _, past := range m.v.byUser[s.user] {
		if past == s {
			break
		}
		for _, d := range past.deeds {
			if d.time > s.begin {
				break
			}
			if d.kind.Weight() > 0 {
				m.done[d.item] = true
			}
			id := strconv.Itoa(len(m.recs))
			m.recs = append(m.recs, event.Record{Event: event.Event{
				ID: id, Kind: d.kind, ItemID: m.v.ids[d.item], TS: d.time, HasTS: true, Time: d.time,
			}})
		}
	}
	done := m.done
	return profile.FromHistory(m.recs, timeOf(s.begin)), func(item uint32) bool { return done[item] }
}
