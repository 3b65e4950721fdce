package catalog

import "math"

// Size is an upper bound of how many variants pass, -1 when the filter can
// only be tested, not enumerated.
func (b *Bound) Size() int {
	if b.filter == nil {
		return -1
	}
	return b.size(&b.filter.root)
}

func (b *Bound) size(n *node) int {
	switch n.kind {
	case nodeLeaf:
		return b.leafSize(&b.leaves[n.leaf])
	case nodeAny:
		sum := 0
		for i := range n.children {
			size := b.size(&n.children[i])
			if size < 0 {
				return -1
			}
			sum += size
		}
		return sum
	}
	_, best := b.narrowest(n)
	return best
}

// narrowest is the child of an "all" with the fewest variants.
func (b *Bound) narrowest(n *node) (child, size int) {
	child, size = -1, -1
	for i := range n.children {
		if s := b.size(&n.children[i]); s >= 0 && (size < 0 || s < size) {
			child, size = i, s
		}
	}
	return child, size
}

func (b *Bound) leafSize(l *boundLeaf) int {
	if l.test == testNever {
		return pick(l.negate, -1, 0)
	}
	if l.negate {
		return -1
	}
	sum := 0
	switch l.test {
	case testVariant:
		return l.to - l.from
	case testGroup:
		for _, g := range b.codes[l.from:l.to] {
			sum += len(b.snap.Members(g))
		}
		return sum
	case testExists:
		return pick(len(l.col.posts) == 0, l.col.present, -1)
	case testCodes, testNumbers, testPrice:
		for _, code := range b.codes[l.from:l.to] {
			sum += len(l.col.having(code))
		}
		for n := range l.numbers {
			sum += len(l.col.between(l.bounds(n)))
		}
		return sum + b.moved(l)
	}
	return -1
}

func pick(first bool, a, b int) int {
	if first {
		return a
	}
	return b
}

// moved is how many prices are not where the sorted ones have them.
func (b *Bound) moved(l *boundLeaf) int {
	if list := b.snap.live.moved.Load(); l.test == testPrice && list != nil {
		return len(*list)
	}
	return 0
}

// bounds is the range of numbers that the n-th number of a leaf asks for.
func (l *leaf) bounds(n int) (lo, hi float64) {
	switch l.op {
	case opLess, opLessEqual:
		return math.Inf(-1), l.numbers[n]
	case opMore, opMoreEqual:
		return l.numbers[n], math.Inf(1)
	}
	return l.numbers[n], l.numbers[n]
}

// Append adds to dst at most max variants among which are all that pass, if
// Size is not above max; Match still has to be asked, and one may come twice.
// It adds nothing when the filter cannot be enumerated.
func (b *Bound) Append(dst []uint32, max int) []uint32 {
	if b.filter == nil || b.Size() < 0 {
		return dst
	}
	return b.append(&b.filter.root, dst, len(dst)+max)
}

func (b *Bound) append(n *node, dst []uint32, end int) []uint32 {
	switch n.kind {
	case nodeLeaf:
		return b.appendLeaf(&b.leaves[n.leaf], dst, end)
	case nodeAny:
		for i := range n.children {
			dst = b.append(&n.children[i], dst, end)
		}
		return dst
	}
	if child, _ := b.narrowest(n); child >= 0 {
		return b.append(&n.children[child], dst, end)
	}
	return dst
}

func (b *Bound) appendLeaf(l *boundLeaf, dst []uint32, end int) []uint32 {
	for _, code := range b.codes[l.from:l.to] {
		switch l.test {
		case testVariant:
			if len(dst) < end {
				dst = append(dst, code)
			}
		case testGroup:
			dst = upTo(dst, b.snap.Members(code), end)
		case testCodes:
			dst = upTo(dst, l.col.having(code), end)
		}
	}
	switch l.test {
	case testCodes, testNumbers, testPrice:
		for n := range l.numbers {
			dst = upTo(dst, l.col.between(l.bounds(n)), end)
		}
	case testExists:
		dst = upTo(dst, l.col.sorted, end)
	}
	if b.moved(l) > 0 {
		dst = upTo(dst, *b.snap.live.moved.Load(), end)
	}
	return dst
}

func upTo(dst, list []uint32, end int) []uint32 {
	return append(dst, list[:min(len(list), max(0, end-len(dst)))]...)
}
