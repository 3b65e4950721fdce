package keys

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Ring finds the key of a request. Reading takes no lock and allocates
// nothing; a change replaces the whole set. The zero Ring is empty.
type Ring struct {
	write sync.Mutex // one writer at a time
	set   atomic.Pointer[set]
}

// set is immutable once published.
type set struct {
	byHash  map[Hash]*Key
	byID    map[string]*Key
	origins map[string]bool // of active publishable keys
}

// NewRing makes a ring of keys, revoked ones included, so that a revoked key
// can be told from an unknown one.
func NewRing(all ...Key) *Ring {
	r := &Ring{}
	r.set.Store(build(all))
	return r
}

// Put adds keys or replaces those of the same id: a new one, a revocation.
func (r *Ring) Put(changed ...Key) {
	r.write.Lock()
	defer r.write.Unlock()
	next := make(map[string]Key)
	if s := r.set.Load(); s != nil {
		for id, k := range s.byID {
			next[id] = *k
		}
	}
	for _, k := range changed {
		next[k.ID] = k
	}
	all := make([]Key, 0, len(next))
	for _, k := range next {
		all = append(all, k)
	}
	r.set.Store(build(all))
}

func build(all []Key) *set {
	s := &set{byHash: make(map[Hash]*Key, len(all)), byID: make(map[string]*Key, len(all)), origins: map[string]bool{}}
	for _, k := range all {
		k.Origins = slices.Clone(k.Origins)
		s.byHash[k.Hash] = &k
		s.byID[k.ID] = &k
		if k.Scope == Publishable && k.Active() {
			for _, o := range k.Origins {
				s.origins[o] = true
			}
		}
	}
	return s
}

// Find returns the key of a secret, active or revoked, or nil. The secret is
// looked up by its hash, whose bytes nobody can steer, and the stored hash is
// compared in constant time, so timing says nothing about any key. The key
// must not be changed.
func (r *Ring) Find(secret []byte) *Key {
	s := r.set.Load()
	if s == nil || len(secret) == 0 || len(secret) > maxSecret {
		return nil
	}
	sum := Hash(sha256.Sum256(secret))
	k := s.byHash[sum]
	if k == nil || subtle.ConstantTimeCompare(k.Hash[:], sum[:]) != 1 {
		return nil
	}
	return k
}

// ByID returns the key of an id, or nil. It must not be changed.
func (r *Ring) ByID(id string) *Key {
	s := r.set.Load()
	if s == nil {
		return nil
	}
	return s.byID[id]
}

// AnyAllows reports whether a page of this origin may use any active key: what
// a preflight, which carries no key, can be told.
func (r *Ring) AnyAllows(origin []byte) bool {
	s := r.set.Load()
	return s != nil && s.origins[string(origin)]
}

// List returns a site's keys, newest first; every site's for "".
func (r *Ring) List(site string) []Key {
	s := r.set.Load()
	if s == nil {
		return nil
	}
	var out []Key
	for _, k := range s.byID {
		if site == "" || k.Site == site {
			out = append(out, *k)
		}
	}
	slices.SortFunc(out, func(a, b Key) int {
		if a.CreatedAt != b.CreatedAt {
			return int(min(1, max(-1, b.CreatedAt-a.CreatedAt)))
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// ActiveCount is how many active keys of a scope a site has. Two or more may
// be active at once, so that a key is rotated without an outage.
func (r *Ring) ActiveCount(site string, scope Scope) int {
	n := 0
	for _, k := range r.List(site) {
		if k.Scope == scope && k.Active() {
			n++
		}
	}
	return n
}

// Len is how many keys the ring knows, revoked ones included.
func (r *Ring) Len() int {
	s := r.set.Load()
	if s == nil {
		return 0
	}
	return len(s.byID)
}
