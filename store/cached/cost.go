package cached

import (
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session/event"
)

// What values take in memory, in bytes: headers of structs, strings and slices
// as on 64-bit machines, and the bytes they point to.
const (
	entryBytes     = 160
	profileHeader  = 200
	recordHeader   = 400
	stringHeader   = 16
	lineBytes      = 32
	affinityBytes  = 24
	attributeBytes = 40
	purchaseBytes  = 24
)

func profileBytes(p *profile.Profile) int64 {
	if p == nil {
		return 0
	}
	n := profileHeader + len(p.ID) + len(p.Version) + len(p.Space) + 4*len(p.Vector)
	for i := range p.Affinities {
		n += affinityBytes + len(p.Affinities[i].ItemID)
	}
	for i := range p.Attributes {
		n += attributeBytes + len(p.Attributes[i].Name) + len(p.Attributes[i].Value)
	}
	for i := range p.Purchased {
		n += purchaseBytes + len(p.Purchased[i].ItemID)
	}
	return int64(n + stringsBytes(p.Segments) + stringsBytes(p.List))
}

func stringsBytes(all []string) int {
	n := 0
	for _, s := range all {
		n += stringHeader + len(s)
	}
	return n
}

func recordsBytes(recs []event.Record) int64 {
	n := 0
	for i := range recs {
		r := &recs[i]
		n += recordHeader + len(r.Site) + len(r.Visitor) + len(r.Session) + len(r.UserID) + len(r.ID) + len(r.Name) +
			len(r.ItemID) + len(r.Currency) + len(r.RecommendationID) + len(r.Query) + len(r.Context) + len(r.Properties)
		for j := range r.Items {
			n += lineBytes + len(r.Items[j].ItemID)
		}
	}
	return int64(n)
}
