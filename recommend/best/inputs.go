package best

// The inputs of the ranker: first those that differ between the candidates of
// a request, then those of the request. Where
// an item lacks something its input is 0, which costs the network nothing.
const (
	inRows         = iota // ln(1+1000·b0/max b0): the decayed sum of the session's rows
	inFirst               // ln(1+1000·f1): share of what came right after the newest item
	inSecond              // ln(1+1000·f2): of what came two after the item before it
	inThird               // ln(1+1000·f3): of what came three or more after the third newest
	inFirstBack           // ln(1+1000·f1b): of what came right after the item before the newest
	inTogether            // ln(1+1000·co'): share of the newest item's sessions
	inTogetherBack        // ln(1+1000·cos): the same of the older items, decayed and added up
	inPopularity          // ln(1+clicks)
	inTrend               // recent clicks against the usual, as a logarithm
	inIsNewest            // it is the newest item
	inIsPrevious          // it is the item before
	inBack                // 1/(steps back) where it is in the session, 1 for the newest
	inCount               // times in the session, at most 4
	inReturns             // rate of coming back to it where it is in the session
	inTimes               // ln(1 + times it came right after the newest item)
	inFresh               // 8 - ln(1 + days since it last did), 0 where it is not in that row
	inEmbedding           // logit of the embedding less that of the best candidate, >= -15
	inBias                // the embedding's bias
	inSimilar             // likeness to the newest item alone: Ê·Ê/tau
	inRowsShare           // b0/max b0
	inFirstRate           // f1
	itemInputs
)

const (
	inLength      = itemInputs + iota // ln of the number of steps
	inDistinct                        // share of distinct items among the steps
	inNewestSteps                     // ln(1 + times that training saw what came after the newest item)
	inRepeated                        // the newest step is the same item as the one before
	inputs
	requestInputs = inputs - itemInputs
)

// Inputs is the number of inputs that the ranker has.
const Inputs = inputs

// InputNames are the names of the inputs, in their order, as explanations and
// decision logs show them.
func InputNames() [Inputs]string {
	return [Inputs]string{
		inRows: "rows_ln", inFirst: "next_ln", inSecond: "second_ln", inThird: "third_ln",
		inFirstBack: "next_of_previous_ln", inTogether: "together_ln", inTogetherBack: "together_before_ln",
		inPopularity: "popularity_ln", inTrend: "trend_ln",
		inIsNewest: "is_current", inIsPrevious: "is_previous", inBack: "back", inCount: "count", inReturns: "returns",
		inTimes: "times_next_ln", inFresh: "freshness", inEmbedding: "embedding", inBias: "embedding_bias",
		inSimilar:   "embedding_current",
		inRowsShare: "rows", inFirstRate: "next",
		inLength: "session_length_ln", inDistinct: "session_distinct",
		inNewestSteps: "current_steps_ln", inRepeated: "current_repeated",
	}
}

// appendInputs appends the candidate's own inputs, not those of the request.
func (m *Model) appendInputs(dst []float32, s *Scratch, c *cand) []float32 {
	t, rate := m.traitsOf(c.item), &m.tables.rate
	x := [itemInputs]float32{
		inRows: lnRate(c.rows), inFirst: rate.seen[c.first], inSecond: rate.seen[c.second],
		inThird: rate.seen[c.third], inFirstBack: rate.seen[c.firstBack], inTogether: rate.seen[c.together],
		inTogetherBack: lnRate(max(c.togetherBack, 0)),
		inPopularity:   t[traitPopularity], inTrend: t[traitTrend],
		inTimes: m.tables.times.seen[c.times], inFresh: ageAbsent - m.tables.age.seen[c.age],
		inEmbedding: c.logit, inBias: m.bias(c.item), inSimilar: m.likeness(s, c.item),
		inRowsShare: c.rows, inFirstRate: rate.value[c.first],
	}
	if c.count > 0 {
		x[inBack] = 1 / float32(c.back)
		x[inCount] = float32(min(c.count, 4))
		x[inReturns] = t[traitReturns]
		x[inIsNewest] = oneIf(c.back == 1)
		x[inIsPrevious] = oneIf(c.previous)
	}
	return append(dst, x[:]...)
}

// bias is the embedding's bias of an item, 0 where there is none.
func (m *Model) bias(item uint32) float32 {
	if m.vectors == nil {
		return 0
	}
	return m.vectors.Bias(item)
}

// lnRate is what the ranker sees of a rate.
func lnRate(x float32) float32 { return ln(1 + float32(rateScale*x)) }

func oneIf(is bool) float32 {
	if is {
		return 1
	}
	return 0
}

// Factors of pre, the order before the ranker. They were set by hand.
const (
	preFirst     = .3
	preEmbedding = .07
	preSeen      = .1
	preLeast     = -10 // the embedding counts no lower
)

// pre is b0/max b0 + .3·f1 + .07·max(es, -10) + .1·[in the session]: it decides
// which candidates are re-ranked, and the order where there is no ranker.
func pre(rows, first, embedding float32, inSession bool) float32 {
	x := rows + float32(preFirst*first)
	x += float32(preEmbedding * max(embedding, preLeast))
	if inSession {
		x += preSeen
	}
	return x
}

// preOf is pre of a candidate's inputs.
func preOf(x *[itemInputs]float32) float32 {
	return pre(x[inRowsShare], x[inFirstRate], x[inEmbedding], x[inCount] > 0)
}
