package best

// Contribution is what one input added to a score.
type Contribution struct {
	Input   string
	Value   float32 // as it is, before it is standardised
	Linear  float64 // what it adds through the linear part, exactly
	Network float64 // what the network's score loses when it has its mean instead
}

// Explanation accounts for one score: Base, the Contributions and Joint add up
// to Score.
type Explanation struct {
	Score         float64
	Base          float64 // the score of a candidate whose inputs all have their mean
	Contributions []Contribution
	Joint         float64 // what the network makes of inputs together, beyond the removals of single ones
}

// Explain accounts for the score of a candidate with these Inputs inputs, as
// AppendInputs gives them or a decision log keeps them. Without a ranker the
// four terms of pre are the contributions.
func (m *Model) Explain(x []float32, policy Policy) Explanation {
	var all [inputs]float32
	copy(all[:], x)
	r := m.ranker(policy)
	if r == nil {
		return explainPre(&all)
	}
	return r.explain(&all)
}

func (r *ranker) explain(x *[inputs]float32) Explanation {
	names := InputNames()
	sums := r.sums(x)
	net, rest := r.network(sums, x, -1), r.network(r.sums(&r.mean), &r.mean, -1)
	e := Explanation{Base: r.lineOf(&r.mean) + rest, Joint: net - rest}
	e.Score = r.lineOf(x) + net
	for n, v := range x {
		c := Contribution{
			Input: names[n], Value: v,
			Linear:  float64(r.linear[n]) * (float64(v) - float64(r.mean[n])),
			Network: net - r.network(sums, x, n),
		}
		e.Joint -= c.Network
		e.Contributions = append(e.Contributions, c)
	}
	return e
}

// lineOf is the linear part.
func (r *ranker) lineOf(x *[inputs]float32) float64 {
	sum := float64(r.base)
	for n, v := range x {
		sum += float64(r.linear[n]) * float64(v)
	}
	return sum
}

// sums are the hidden units before the cut at 0.
func (r *ranker) sums(x *[inputs]float32) []float64 {
	sums := make([]float64, r.hidden)
	for h := range sums {
		sums[h] = float64(r.bias[h])
		for n, v := range x {
			sums[h] += float64(r.first[n*r.hidden+h]) * float64(v)
		}
	}
	return sums
}

// network is the hidden layer's part of the score, with input without (none
// when negative) at its mean.
func (r *ranker) network(sums []float64, x *[inputs]float32, without int) float64 {
	total := 0.
	for h, sum := range sums {
		if without >= 0 {
			sum += float64(r.first[without*r.hidden+h]) * (float64(r.mean[without]) - float64(x[without]))
		}
		total += float64(r.second[h]) * max(sum, 0)
	}
	return total
}

func explainPre(x *[inputs]float32) Explanation {
	names := InputNames()
	var e Explanation
	add := func(input int, score float64) {
		e.Contributions = append(e.Contributions, Contribution{Input: names[input], Value: x[input], Linear: score})
		e.Score += score
	}
	add(inRowsShare, float64(x[inRowsShare]))
	add(inFirstRate, preFirst*float64(x[inFirstRate]))
	add(inEmbedding, preEmbedding*max(float64(x[inEmbedding]), preLeast))
	if x[inCount] > 0 {
		add(inCount, preSeen)
	}
	return e
}
