package storetest

import (
	"cmp"
	"slices"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// oracle is what a store must answer, in the most naive way: it keeps every
// write in a list and looks at all of them for every question.
type oracle struct {
	log      []logged
	hours    map[string]int64 // per site
	sessions []event.Record
	history  []event.Record
	visitors map[siteID]session.Visitor
	marks    map[siteID]int64
	slots    map[siteID]map[string]string // (site, version) → id → segment
	active   map[string]string
	bodies   map[siteID]string // (site, version id) → body
	pointer  map[string]string
}

type siteID struct{ site, id string }

type logged struct {
	record  event.Record
	hour    int64
	dropped bool
}

func newOracle() *oracle {
	return &oracle{
		hours: map[string]int64{}, visitors: map[siteID]session.Visitor{}, marks: map[siteID]int64{},
		slots: map[siteID]map[string]string{}, active: map[string]string{},
		bodies: map[siteID]string{}, pointer: map[string]string{},
	}
}

func (o *oracle) hidden(r event.Record) bool {
	for _, id := range []string{r.Visitor, r.UserID} {
		mark, ok := o.marks[siteID{r.Site, id}]
		if ok && id != "" && (r.Time <= mark || r.ReceivedAt <= mark) {
			return true
		}
	}
	return false
}

func (o *oracle) append(recs []event.Record) {
	kept := o.add(nil, recs)
	for _, r := range kept {
		o.hours[r.Site] = max(o.hours[r.Site], r.ReceivedAt/hourMs)
	}
	for _, r := range kept {
		o.log = append(o.log, logged{record: r, hour: o.hours[r.Site]})
	}
	o.sessions = append(o.sessions, kept...)
}

// add writes rows; what a mark covers is not written.
func (o *oracle) add(rows, recs []event.Record) []event.Record {
	for _, r := range recs {
		if !o.hidden(r) {
			rows = append(rows, r)
		}
	}
	return rows
}

// logBehind are the visible records of a site from position i of the log.
func (o *oracle) logBehind(site string, i int) []event.Record {
	var recs []event.Record
	for _, row := range o.log[i:] {
		if row.record.Site == site && !row.dropped && !o.hidden(row.record) {
			recs = append(recs, row.record)
		}
	}
	return recs
}

// rows are the visible records that match, one per (TS, ID), newest first.
func (o *oracle) rows(all []event.Record, match func(event.Record) bool) []event.Record {
	var recs []event.Record
	for i := len(all) - 1; i >= 0; i-- { // the last write of a row counts
		r := all[i]
		known := slices.ContainsFunc(recs, func(x event.Record) bool { return x.TS == r.TS && x.ID == r.ID })
		if match(r) && !known {
			recs = append(recs, r)
		}
	}
	recs = slices.DeleteFunc(recs, o.hidden)
	slices.SortFunc(recs, func(a, b event.Record) int { return -cmp.Or(cmp.Compare(a.TS, b.TS), cmp.Compare(a.ID, b.ID)) })
	return recs
}

func (o *oracle) sessionEvents(key session.Key) []event.Record {
	return o.rows(o.sessions, func(r event.Record) bool { return keyOf(r) == key })
}

func (o *oracle) historyOf(site, owner string) []event.Record {
	return o.rows(o.history, func(r event.Record) bool {
		whose := r.Visitor
		if r.Proven && r.UserID != "" {
			whose = session.UserVisitor(r.UserID)
		}
		return r.Site == site && whose == owner
	})
}

func (o *oracle) visitor(site, id string) session.Visitor {
	mark, v := o.marks[siteID{site, id}], o.visitors[siteID{site, id}]
	if mark > 0 && v.SessionAt <= mark {
		return session.Visitor{Site: site, ID: id, ErasedAt: mark}
	}
	v.ErasedAt = mark
	if user := o.marks[siteID{site, v.UserID}]; v.UserID != "" && user > 0 && v.SessionAt <= user {
		v.UserID, v.Proven = "", false
	}
	return v
}

func (o *oracle) erase(site, id string, at int64) {
	mark := max(o.marks[siteID{site, id}], at)
	o.marks[siteID{site, id}] = mark
	for key, v := range o.visitors {
		if key.site == site && (key.id == id || v.UserID == id) && v.SessionAt <= mark {
			delete(o.visitors, key)
		}
	}
}

func (o *oracle) dropLog(site string, before int64) {
	for i := range o.log {
		if o.log[i].record.Site == site && o.log[i].hour < before/hourMs {
			o.log[i].dropped = true
		}
	}
}

func (o *oracle) sweep(before int64) {
	o.sessions = slices.DeleteFunc(o.sessions, func(r event.Record) bool { return r.ReceivedAt < before })
	for key, v := range o.visitors {
		if !v.Lasting && v.SessionAt < before {
			delete(o.visitors, key)
		}
	}
}

// profile is the segment of an id's profile in the active dataset, "" for none.
func (o *oracle) profile(site, id string) string {
	if o.marks[siteID{site, id}] > 0 {
		return ""
	}
	return o.slots[siteID{site, o.active[site]}][id]
}
