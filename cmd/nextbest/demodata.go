package main

import (
	"fmt"
	"time"

	"github.com/nextbest/nextbest/internal/demo"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session/event"
)

// orderRecords turns the shop's invoices into purchases of its customers; an
// invoice without a customer is a guest's.
func orderRecords(data *demo.Data, shift time.Duration) []event.Record {
	recs := make([]event.Record, 0, len(data.Sessions))
	for i, order := range data.Sessions {
		at := order.Time.Add(shift).UnixMilli()
		visitor := order.Customer
		if visitor == "" {
			visitor = fmt.Sprintf("guest-%d", i)
		}
		lines := make([]event.Line, len(order.Items))
		for n, id := range order.Items {
			lines[n] = event.Line{ItemID: id, Quantity: 1}
		}
		recs = append(recs, event.Record{
			Visitor: visitor, Session: fmt.Sprintf("order-%d", i), UserID: order.Customer, Proven: order.Customer != "",
			ReceivedAt: at, Lasting: true,
			Event: event.Event{ID: fmt.Sprintf("order-%d", i), Kind: event.Purchase, TS: at, HasTS: true, Time: at, Items: lines},
		})
	}
	return recs
}

// movedProfiles are the customers' profiles with their purchases moved by shift.
func movedProfiles(data *demo.Data, shift time.Duration) []profile.Profile {
	all := data.Profiles()
	for i := range all {
		for n := range all[i].Purchased {
			all[i].Purchased[n].Time += shift.Milliseconds()
		}
	}
	return all
}
