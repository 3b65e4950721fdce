package session

// lru is a map that forgets what was used least recently, once it is full or
// what is oldest has expired. What must stay (see init) is passed over. The
// caller locks.
type lru[K comparable, V any] struct {
	m    map[K]*node[K, V]
	root node[K, V] // root.next is the newest, root.prev the oldest
	max  int
	free func(*V) bool // may this one go?
}

type node[K comparable, V any] struct {
	prev, next *node[K, V]
	key        K
	val        V
}

func (l *lru[K, V]) init(max int, free func(*V) bool) {
	l.m = make(map[K]*node[K, V])
	l.root.prev, l.root.next = &l.root, &l.root
	l.max, l.free = max, free
}

func (l *lru[K, V]) len() int { return len(l.m) }

// get finds the value of a key and makes it the newest; nil when there is none.
func (l *lru[K, V]) get(k K) *V {
	n := l.m[k]
	if n == nil {
		return nil
	}
	if l.root.next != n {
		n.unlink()
		l.link(n)
	}
	return &n.val
}

// put makes the value of a key that has none, and drops of the oldest those
// that are expired or too many.
func (l *lru[K, V]) put(k K, expired func(*V) bool) *V {
	l.shrink(expired)
	n := &node[K, V]{key: k}
	l.m[k] = n
	l.link(n)
	return &n.val
}

// lookAt bounds how many of the oldest one insertion looks at.
const lookAt = 8

func (l *lru[K, V]) shrink(expired func(*V) bool) {
	n := l.root.prev
	for i := 0; i < lookAt && n != &l.root; i++ {
		prev := n.prev
		full := len(l.m) >= l.max
		if !full && !expired(&n.val) {
			return
		}
		if l.free(&n.val) {
			l.drop(n)
		}
		n = prev
	}
}

func (l *lru[K, V]) remove(k K) {
	if n := l.m[k]; n != nil {
		l.drop(n)
	}
}

func (l *lru[K, V]) removeFunc(gone func(K, *V) bool) {
	for k, n := range l.m {
		if gone(k, &n.val) {
			l.drop(n)
		}
	}
}

func (l *lru[K, V]) drop(n *node[K, V]) {
	n.unlink()
	delete(l.m, n.key)
}

func (n *node[K, V]) unlink() {
	n.prev.next, n.next.prev = n.next, n.prev
	n.prev, n.next = nil, nil
}

func (l *lru[K, V]) link(n *node[K, V]) {
	n.prev, n.next = &l.root, l.root.next
	n.prev.next, n.next.prev = n, n
}
