package rows

import (
	"math"

	"github.com/nextbest/nextbest/internal/fault"
)

// maxIDBytes is the longest id that a file may hold.
const maxIDBytes = 1 << 20

func corrupt(format string, args ...any) error {
	return fault.Invalidf("model_file", "not a usable model file: "+format, args...)
}

// check verifies everything that reading a Model relies on.
func (m *Model) check() error {
	n := len(m.counts)
	if n == 0 || n > math.MaxInt32 || len(m.idOff) != n+1 || len(m.mass) != n || len(m.popular) != n || len(m.start) != n ||
		len(m.words) > math.MaxUint32 {
		return corrupt("its sizes are impossible")
	}
	if err := m.checkItems(); err != nil {
		return err
	}
	return m.checkRows()
}

func (m *Model) checkItems() error {
	off := m.idOff
	if off[0] != 0 || int(off[len(off)-1]) != len(m.ids) {
		return corrupt("its ids do not span their section")
	}
	for n := 1; n < len(off); n++ {
		if off[n] < off[n-1] || off[n]-off[n-1] > maxIDBytes || int(off[n]) > len(m.ids) {
			return corrupt("its id %d is impossible", n-1)
		}
	}
	for i := range uint32(m.Len()) {
		if i > 0 && m.ID(i-1) >= m.ID(i) {
			return corrupt("its item ids are not in order")
		}
		if !finite(m.mass[i]) || m.mass[i] < 0 {
			return corrupt("its item %d has an impossible mass", i)
		}
	}
	return nil
}

// checkRows follows the rows through words: in the order of popularity they
// must fill it. Clicks that never grow and ids that do within equal clicks
// make popular a list of every item once.
func (m *Model) checkRows() error {
	at := 0
	for n, i := range m.popular {
		if int(i) >= m.Len() || n > 0 && m.moreClicks(m.popular[n-1], i) >= 0 {
			return corrupt("its items are not in the order of their clicks")
		}
		if int(m.start[i]) != at || len(m.words)-at < rowHead || m.words[at] > MaxTop ||
			len(m.words)-at < rowWords(int(m.words[at])) {
			return corrupt("its row %d is impossible", i)
		}
		at += rowWords(int(m.words[at]))
		r := m.RowAt(i)
		if !r.valid(m.Len()) {
			return corrupt("its row %d holds an impossible entry", i)
		}
		m.entries += r.Len()
	}
	if at != len(m.words) {
		return corrupt("its rows do not span their section")
	}
	return nil
}

// valid checks a row of a model of so many items.
func (r Row) valid(items int) bool {
	if len(r.cols) > 0 && !(r.scale > 0) || r.scale < 0 || !finite(float64(r.scale*maxWeight)) || math.Signbit(float64(r.scale)) {
		return false
	}
	for n, j := range r.cols {
		if int(j) >= items || half(r.weights, n) == 0 {
			return false
		}
	}
	return len(r.cols)%2 == 0 || r.weights[len(r.weights)-1]>>16 == 0
}
