package session

import (
	"testing"

	"pgregory.net/rapid"
)

// The id set against a map.
func TestIDSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s idSet
		model := map[uint64]bool{}
		id := rapid.Custom(func(t *rapid.T) uint64 { // many share their place in the table
			return rapid.Uint64Range(1, 12).Draw(t, "high")<<32 | rapid.Uint64Range(0, 3).Draw(t, "low")
		})
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				h := id.Draw(t, "h")
				if s.add(h) == model[h] {
					t.Fatalf("add %x: known %v", h, model[h])
				}
				model[h] = true
			},
			"remove": func(t *rapid.T) {
				h := id.Draw(t, "h")
				s.remove(h)
				delete(model, h)
			},
			"": func(t *rapid.T) {
				if s.n != len(model) {
					t.Fatalf("%d ids, not %d", s.n, len(model))
				}
				for h := range model {
					if !s.has(h) {
						t.Fatalf("%x is lost", h)
					}
				}
			},
		})
	})
}

func TestIDSetIsBounded(t *testing.T) {
	var s idSet
	for h := uint64(0); h < 2*maxIDs; h++ {
		s.add(h * 0x9e3779b97f4a7c15)
	}
	if s.n != maxIDs || len(s.table) > 2*maxIDs {
		t.Errorf("%d ids in a table of %d", s.n, len(s.table))
	}
	if s.add(0) {
		t.Error("0 was added before")
	}
}

func TestLRU(t *testing.T) {
	type value struct{ pinned, old bool }
	var l lru[int, value]
	l.init(3, func(v *value) bool { return !v.pinned })
	expired := func(v *value) bool { return v.old }
	for i := range 3 {
		l.put(i, expired)
	}
	l.get(0).pinned = true
	l.get(1)
	l.get(2)
	l.put(3, expired) // full: the oldest that is free goes
	if l.get(0) == nil || l.get(1) != nil || l.len() != 3 {
		t.Error("1 should have gone")
	}
	l.get(2).old = true
	l.get(0)
	l.get(3)
	l.remove(3)
	l.put(4, expired) // not full: what is expired goes
	if l.get(2) != nil || l.len() != 2 {
		t.Error("2 should have gone")
	}
	l.removeFunc(func(k int, _ *value) bool { return k == 0 })
	if l.len() != 1 || l.get(4) == nil {
		t.Error("only 4 should be left")
	}
}

func TestMarks(t *testing.T) {
	var m marks
	m.put("a", 5, false)
	m.put("b", 7, false)
	m.put("a", 9, true)
	m.put("a", 6, false) // older news
	m.put("a", 9, false) // taken back wins
	if len(m) != 2 || m[0].item != "b" || m[1] != (mark{"a", 9, true}) {
		t.Errorf("%+v", m)
	}
	for i := range 2 * maxMarks {
		m.put(string(rune('A'+i)), int64(100+i), false)
	}
	m.put("late", 1, false)
	if len(m) != maxMarks || m[maxMarks-1].time != 100+2*maxMarks-1 {
		t.Errorf("%d marks", len(m))
	}
}
