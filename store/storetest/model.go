package storetest

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
)

// The model's names are few, so that its writes meet, and some are the
// beginning of others.
var (
	modelSites    = [...]string{"a", "ab"}
	modelVisitors = [...]string{"v", "vv", "u"} // u is a user, too
	modelSessions = [...]string{"x", "xy"}
	modelIDs      = [...]string{"1", "2", "12"}
	modelVersions = [...]string{"m", "mm", "n"}
)

// checkModel compares a store with the oracle over random histories. rapid
// prints the seed and the shortest history of a failure.
func checkModel(t *testing.T, open Opener) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{s: open(t), t: t, want: newOracle(), seen: map[string]position{}}
		rt.Repeat(map[string]func(*rapid.T){
			"append":   m.append,
			"history":  m.history,
			"erase":    m.erase,
			"dropLog":  m.dropLog,
			"sweep":    m.sweep,
			"profiles": m.profiles,
			"versions": m.versions,
			"reopen":   m.reopen,
			"read":     m.read,
			"check":    m.check, // not after every action: it asks for everything there is
		})
		m.check(rt)
		if err := m.s.Close(); err != nil {
			rt.Fatalf("close: %v", err)
		}
	})
}

type model struct {
	s    store.Store
	t    *testing.T
	want *oracle
	seen map[string]position // per site
}

// position is how far the model has read a log: as a cursor and in the oracle.
type position struct {
	cursor event.Cursor
	index  int
}

func pick(rt *rapid.T, what string, from []string) string {
	return rapid.SampledFrom(from).Draw(rt, what)
}

func drawTime(rt *rapid.T, what string) int64 {
	return base + rapid.Int64Range(0, 5).Draw(rt, what)*hourMs/2
}

func drawRecords(rt *rapid.T) []event.Record {
	site := pick(rt, "site", modelSites[:])
	return rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) event.Record {
		r := rec(site, pick(rt, "visitor", modelVisitors[:]), pick(rt, "session", modelSessions[:]), pick(rt, "id", modelIDs[:]), drawTime(rt, "ts"))
		r.UserID = pick(rt, "user", []string{"", "u"})
		r.Proven = rapid.Bool().Draw(rt, "proven")
		return r
	}), 1, 5).Draw(rt, "records")
}

func (m *model) must(rt *rapid.T, err error) {
	if err != nil {
		rt.Fatalf("unexpected error: %v", err)
	}
}

func (m *model) append(rt *rapid.T) {
	w := ingest.Write{Records: drawRecords(rt)}
	if rapid.Bool().Draw(rt, "with visitor") {
		w.Visitors = []session.Visitor{{
			Site: w.Records[0].Site, ID: pick(rt, "row", modelVisitors[:]), Session: "x", SessionAt: drawTime(rt, "session at"),
			UserID: pick(rt, "link", []string{"", "u"}), Proven: true, Lasting: rapid.Bool().Draw(rt, "lasting"),
		}}
	}
	m.must(rt, m.s.Append(m.t.Context(), w))
	m.want.append(w.Records)
	for _, v := range w.Visitors {
		m.want.visitors[siteID{v.Site, v.ID}] = v
	}
}

func (m *model) history(rt *rapid.T) {
	recs := drawRecords(rt)
	m.must(rt, m.s.PutHistory(m.t.Context(), recs))
	m.want.history = m.want.add(m.want.history, recs)
}

func (m *model) erase(rt *rapid.T) {
	site, id, ms := pick(rt, "site", modelSites[:]), pick(rt, "visitor", modelVisitors[:]), drawTime(rt, "at")
	m.must(rt, m.s.EraseVisitor(m.t.Context(), site, id, at(ms)))
	m.want.erase(site, id, ms)
}

func (m *model) dropLog(rt *rapid.T) {
	site, before := pick(rt, "site", modelSites[:]), drawTime(rt, "before")
	m.must(rt, m.s.DropLog(m.t.Context(), site, at(before)))
	m.want.dropLog(site, before)
}

func (m *model) sweep(rt *rapid.T) {
	before := drawTime(rt, "before")
	m.must(rt, m.s.Sweep(m.t.Context(), at(before).Add(store.SessionEventsKept)))
	m.want.sweep(before)
}

func (m *model) profiles(rt *rapid.T) {
	site, version := pick(rt, "site", modelSites[:]), pick(rt, "version", modelVersions[:])
	slot := m.want.slots[siteID{site, version}]
	if rapid.Bool().Draw(rt, "put") {
		id, segment := pick(rt, "id", modelVisitors[:]), rapid.StringMatching(`[a-z]{1,3}`).Draw(rt, "segment")
		m.must(rt, m.s.PutProfiles(m.t.Context(), site, version, []profile.Profile{{ID: id, Segments: []string{segment}}}))
		if slot == nil {
			slot = map[string]string{}
			m.want.slots[siteID{site, version}] = slot
		}
		slot[id] = segment
		return
	}
	err := m.s.ActivateProfiles(m.t.Context(), site, version)
	if slot == nil {
		if fault.KindOf(err) != fault.NotFound {
			rt.Fatalf("activating a dataset that does not exist: %v", err)
		}
		return
	}
	m.must(rt, err)
	if old := m.want.active[site]; old != version {
		delete(m.want.slots, siteID{site, old})
		m.want.active[site] = version
	}
}

func (m *model) versions(rt *rapid.T) {
	ctx, site, id := m.t.Context(), pick(rt, "site", modelSites[:]), pick(rt, "version", modelVersions[:])
	_, there := m.want.bodies[siteID{site, id}]
	var err error
	var want fault.Kind
	switch pick(rt, "do", []string{"put", "activate", "delete"}) {
	case "put":
		b := rapid.String().Draw(rt, "body")
		m.must(rt, m.s.PutVersion(ctx, site, "model", store.Version{ID: id}, []byte(b)))
		m.want.bodies[siteID{site, id}] = b
		return
	case "activate":
		err = m.s.Activate(ctx, site, "model", id)
		if there {
			m.want.pointer[site] = id
		}
	case "delete":
		err = m.s.DeleteVersion(ctx, site, "model", id)
		if there && m.want.pointer[site] == id {
			want = fault.Conflict
		} else {
			delete(m.want.bodies, siteID{site, id})
		}
	}
	if !there {
		want = fault.NotFound
	}
	if want == fault.Internal {
		m.must(rt, err)
	} else if fault.KindOf(err) != want {
		rt.Fatalf("version %q: error %v, want kind %d", id, err, want)
	}
}

func (m *model) reopen(*rapid.T) {
	if r, ok := m.s.(Reopener); ok {
		m.s = r.Reopen(m.t)
	}
}

// read moves the model's cursor of a site and compares what it passes.
func (m *model) read(rt *rapid.T) {
	site := pick(rt, "site", modelSites[:])
	p := m.seen[site]
	var got []event.Record
	next, _, err := m.s.ScanLog(m.t.Context(), site, p.cursor, 0, func(r event.Record) error {
		got = append(got, r)
		return nil
	})
	m.must(rt, err)
	same(rt, "log behind the cursor", got, m.want.logBehind(site, p.index))
	m.seen[site] = position{next, len(m.want.log)}
}
