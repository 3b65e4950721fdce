package best

import (
	"math"
	"slices"
)

// Rank overwrites dst with the k best next items of a session, best first,
// ties by item: the candidates above the cut in the order of the policy's
// ranker, then the others by pre. Their scores are comparable within one call
// and may have any sign.
//
// steps are the session's items, newest first; Unknown stands for an item that
// the model lacks; steps beyond the newest 64 are not read. weights are by
// step, nil for 1 each; only their proportions count. A step of a weight below
// 0 takes from what its row names. Items that the policy masks or for which
// skip (may be nil) says true leave before the cut.
//
// Rank does not allocate once s and dst have grown.
func (m *Model) Rank(s *Scratch, steps []uint32, weights []float32, policy Policy, skip func(item uint32) bool, k int, dst []Scored) []Scored {
	m.gather(s, steps, weights)
	m.cut(s, mask{policy: policy, newest: newestOf(steps), skip: skip}, k)
	m.score(s, policy)
	s.rank(k)
	return append(dst[:0], s.ranking...)
}

func newestOf(steps []uint32) uint32 {
	if len(steps) == 0 {
		return Unknown
	}
	return steps[0]
}

// mask says which candidates must not be named.
type mask struct {
	policy Policy
	newest uint32
	skip   func(item uint32) bool
}

func (k *mask) hides(c *cand) bool {
	switch k.policy {
	case Current:
		if c.item == k.newest {
			return true
		}
	case Seen:
		if c.seen {
			return true
		}
	}
	return k.skip != nil && k.skip(c.item)
}

// cut puts the Params().Candidates best by pre into s.keys, best first, and
// their inputs into s.inputs. The others go to s.rest when the answer is longer
// than that.
func (m *Model) cut(s *Scratch, hidden mask, k int) {
	limit := m.params.Candidates
	keys, rest := s.keys[:0], s.rest[:0]
	worst := uint64(0) // what does not beat it is below the cut
	for n := range s.cands {
		c := &s.cands[n]
		key := rankKey(c.pre, c.item)
		if key <= worst && k <= limit || hidden.hides(c) {
			continue
		}
		if len(keys) == limit {
			if key < worst {
				rest = append(rest, key)
				continue
			}
			rest = append(rest, worst)
		}
		if keys = insertKey(keys, key, limit); len(keys) == limit {
			worst = keys[limit-1]
		}
	}
	s.keys, s.rest, s.inputs = keys, rest, s.inputs[:0]
	for _, key := range keys {
		s.inputs = m.appendInputs(s.inputs, s, s.find(keyItem(key)))
	}
}

// score computes the scores of what is above the cut.
func (m *Model) score(s *Scratch, policy Policy) {
	s.scores = s.scores[:0]
	if r := m.ranker(policy); r != nil {
		s.scores = r.appendScores(s.scores, &s.request, s.inputs)
		return
	}
	for at := 0; at < len(s.inputs); at += itemInputs {
		s.scores = append(s.scores, preOf((*[itemInputs]float32)(s.inputs[at:])))
	}
}

// ranker is the one of a policy, nil for none.
func (m *Model) ranker(policy Policy) *ranker {
	if policy >= policies {
		policy = None
	}
	return m.rankers[policy]
}

// rank fills s.ranking with the k best. What is below the cut follows what is
// above it, by pre: scores go on from the least above.
func (s *Scratch) rank(k int) {
	s.ranking, s.places = s.ranking[:0], s.places[:0]
	top := s.keys
	if len(top) == 0 {
		return
	}
	least, lowest := float32(math.Inf(1)), keyScore(top[len(top)-1])
	for n, key := range top {
		c := Scored{Item: keyItem(key), Score: s.scores[n]}
		least = min(least, c.Score)
		at := len(s.ranking)
		for at > 0 && before(c, s.ranking[at-1]) {
			at--
		}
		s.ranking = slices.Insert(s.ranking, at, c)
		s.places = slices.Insert(s.places, at, uint32(n+1))
	}
	slices.Sort(s.rest)
	for n := len(s.rest) - 1; n >= 0 && len(s.ranking) < k; n-- {
		key := s.rest[n]
		s.ranking = append(s.ranking, Scored{Item: keyItem(key), Score: least + (keyScore(key) - lowest)})
		s.places = append(s.places, 0)
	}
	s.ranking = s.ranking[:min(max(k, 0), len(s.ranking))]
}

func before(x, y Scored) bool { return x.Score > y.Score || x.Score == y.Score && x.Item < y.Item }

// rankKey orders candidates as whole numbers: the higher score first, then the
// smaller item. Floats compare like their bits once those of negative ones are
// turned round.
func rankKey(score float32, item uint32) uint64 {
	b := math.Float32bits(score)
	b ^= uint32(int32(b)>>31) | 1<<31
	return uint64(b)<<32 | uint64(^item)
}

func keyItem(key uint64) uint32 { return ^uint32(key) }

func keyScore(key uint64) float32 {
	b := uint32(key >> 32)
	return math.Float32frombits(b ^ (uint32(int32(^b)>>31) | 1<<31))
}

// insertKey puts key into a list of at most most keys, largest first.
func insertKey(list []uint64, key uint64, most int) []uint64 {
	if len(list) < most {
		list = append(list, key)
	}
	at, end := 0, len(list)-1
	for at < end {
		if middle := int(uint(at+end) / 2); list[middle] > key {
			at = middle + 1
		} else {
			end = middle
		}
	}
	copy(list[at+1:], list[at:])
	list[at] = key
	return list
}

// ScoreInputs is the score of a candidate with these Inputs inputs, in the
// order of InputNames: the same bits as Rank gave it under that policy, for a
// candidate above the cut. A shorter list has zeros.
func (m *Model) ScoreInputs(x []float32, policy Policy) float32 {
	var all [inputs]float32
	copy(all[:], x)
	items := (*[itemInputs]float32)(all[:])
	if r := m.ranker(policy); r != nil {
		var one [1]float32
		return r.appendScores(one[:0], (*[requestInputs]float32)(all[itemInputs:]), items[:])[0]
	}
	return preOf(items)
}
