package cached

import (
	"testing"

	"pgregory.net/rapid"
)

// A mark is valid only if nothing was written since that the query minds:
// anything of its id or site, but for writes of the session it leaves out.
func TestGenerations(t *testing.T) {
	type write struct{ site, id, session string }
	rapid.Check(t, func(rt *rapid.T) {
		g := newGenerations()
		name := func(what string) string { return rapid.SampledFrom([]string{"a", "ab", "b"}).Draw(rt, what) }
		type reading struct {
			q     query
			mark  mark
			since int
		}
		var writes []write
		var readings []reading
		rt.Repeat(map[string]func(*rapid.T){
			"read": func(*rapid.T) {
				q := query{group: histories, site: name("site"), id: name("id"), except: rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "except")}
				a := g.ask(q)
				readings = append(readings, reading{q, a.current(), len(writes)})
			},
			"write": func(*rapid.T) {
				w := write{name("site"), name("id"), name("session")}
				g.bump(histories, w.site, w.id, w.session)
				writes = append(writes, w)
			},
			"writeSite": func(*rapid.T) {
				w := write{site: name("site")}
				g.bumpSite(histories, w.site)
				writes = append(writes, w)
			},
			"writeElse": func(*rapid.T) {
				g.bump(profiles, name("site"), name("id"), "")
			},
			"": func(rt *rapid.T) {
				for _, r := range readings {
					want := true
					for _, w := range writes[r.since:] {
						mine := w.site == r.q.site && (w.id == r.q.id || w.id == "")
						if mine && (r.q.except == "" || w.session != r.q.except) {
							want = false
						}
					}
					if a := g.ask(r.q); a.valid(r.mark) && !want {
						rt.Fatalf("%+v is valid after %v", r, writes[r.since:])
					}
				}
			},
		})
	})
}

// The same in the other direction, where it is promised: writes of one session
// in a row keep what leaves that session out.
func TestGenerationsOfOneSession(t *testing.T) {
	g := newGenerations()
	g.bump(histories, "s", "v", "before")
	q := g.ask(query{group: histories, site: "s", id: "v", except: "now"})
	m := q.current()
	for range 5 {
		g.bump(histories, "s", "v", "now")
	}
	if !q.valid(m) {
		t.Fatal("writes of the excepted session outdate")
	}
	g.bump(histories, "s", "v", "other")
	g.bump(histories, "s", "v", "now")
	if q.valid(m) {
		t.Fatal("a write of another session does not outdate")
	}
}
