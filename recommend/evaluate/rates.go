package evaluate

// Rates say how often and how high the next item was named.
type Rates struct {
	N   int     `json:"n"`   // predictions
	HR  float64 `json:"hr"`  // lists that hold the next item
	MRR float64 `json:"mrr"` // mean of 1/slot of the next item, 0 when absent
}

// add takes in one prediction; until means the fields are sums.
func (r *Rates) add(slot int) {
	r.N++
	if slot > 0 {
		r.HR++
		r.MRR += 1 / float64(slot)
	}
}

// means are the rates of the sums; those of no prediction are 0.
func (r Rates) means() Rates {
	n := float64(max(1, r.N))
	return Rates{N: r.N, HR: r.HR / n, MRR: r.MRR / n}
}
