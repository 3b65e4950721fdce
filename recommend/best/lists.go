package best

import (
	"context"

	"github.com/nextbest/nextbest/recommend/corpus"
)

// lists are the held-out predictions that a ranker learns from and is judged
// by: for every prefix of later sessions, the candidates above the cut and the
// place of the item that came next among them.
type lists struct {
	request []float32 // requestInputs by list
	items   []float32 // itemInputs by candidate
	ends    []int     // candidates up to the end of each list
	targets []int     // place of the target in its list, -1 when it is below the cut
	learn   []int     // the lists that hold their target
}

func (l *lists) len() int { return len(l.ends) }

// list is the n-th list.
func (l *lists) list(n int) (request *[requestInputs]float32, items []float32, target int) {
	from := 0
	if n > 0 {
		from = l.ends[n-1]
	}
	return (*[requestInputs]float32)(l.request[n*requestInputs:]), l.items[from*itemInputs : l.ends[n]*itemInputs], l.targets[n]
}

// older are the first n lists, newer the others. They share memory.
func (l *lists) older(n int) *lists {
	from := *l
	from.ends, from.targets = l.ends[:n], l.targets[:n]
	from.learn = nil
	for _, k := range l.learn {
		if k < n {
			from.learn = append(from.learn, k)
		}
	}
	return &from
}

// held are the later sessions of a corpus as the lists' model sees them.
type held struct {
	c     *corpus.Corpus
	first int // the first session
}

// hold finds the newest sessions with at most limit predictions in all.
func hold(c *corpus.Corpus, from, limit int) held {
	first := c.Sessions()
	for left := limit; first > from; first-- {
		if left -= len(c.Session(first-1)) - 1; left < 0 {
			break
		}
	}
	return held{c: c, first: first}
}

// predictions is how many the sessions hold.
func (h held) predictions() (n int) {
	for s := h.first; s < h.c.Sessions(); s++ {
		n += len(h.c.Session(s)) - 1
	}
	return n
}

// lists makes the lists of the held sessions under a policy. A target that the
// policy masks, or that the model has never seen, is no chance: it has no list.
func (m *Model) lists(ctx context.Context, h held, policy Policy) (*lists, error) {
	l, s := &lists{}, NewScratch()
	var steps []uint32
	for n := h.first; n < h.c.Sessions(); n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		steps = m.newestFirst(steps[:0], h.c.Session(n))
		for left := len(steps) - 1; left > 0; left-- {
			m.list(l, s, steps[left:], steps[left-1], policy)
		}
	}
	return l, nil
}

// newestFirst appends a session's items in the order that Rank takes them.
// Items without a click are as unknown to the model as they would be in
// serving.
func (m *Model) newestFirst(dst, session []uint32) []uint32 {
	for k := len(session) - 1; k >= 0; k-- {
		i := session[k]
		if m.counts[i] == 0 {
			i = Unknown
		}
		dst = append(dst, i)
	}
	return dst
}

// list adds one prediction.
func (m *Model) list(l *lists, s *Scratch, steps []uint32, target uint32, policy Policy) {
	hidden := mask{policy: policy, newest: newestOf(steps)}
	if target == Unknown {
		return
	}
	m.gather(s, steps, nil)
	if c := s.find(target); c != nil && hidden.hides(c) {
		return
	}
	m.cut(s, hidden, 0)
	at := -1
	for n, key := range s.keys {
		if keyItem(key) == target {
			at = n
			l.learn = append(l.learn, len(l.ends))
		}
	}
	l.targets = append(l.targets, at)
	l.request = append(l.request, s.request[:]...)
	if at >= 0 { // nothing is learned from the others, they only count
		l.items = append(l.items, s.inputs...)
	}
	l.ends = append(l.ends, len(l.items)/itemInputs)
}

// topJudged is the length of the lists by which models are compared.
const topJudged = 20

// Quality is how well an order did on held-out predictions, at 20 slots.
type Quality struct {
	HR  float64 `json:"hr"`  // share of lists that hold the next item
	MRR float64 `json:"mrr"` // mean of 1/slot, 0 when absent
}

// score is the number by which orders are compared.
func (q Quality) score() float64 { return q.HR + q.MRR }

// judge measures a ranker, pre when r is nil, on the lists from n on.
func (l *lists) judge(r *ranker, n int) Quality {
	var q Quality
	var scores []float32
	total := float64(max(1, l.len()-n))
	for ; n < l.len(); n++ {
		request, items, target := l.list(n)
		if target < 0 {
			continue
		}
		slot := target + 1 // the order of pre
		if r != nil {
			scores = r.appendScores(scores[:0], request, items)
			slot = slotOf(scores, target)
		}
		if slot <= topJudged {
			q.HR += 1 / total
			q.MRR += 1 / (float64(slot) * total)
		}
	}
	return q
}

// slotOf is the place of the target, from 1, in the order of the scores. Equal
// ones count against it.
func slotOf(scores []float32, target int) int {
	slot := 1
	for n, x := range scores {
		if n != target && x >= scores[target] {
			slot++
		}
	}
	return slot
}
