package embedding

import (
	"encoding/binary"
	"math"

	"github.com/viterin/vek/vek32"

	"github.com/nextbest/nextbest/internal/fault"
)

// Quantised is a Model with one byte per value, a quarter of the memory and of
// the cache misses. Four products are added up by one integer multiplication,
// so that its dot needs no vector unit and is exact in the codes:
//
//	(a0 + a1·x + a2·x² + a3·x³)(h3 + h2·x + h1·x² + h0·x³), x = 2^16,
//
// has a0·h0 + a1·h1 + a2·h2 + a3·h3 at x³, with nothing carried into it as
// long as codes have 8 and the query's values 6 bits: 4·255·63 < 2^16. Safe
// for any number of readers; the fields are for whoever stores it.
type Quantised struct {
	Dim   int            // values of a vector
	Tau   float32        // temperature
	Codes []uint8        // Len() rows of Dim codes: 128 + value/step
	Meta  []float32      // per item four values: step (0 without a vector), bias, length, sum of the codes
	Pos   [Steps]float32 // weight of the newest step, the one before it …
}

const (
	metaStep = iota
	metaBias
	metaNorm
	metaSum
	metaLen
)

const (
	codeZero  = 128 // the code of 0 in an item's vector
	codeMax   = 127 // and how far codes go from it
	queryZero = 32  // the same for a session's
	queryMax  = 31
)

// Quantise rounds a model's vectors to one byte per value, each vector with
// its own step.
func (m *Model) Quantise() *Quantised {
	q := &Quantised{
		Dim: m.Dim, Tau: m.Tau, Pos: m.Pos,
		Codes: make([]uint8, len(m.E)), Meta: make([]float32, metaLen*m.Len()),
	}
	for i := range uint32(m.Len()) {
		if !m.Has(i) {
			continue
		}
		v, codes, sum := m.Row(i), q.row(i), 0
		step := largest(v) / codeMax
		for k, x := range v {
			codes[k] = uint8(codeZero + int(math.RoundToEven(float64(x/step))))
			sum += int(codes[k])
		}
		meta := q.meta(i)
		meta[metaStep], meta[metaBias], meta[metaNorm], meta[metaSum] = step, m.Bias[i], m.Norm[i], float32(sum)
	}
	return q
}

func largest(v []float32) float32 {
	return max(vek32.Max(v), -vek32.Min(v))
}

// Check says whether the parts fit together and hold finite numbers; the error
// is a fault of kind Invalid. It guards models read from a file.
func (q *Quantised) Check() error {
	n := q.Len()
	if q.Dim < MinDim || q.Dim > MaxDim || q.Dim%8 != 0 || len(q.Codes) != n*q.Dim || len(q.Meta) != n*metaLen {
		return fault.Invalidf("embedding_shape", "the embedding's parts have sizes that do not fit together")
	}
	if !(q.Tau > 0) || !finite([]float32{q.Tau}) || !finite(q.Meta) || !finite(q.Pos[:]) {
		return fault.Invalidf("embedding_value", "the embedding holds a value that is not a finite number")
	}
	return nil
}

// Len is the number of items.
func (q *Quantised) Len() int { return len(q.Meta) / metaLen }

// Has tells whether item i has a vector; false also for Unknown.
func (q *Quantised) Has(i uint32) bool { return int(i) < q.Len() && q.Meta[int(i)*metaLen] > 0 }

// Bias is the bias of item i < Len(), 0 without a vector.
func (q *Quantised) Bias(i uint32) float32 { return q.Meta[int(i)*metaLen+metaBias] }

func (q *Quantised) row(i uint32) []uint8 { return q.Codes[int(i)*q.Dim : int(i+1)*q.Dim] }

func (q *Quantised) meta(i uint32) []float32 { return q.Meta[int(i)*metaLen : int(i+1)*metaLen] }

// Direction is a session's vector in the form that Quantised multiplies with.
// One request uses it at a time.
type Direction struct {
	h     []float32
	words []uint64 // two per 8 values: the even ones, the odd ones
	step  float32
	shift float32 // what the offsets of the codes add to every product
}

// NewDirection makes room for a session's vector.
func (q *Quantised) NewDirection() *Direction {
	return &Direction{h: make([]float32, q.Dim), words: make([]uint64, q.Dim/4)}
}

// Session fills d like Model.Session. It does not allocate.
func (q *Quantised) Session(d *Direction, steps []uint32, weights []float32) bool {
	d.step = 0 // without a direction every logit is the bias
	h := d.h[:q.Dim]
	clear(h)
	for b, s := range steps[:min(len(steps), Steps)] {
		if !q.Has(s) {
			continue
		}
		meta := q.meta(s)
		w := q.Pos[b] * meta[metaNorm] * meta[metaStep]
		if weights != nil {
			w *= weights[b]
		}
		for k, c := range q.row(s) {
			h[k] += w * float32(int(c)-codeZero)
		}
	}
	if unit(h) == 0 {
		return false
	}
	d.pack(1 / q.Tau)
	return true
}

// pack rounds h to 6 bits and lays the values out so that one multiplication
// adds up four products.
func (d *Direction) pack(scale float32) {
	step := largest(d.h) / queryMax
	sum, inverse := 0, 1/step
	for n := 0; n < len(d.h); n += 8 {
		var even, odd uint64
		for k := range 4 {
			a := uint64(queryZero + int(math.RoundToEven(float64(d.h[n+2*k]*inverse))))
			b := uint64(queryZero + int(math.RoundToEven(float64(d.h[n+2*k+1]*inverse))))
			even |= a << (48 - 16*k)
			odd |= b << (48 - 16*k)
			sum += int(a + b)
		}
		d.words[n/4], d.words[n/4+1] = even, odd
	}
	d.step = step * scale
	d.shift = float32(codeZero*queryZero*len(d.h) - codeZero*sum)
}

// Logit is the logit of item i for a session that Session filled d with.
func (q *Quantised) Logit(d *Direction, i uint32) float32 {
	at := int(i) * metaLen
	if at+metaLen > len(q.Meta) {
		return NoLogit
	}
	meta := (*[metaLen]float32)(q.Meta[at:])
	if !(meta[metaStep] > 0) {
		return NoLogit
	}
	var sum uint64
	if codes := q.row(i); len(codes) == usualDim && len(d.words) == usualDim/4 {
		sum = multiplyUsual((*[usualDim]uint8)(codes), (*[usualDim / 4]uint64)(d.words))
	} else {
		sum = multiply(codes, d.words)
	}
	product := float32(sum) - queryZero*meta[metaSum] + d.shift
	return product*meta[metaStep]*d.step + meta[metaBias]
}

// Logits fills dst with the logits of items. It does not allocate.
func (q *Quantised) Logits(dst []float32, d *Direction, items []uint32) {
	for n, i := range items {
		dst[n] = q.Logit(d, i)
	}
}

// fields are the even bytes of a word.
const fields = 0x00ff00ff00ff00ff

// multiply is the sum of the products of codes and the packed values.
func multiply(codes []uint8, words []uint64) (sum uint64) {
	for len(codes) >= 16 && len(words) >= 4 {
		a, b := binary.LittleEndian.Uint64(codes), binary.LittleEndian.Uint64(codes[8:])
		sum += (a&fields)*words[0]>>48 + (a>>8&fields)*words[1]>>48
		sum += (b&fields)*words[2]>>48 + (b>>8&fields)*words[3]>>48
		codes, words = codes[16:], words[4:]
	}
	if len(codes) >= 8 && len(words) >= 2 {
		a := binary.LittleEndian.Uint64(codes)
		sum += (a&fields)*words[0]>>48 + (a>>8&fields)*words[1]>>48
	}
	return sum
}

// usualDim is the default length of a vector; multiplyUsual is multiply for it,
// without a check of bounds.
const usualDim = 64

func multiplyUsual(codes *[usualDim]uint8, words *[usualDim / 4]uint64) (sum uint64) {
	var more uint64
	for n := 0; n < usualDim; n += 16 {
		a, b := binary.LittleEndian.Uint64(codes[n:n+8]), binary.LittleEndian.Uint64(codes[n+8:n+16])
		w := (*[4]uint64)(words[n/4 : n/4+4])
		sum += (a&fields)*w[0]>>48 + (a>>8&fields)*w[1]>>48
		more += (b&fields)*w[2]>>48 + (b>>8&fields)*w[3]>>48
	}
	return sum + more
}
