package storetest

import (
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// check compares everything that the model can name.
func (m *model) check(rt *rapid.T) {
	ctx := m.t.Context()
	for _, site := range modelSites {
		var log []event.Record
		_, _, err := m.s.ScanLog(ctx, site, nil, 0, func(r event.Record) error {
			log = append(log, r)
			return nil
		})
		m.must(rt, err)
		same(rt, "log", log, m.want.logBehind(site, 0))
		for _, id := range modelVisitors {
			m.checkVisitor(rt, site, id)
		}
		active, err := m.s.ActiveProfiles(ctx, site)
		m.must(rt, err)
		same(rt, "active profiles", active, m.want.active[site])
		m.checkVersions(rt, site)
	}
}

func (m *model) checkVisitor(rt *rapid.T, site, id string) {
	ctx := m.t.Context()
	for _, x := range modelSessions {
		key := session.Key{Site: site, Visitor: id, Session: x}
		recs, ids, err := m.s.SessionEvents(ctx, key, 4)
		m.must(rt, err)
		want := m.want.sessionEvents(key)
		same(rt, "session", recs, want[:min(4, len(want))])
		same(rt, "ids", ids, idsOf(want))
	}
	recs, err := m.s.History(ctx, site, id, 4)
	m.must(rt, err)
	want := m.want.historyOf(site, id)
	same(rt, "history", recs, want[:min(4, len(want))])
	v, err := m.s.Visitor(ctx, site, id)
	m.must(rt, err)
	same(rt, "visitor", v, m.want.visitor(site, id))
	p, err := m.s.Profile(ctx, site, id)
	m.must(rt, err)
	segment := ""
	if p != nil {
		segment = p.Segments[0]
	}
	same(rt, "profile", segment, m.want.profile(site, id))
}

func (m *model) checkVersions(rt *rapid.T, site string) {
	ctx := m.t.Context()
	active, err := m.s.Active(ctx, site, "model")
	m.must(rt, err)
	same(rt, "active version", active, m.want.pointer[site])
	all, err := m.s.Versions(ctx, site, "model")
	m.must(rt, err)
	n := 0
	for key, want := range m.want.bodies {
		if key.site != site {
			continue
		}
		n++
		got, err := m.s.ReadVersion(ctx, site, "model", key.id)
		m.must(rt, err)
		same(rt, "body", string(got), want)
	}
	same(rt, "number of versions", len(all), n)
}
