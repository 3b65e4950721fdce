package evaluate

import (
	"context"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/recommend/rows"
)

// replay is the test sessions in the numbers of the model's items, newest
// item first: every prefix of a session is then a tail of its list.
type replay struct {
	o       *Options
	model   Model
	n       int // predictions
	items   []uint32
	names   []uint32 // the same items in the numbers of the test file: those that training lacks are told apart
	offsets []int
	seen    []uint32 // the running prefix's items, for the policy
	skip    func(item uint32) bool
	list    []rows.Scored
}

func newReplay(o *Options, model Model, test *dataset.Sessions) *replay {
	r := &replay{o: o, model: model, offsets: []int{0}, list: make([]rows.Scored, 0, o.Top)}
	number := make([]uint32, test.Items())
	for i := range number {
		number[i] = rows.Unknown
		if item, ok := model.Items().Index(test.ID(uint32(i))); ok {
			number[i] = item
		}
	}
	for n := range test.Len() {
		session := test.Session(n)
		for i := len(session) - 1; i >= 0; i-- {
			r.items = append(r.items, number[session[i]])
			r.names = append(r.names, session[i])
		}
		r.offsets = append(r.offsets, len(r.items))
		if len(session) > 1 {
			r.n += o.targets(len(session))
		}
	}
	switch o.Exclude {
	case ExcludeCurrent:
		r.skip = func(item uint32) bool { return item == r.seen[0] }
	case ExcludeSeen:
		r.skip = r.skipSeen
	}
	return r
}

// targets is how many items of a session of that length are predicted.
func (o *Options) targets(length int) int {
	if o.LastOnly {
		return 1
	}
	return length - 1
}

func (r *replay) skipSeen(item uint32) bool { return holds(r.seen, item) }

func holds(list []uint32, item uint32) bool {
	for _, x := range list {
		if x == item {
			return true
		}
	}
	return false
}

// masks reports whether the policy keeps the target out of every list: names
// are the items of the session so far, newest first.
func (e Exclude) masks(names []uint32, target uint32) bool {
	switch e {
	case ExcludeCurrent:
		return len(names) > 0 && names[0] == target
	case ExcludeSeen:
		return holds(names, target)
	}
	return false
}

// prediction is one prefix of a test session and the item that came next.
type prediction struct {
	session int      // number of the session
	steps   []uint32 // of the prefix, newest first
	target  uint32
	masked  bool // the policy keeps the target out
}

// each calls fn with every prediction, session by session.
func (r *replay) each(ctx context.Context, stage string, fn func(p *prediction)) error {
	done := 0
	var p prediction
	for n := range len(r.offsets) - 1 {
		if err := ctx.Err(); err != nil {
			return err
		}
		from, to := r.offsets[n], r.offsets[n+1]
		items, names := r.items[from:to], r.names[from:to]
		if len(items) < 2 {
			continue
		}
		for left := r.o.targets(len(items)); left > 0; left-- {
			p = prediction{session: n, steps: items[left:], target: items[left-1]}
			p.masked = r.o.Exclude.masks(names[left:], names[left-1])
			fn(&p)
			done++
		}
		r.o.Progress(stage, int64(done), int64(r.n))
	}
	return nil
}

func (r *replay) recommend(steps []uint32) []rows.Scored {
	r.seen = steps
	r.list = r.model.Recommend(steps, r.o.Top, r.skip, r.list)
	return r.list
}

// slotOf is the 1-based slot of an item in a list, 0 when it is absent.
func slotOf(list []rows.Scored, item uint32) int {
	for n := range list {
		if list[n].Item == item {
			return n + 1
		}
	}
	return 0
}

// slots are the slots of the targets, 0 for a miss, and how many predictions
// each session has.
type slots struct {
	slot     []int32
	sessions []int32
}

func (s *slots) add(session, slot int) {
	s.slot = append(s.slot, int32(slot))
	for len(s.sessions) <= session {
		s.sessions = append(s.sessions, 0)
	}
	s.sessions[session]++
}

// score fills in how good the lists are, and returns where the targets were.
func (r *replay) score(ctx context.Context, report *Report) (*slots, error) {
	m, found := newMeasure(r.model.Items()), &slots{}
	err := r.each(ctx, "score", func(p *prediction) {
		list := r.recommend(p.steps)
		slot := slotOf(list, p.target)
		m.add(list, slot, p.masked)
		found.add(p.session, slot)
	})
	if err != nil {
		return nil, err
	}
	m.fill(r.o, report)
	return found, nil
}

// find is score without the lists' other figures.
func (r *replay) find(ctx context.Context, stage string) (*slots, Rates, error) {
	found, rates := &slots{}, Rates{}
	err := r.each(ctx, stage, func(p *prediction) {
		slot := slotOf(r.recommend(p.steps), p.target)
		found.add(p.session, slot)
		rates.add(slot)
	})
	return found, rates.means(), err
}

// time fills in how fast the lists are made: everything a second time, on one
// goroutine, scoring and top alone.
func (r *replay) time(ctx context.Context, report *Report) error {
	w := newWatch(r.o.Now)
	err := r.each(ctx, "time", func(p *prediction) {
		begin := w.now()
		r.recommend(p.steps)
		w.took(begin)
	})
	w.fill(report)
	return err
}
