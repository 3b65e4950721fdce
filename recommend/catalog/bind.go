package catalog

import (
	"slices"
	"strings"
)

// Bound is a filter made ready for one snapshot: names and values are looked
// up once, then every test is a comparison of numbers. It may be bound again
// and again without allocating, and belongs to one goroutine while bound to;
// Match may then be called by any number.
type Bound struct {
	snap   *Snapshot
	filter *Compiled
	leaves []boundLeaf
	codes  []uint32 // of all leaves
}

// test is what a bound leaf compares.
type test uint8

const (
	testNever test = iota
	testCodes
	testNumbers
	testPrice
	testAvailable
	testVariant
	testGroup
	testName
	testNameHas
	testExists
	testPriced
	testAlways
)

type boundLeaf struct {
	*leaf
	test     test
	col      *column
	from, to int // its codes, ascending
}

// Bind makes filter ready for s in b. A nil filter passes everything.
func (s *Snapshot) Bind(filter *Compiled, b *Bound) {
	b.snap, b.filter = s, filter
	b.leaves, b.codes = b.leaves[:0], b.codes[:0]
	if filter == nil {
		return
	}
	for n := range filter.leaves {
		l := &filter.leaves[n]
		bound := boundLeaf{leaf: l, from: len(b.codes)}
		bound.test, bound.col = s.testOf(l)
		b.addCodes(&bound)
		bound.to = len(b.codes)
		slices.Sort(b.codes[bound.from:bound.to])
		b.leaves = append(b.leaves, bound)
	}
}

// testOf says how a condition is tested, and on which column.
func (s *Snapshot) testOf(l *leaf) (test, *column) {
	switch l.attribute {
	case "item_id", "group_id":
		return idTest(l), nil
	case "name":
		return nameTest(l), nil
	case "available":
		if l.op == opExists {
			return testAlways, nil
		}
		return testAvailable, nil
	case "price":
		if l.op == opExists {
			return testPriced, nil
		}
		return testPrice, s.priced
	case "published_at":
		if l.op == opExists {
			return testExists, s.published
		}
		return testNumbers, s.published
	}
	col := s.columns[s.columnName(l.attribute)]
	switch {
	case col == nil:
		return testNever, nil
	case l.op == opExists:
		return testExists, col
	case len(l.numbers) > 0 && len(l.texts) == 0:
		return testNumbers, col
	}
	return testCodes, col
}

func idTest(l *leaf) test {
	switch {
	case l.op == opExists:
		return testAlways
	case l.op != opIn:
		return testNever
	case l.attribute == "item_id":
		return testVariant
	}
	return testGroup
}

func nameTest(l *leaf) test {
	switch l.op {
	case opExists:
		return testName // with no texts: any name
	case opContains:
		return testNameHas
	}
	return testName
}

// addCodes looks the values of a leaf up.
func (b *Bound) addCodes(l *boundLeaf) {
	for _, text := range l.texts {
		code, ok := uint32(0), false
		switch l.test {
		case testCodes:
			code, ok = l.col.dict[text]
		case testVariant:
			code, ok = b.snap.variants[text]
		case testGroup:
			if code, ok = b.snap.groups[text]; !ok {
				code, _ = b.snap.Resolve(text)
				ok = code != None && b.snap.keys[code] == text
			}
		}
		if ok {
			b.codes = append(b.codes, code)
		}
	}
}

// Match reports whether variant v passes, with its price and availability as
// they are now.
func (b *Bound) Match(v uint32) bool {
	if b.filter == nil {
		return true
	}
	return b.match(&b.filter.root, v)
}

func (b *Bound) match(n *node, v uint32) bool {
	switch n.kind {
	case nodeLeaf:
		l := &b.leaves[n.leaf]
		return b.holds(l, v) != l.negate
	case nodeAny:
		for i := range n.children {
			if b.match(&n.children[i], v) {
				return true
			}
		}
		return false
	}
	for i := range n.children {
		if !b.match(&n.children[i], v) {
			return false
		}
	}
	return true
}

func (b *Bound) holds(l *boundLeaf, v uint32) bool {
	switch l.test {
	case testCodes:
		return b.holdsCode(l, v)
	case testNumbers:
		return l.compare(l.col.numberOf(v))
	case testPrice:
		return l.compare(b.snap.Price(v))
	case testAvailable:
		return l.compareBool(b.snap.Available(v))
	case testVariant:
		return contains(b.codes[l.from:l.to], v)
	case testGroup:
		return contains(b.codes[l.from:l.to], b.snap.groupOf[v])
	case testName, testNameHas:
		return l.compareName(b.snap.items[v].Load().Name)
	case testExists:
		return l.col.has(v)
	case testPriced:
		return isNumber(b.snap.Price(v))
	case testAlways:
		return true
	}
	return false
}

func (b *Bound) holdsCode(l *boundLeaf, v uint32) bool {
	wanted := b.codes[l.from:l.to]
	for _, code := range l.col.valuesOf(v) {
		if contains(wanted, code) {
			return true
		}
	}
	return len(l.numbers) > 0 && l.compare(l.col.numberOf(v))
}

// contains looks a code up in an ascending list.
func contains(codes []uint32, code uint32) bool {
	for len(codes) > 8 {
		half := len(codes) / 2
		if codes[half] > code {
			codes = codes[:half]
		} else {
			codes = codes[half:]
		}
	}
	for _, c := range codes {
		if c == code {
			return true
		}
	}
	return false
}

// compare compares a number; NaN, no number, compares false with everything.
func (l *leaf) compare(x float64) bool {
	for _, n := range l.numbers {
		switch {
		case l.op == opIn && x == n, l.op == opLess && x < n, l.op == opLessEqual && x <= n,
			l.op == opMore && x > n, l.op == opMoreEqual && x >= n:
			return true
		}
	}
	return false
}

func (l *leaf) compareBool(x bool) bool {
	for _, t := range l.texts {
		if (t == "true") == x {
			return true
		}
	}
	return false
}

func (l *leaf) compareName(name string) bool {
	if l.op == opExists {
		return name != ""
	}
	for _, t := range l.texts {
		if l.op == opIn && name == t || l.op == opContains && containsFold(name, t) {
			return true
		}
	}
	return false
}

// containsFold looks for a text in lower case without making the name so.
func containsFold(name, lower string) bool {
	for n := 0; n+len(lower) <= len(name); n++ {
		if strings.EqualFold(name[n:n+len(lower)], lower) {
			return true
		}
	}
	return false
}
