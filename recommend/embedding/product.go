package embedding

import "github.com/viterin/vek/vek32"

// chunk is how many vectors are multiplied while they are in the first cache:
// 64 of 64 values are half of it.
const chunk = 64

// alone is how many products vek32 computes at most in one call without
// starting goroutines of its own, which would cost more than they bring: the
// work is already spread.
const alone = 99_999

// dots fills dst with the dot products of v and each row of m, whose rows are
// len(v) long: dst = m·v. Two loads per fused product keep the vector unit as
// busy as the first cache allows.
func dots(dst, m, v []float32) {
	n := len(v)
	step := max(1, alone/n)
	for len(dst) > step {
		vek32.MatMul_Into(dst[:step:step], m[:step*n], v, n)
		dst, m = dst[step:], m[step*n:]
	}
	vek32.MatMul_Into(dst, m[:len(dst)*n], v, n)
}

// turn writes v as the n-th column of a transposed matrix that is cut into
// chunks of columns, each lying whole in memory.
func turn(dst, v []float32, n int) {
	at := n/chunk*chunk*len(v) + n%chunk
	for k, x := range v {
		dst[at+k*chunk] = x
	}
}

// transpose writes the tile of src (stride from) into dst (stride to) with
// rows and columns exchanged; both sides are multiples of 8.
func transpose(dst []float32, to int, src []float32, from, rows, columns int) {
	for c := 0; c < columns; c += 8 {
		for r := 0; r < rows; r += 8 {
			tile(dst[c*to+r:], to, src[r*from+c:], from)
		}
	}
}

// tile transposes 8 by 8 values.
func tile(dst []float32, to int, src []float32, from int) {
	for c := range 8 {
		d := dst[c*to : c*to+8 : c*to+8]
		s := src[c:]
		d[0], d[1], d[2], d[3] = s[0], s[from], s[2*from], s[3*from]
		d[4], d[5], d[6], d[7] = s[4*from], s[5*from], s[6*from], s[7*from]
	}
}
