package evaluate

import (
	"context"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/rows"
	"github.com/nextbest/nextbest/session"
)

// scaled is a model whose scores are no sums above 0: share makes of one what
// counts, given the largest of the list.
type scaled interface {
	share(score, largest float64) float64
}

// sessionCandidates is how many items a session brings into the blend: all
// that the rows of ten items and the items themselves can name.
const sessionCandidates = 1000

// userPrediction is one item of a user's session, to be named from what came
// before it. It is reused.
type userPrediction struct {
	number  int         // of the session in the trial
	names   []uint32    // items of the session so far in the numbers of the file, newest first
	steps   []uint32    // the same in the model's
	likes   []candidate // what the profile says, not yet normalised
	target  uint32
	masked  bool    // the policy keeps the target out
	isNew   bool    // the user had nothing to do with the target before
	a       float64 // share of the session in the blend
	session float64 // … where only the session answers, but for the first item
	n       float64 // evidence of the session
}

// trial is the sessions that are predicted with one model.
type trial struct {
	o      *Options
	v      *visits
	b      *blender
	taste  *taste
	number []uint32 // by item of the file: the model's
	list   []*visit // to be predicted
	total  int64    // predictions
}

// newTrial takes the sessions that began in [from, to) of users who have one
// before from.
func newTrial(o *Options, model Model, v *visits, from, to int64) (*trial, error) {
	t := &trial{o: o, v: v, b: newBlender(model, o.Exclude), taste: newTaste(model), number: make([]uint32, len(v.ids))}
	for i, id := range v.ids {
		n, ok := model.Items().Index(id)
		if !ok {
			n = rows.Unknown
		}
		t.number[i] = n
	}
	for _, s := range v.list {
		if s.user == nobody || s.begin < from || s.begin >= to || v.byUser[s.user][0].begin >= from || len(s.items) == 0 {
			continue
		}
		t.list = append(t.list, s)
		t.total += int64(min(len(s.items), o.Users.Positions))
	}
	if len(t.list) == 0 {
		return nil, fault.Invalidf("no_predictions", "%s: no user has a session before %s and one from then on: cut elsewhere",
			o.Users.File, timeOf(from).Format("2006-01-02 15:04:05"))
	}
	return t, nil
}

// thin leaves out whole sessions, evenly, until there are enough predictions.
func (t *trial) thin() {
	if t.total <= enough {
		return
	}
	kept, list := float64(enough)/float64(t.total), t.list
	t.list, t.total = nil, 0
	for n, s := range list {
		if int(float64(n+1)*kept) > int(float64(n)*kept) {
			t.list = append(t.list, s)
			t.total += int64(min(len(s.items), t.o.Users.Positions))
		}
	}
}

func (t *trial) counted() (users, sessions int) {
	known := map[uint32]bool{}
	for _, s := range t.list {
		known[s.user] = true
	}
	return len(known), len(t.list)
}

// each calls fn with every prediction, session by session.
func (t *trial) each(ctx context.Context, stage string, fn func(p *userPrediction)) error {
	past, done := memory{v: t.v}, int64(0)
	p := &userPrediction{}
	var steps []uint32
	for number, s := range t.list {
		if err := ctx.Err(); err != nil {
			return err
		}
		liked, knows := past.at(s)
		p.number, p.likes = number, t.taste.of(liked, p.likes[:0])
		steps = steps[:0]
		for _, item := range s.items {
			steps = append(steps, t.number[item])
		}
		for n := range min(len(s.items), t.o.Users.Positions) {
			left := len(s.items) - n
			p.names, p.steps = s.items[left:], steps[left:]
			p.target = steps[left-1]
			p.masked = t.o.Exclude.masks(p.names, s.items[left-1])
			p.isNew = !knows(s.items[left-1])
			t.share(p, s.steps[left:])
			fn(p)
			done++
		}
		t.o.Progress(stage, done, t.total)
	}
	return nil
}

// share is what the session weighs, as serving weighs it: the request comes
// with the newest step.
func (t *trial) share(p *userPrediction, steps []session.Step) {
	p.a, p.session, p.n = 0, 0, 0
	if len(steps) == 0 {
		return
	}
	view := session.View{Steps: steps}
	place := &t.o.Users.Placement
	p.n, p.session = view.Evidence(timeOf(steps[0].Time), place.HalfLife), 1
	p.a = 1
	if len(p.likes) > 0 {
		p.a = place.SessionShare(p.n)
	}
}

// candidate is one item that session or profile name.
type candidate struct {
	item uint32
	s, l float64 // 0..1
}

// blender mixes a model's list with a profile through the functions that serve.
type blender struct {
	model  Model
	policy Exclude
	scaled scaled // nil where scores are sums
	cands  []candidate
	place  []uint32 // by item: 1 + its place in cands, 0 for none
	list   []rows.Scored
	best   []blended
	shown  []rows.Scored
	p      *userPrediction
	skip   func(item uint32) bool
}

func newBlender(model Model, policy Exclude) *blender {
	b := &blender{model: model, policy: policy, place: make([]uint32, model.Items().Len())}
	b.scaled, _ = model.(scaled)
	b.skip = func(item uint32) bool { return b.policy.masks(b.p.steps, item) }
	return b
}

// weigh makes the candidates of a prediction, both sides normalised over those
// that may be shown.
func (b *blender) weigh(p *userPrediction) {
	for _, c := range b.cands {
		b.place[c.item] = 0
	}
	b.p, b.cands = p, b.cands[:0]
	var peaks recommend.Peaks
	if len(p.steps) > 0 {
		b.list = b.model.Recommend(p.steps, sessionCandidates, b.skip, b.list)
		for _, c := range b.list {
			s := float64(c.Score)
			if b.scaled != nil {
				s = b.scaled.share(s, float64(b.list[0].Score))
			}
			if s <= 0 {
				continue
			}
			peaks.See(s, 0)
			b.cands = append(b.cands, candidate{item: c.Item, s: s})
			b.place[c.Item] = uint32(len(b.cands))
		}
	}
	for _, c := range p.likes {
		if b.skip(c.item) {
			continue
		}
		peaks.See(0, c.l)
		if at := b.place[c.item]; at > 0 {
			b.cands[at-1].l = c.l
			continue
		}
		b.cands = append(b.cands, c)
		b.place[c.item] = uint32(len(b.cands))
	}
	for n := range b.cands {
		c := &b.cands[n]
		c.s, c.l = peaks.S(c.s), peaks.L(c.l)
	}
}

// slot is the 1-based slot of an item when the session weighs a, 0 when it is
// not among the top.
func (b *blender) slot(item uint32, a float64, top int) int {
	if item == rows.Unknown || b.place[item] == 0 {
		return 0
	}
	mine := &b.cands[b.place[item]-1]
	x, slot := blended{recommend.Mix(a, mine.s, mine.l), item}, 1
	if x.score <= 0 {
		return 0
	}
	for n := range b.cands {
		c := &b.cands[n]
		if (blended{recommend.Mix(a, c.s, c.l), c.item}).before(x) {
			if slot++; slot > top {
				return 0
			}
		}
	}
	return slot
}

// top is the list when the session weighs a; it is valid until the next call.
func (b *blender) top(a float64, k int) []rows.Scored {
	b.best = b.best[:0]
	for n := range b.cands {
		c := &b.cands[n]
		if score := recommend.Mix(a, c.s, c.l); score > 0 {
			b.best = insertBest(b.best, blended{score, c.item}, k)
		}
	}
	b.shown = b.shown[:0]
	for _, c := range b.best {
		b.shown = append(b.shown, rows.Scored{Item: c.item, Score: float32(c.score)})
	}
	return b.shown
}

// blended is one place of a list.
type blended struct {
	score float64
	item  uint32
}

// before is the order of lists: by score, ties by item id.
func (x blended) before(y blended) bool {
	return x.score > y.score || x.score == y.score && x.item < y.item
}

// insertBest keeps list sorted and at most k long.
func insertBest(list []blended, x blended, k int) []blended {
	if len(list) < k {
		list = append(list, x)
	} else if !x.before(list[k-1]) {
		return list
	}
	n := len(list) - 1
	for ; n > 0 && x.before(list[n-1]); n-- {
		list[n] = list[n-1]
	}
	list[n] = x
	return list
}
