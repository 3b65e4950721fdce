package best

import "math"

// ranker is score = w0·x + Σ w2·max(0, W1·x + b1) over the inputs x: a linear
// part and a hidden layer. It is trained on standardised inputs; what is kept
// here takes the inputs as they are.
type ranker struct {
	hidden int             // units, a multiple of 8
	mean   [inputs]float32 // of the training candidates
	sd     [inputs]float32 // > 0
	linear [inputs]float32 // w0
	base   float32         // of the linear part
	first  []float32       // W1: hidden by input
	bias   []float32       // b1: hidden
	second []float32       // w2: hidden
}

// appendScores appends the scores of candidates, whose inputs lie one after
// the other. Products are rounded before they are added, so that no machine
// fuses the two: the same inputs have the same score everywhere.
func (r *ranker) appendScores(dst []float32, request *[requestInputs]float32, items []float32) []float32 {
	var bias [MaxHidden]float32
	base := r.base
	copy(bias[:], r.bias)
	for n, x := range request {
		base += float32(r.linear[itemInputs+n] * x)
		for h, w := range r.first[(itemInputs+n)*r.hidden:][:r.hidden] {
			bias[h%MaxHidden] += float32(w * x)
		}
	}
	for ; len(items) >= itemInputs; items = items[itemInputs:] {
		x := (*[itemInputs]float32)(items)
		set, some := [itemInputs]uint8{}, 0 // the inputs that are not 0
		sum := base
		for n, v := range x {
			sum += float32(r.linear[n] * v)
			set[some%itemInputs] = uint8(n)
			if math.Float32bits(v)<<1 != 0 {
				some++
			}
		}
		for h := 0; h < r.hidden; h += 8 {
			sum += r.units(x, set[:some], h, (*[8]float32)(bias[h:]))
		}
		dst = append(dst, sum)
	}
	return dst
}

// units is what eight hidden units from h on add. Their sums stay in registers.
func (r *ranker) units(x *[itemInputs]float32, set []uint8, h int, bias *[8]float32) float32 {
	a0, a1, a2, a3 := bias[0], bias[1], bias[2], bias[3]
	a4, a5, a6, a7 := bias[4], bias[5], bias[6], bias[7]
	for _, n := range set {
		v := x[n]
		w := (*[8]float32)(r.first[int(n)*r.hidden+h:])
		a0 += float32(v * w[0])
		a1 += float32(v * w[1])
		a2 += float32(v * w[2])
		a3 += float32(v * w[3])
		a4 += float32(v * w[4])
		a5 += float32(v * w[5])
		a6 += float32(v * w[6])
		a7 += float32(v * w[7])
	}
	w := (*[8]float32)(r.second[h:])
	sum := float32(w[0]*max(a0, 0)) + float32(w[1]*max(a1, 0))
	sum += float32(w[2]*max(a2, 0)) + float32(w[3]*max(a3, 0))
	sum += float32(w[4]*max(a4, 0)) + float32(w[5]*max(a5, 0))
	return sum + (float32(w[6]*max(a6, 0)) + float32(w[7]*max(a7, 0)))
}
