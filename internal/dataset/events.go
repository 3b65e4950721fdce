package dataset

import (
	"context"
	"encoding/hex"
	"math"
	"strconv"

	"github.com/cespare/xxhash/v2"
	jsonv2 "github.com/go-json-experiment/json"

	"github.com/nextbest/nextbest/session/event"
)

// EventRow is one event of the past, as a file brings it.
type EventRow struct {
	Visitor          string // anonymous id
	User             string
	Session          string
	EventID          string // made from the row when the file has none: the same file gives the same id
	Kind             event.Kind
	Name             string // custom events
	ItemID           string
	Items            []event.Line
	Time             int64 // epoch ms
	Quantity         float64
	Price            float64
	Currency         string
	Query            string
	RecommendationID string
	Slot             int
	Number           int64 // of the row, from 1
}

// Record is the row as the store keeps events: proven and lasting, for files
// are imported under a secret key.
func (r *EventRow) Record(site string, receivedAt int64) event.Record {
	visitor := r.Visitor
	if visitor == "" {
		visitor = r.User
	}
	if visitor == "" {
		visitor = r.Session
	}
	return event.Record{
		Site: site, Visitor: visitor, Session: r.Session, UserID: r.User, Proven: r.User != "",
		ReceivedAt: receivedAt, Lasting: true,
		Event: event.Event{
			ID: r.EventID, Kind: r.Kind, Name: r.Name, ItemID: r.ItemID, Items: r.Items,
			TS: r.Time, HasTS: true, Time: r.Time, Quantity: r.Quantity, Price: r.Price, Currency: r.Currency,
			Query: r.Query, RecommendationID: r.RecommendationID, Slot: r.Slot,
		},
	}
}

// ReadEvents reads the events of a file; unknown columns are reported. The
// report is there with an error too: what was read until then.
func ReadEvents(ctx context.Context, path string, opts Options, fn func(EventRow) error) (*Report, error) {
	return readPath(path, func(src Source) (*Report, error) { return ReadEventsFrom(ctx, src, opts, fn) })
}

// ReadEventsFrom is ReadEvents of a source that is open already.
func ReadEventsFrom(ctx context.Context, src Source, opts Options, fn func(EventRow) error) (*Report, error) {
	return read(ctx, src, opts, eventSchema(), decodeEvent, fn)
}

func eventSchema() schema {
	return schema{
		means: eventColumn,
		id:    func(c column) bool { return c == colVisitor || c == colUser || c == colSession },
		wants: "anonymous_id, user_id or session_id",
	}
}

func eventColumn(plain string) column {
	switch plain {
	case "anonymousid", "visitorid", "visitor":
		return colVisitor
	case "userid", "user", "customerid":
		return colUser
	case "sessionid", "session":
		return colSession
	case "eventid", "messageid":
		return colEvent
	case "kind", "event", "eventtype", "type":
		return colKind
	case "name":
		return colName
	case "itemid", "item", "sku", "productid", "entityid":
		return colID
	case "items":
		return colItems
	case "ts", "time", "timestamp", "eventtimestamp":
		return colTime
	case "quantity":
		return colQuantity
	case "price":
		return colPrice
	case "currency":
		return colCurrency
	case "query":
		return colQuery
	case "slot":
		return colSlot
	case "recommendationid":
		return colRecommendation
	}
	return colUnknown
}

func decodeEvent(names *resolver, r *row) (EventRow, *problem) {
	out := EventRow{Kind: event.View, Time: -1, Number: names.report.Rows}
	for n, v := range r.values {
		if p := eventCell(&out, names.column(r.names[n]), r.names[n], v); p != nil {
			return out, p
		}
	}
	if p := out.check(); p != nil {
		return out, p
	}
	if out.EventID == "" {
		out.EventID = out.id()
	}
	return out, nil
}

func eventCell(out *EventRow, c column, name string, v value) *problem {
	switch c {
	case colVisitor:
		return setID(&out.Visitor, name, v)
	case colUser:
		return setID(&out.User, name, v)
	case colSession:
		return setID(&out.Session, name, v)
	case colEvent:
		return setID(&out.EventID, name, v)
	case colID:
		return setID(&out.ItemID, name, v)
	case colName:
		return setText(&out.Name, name, v)
	case colCurrency:
		return setText(&out.Currency, name, v)
	case colQuery:
		return setText(&out.Query, name, v)
	case colRecommendation:
		return setID(&out.RecommendationID, name, v)
	case colKind:
		word, _ := v.str()
		kind, ok := event.ParseKind(word)
		if !ok {
			return at(name, "kind", "there is no event kind "+strconv.Quote(word))
		}
		out.Kind = kind
	case colTime:
		ms, ok := v.millis()
		if !ok {
			return at(name, "time", "the time must be RFC 3339, epoch milliseconds, or epoch seconds below 1e11")
		}
		out.Time = ms
	default:
		return eventNumber(out, c, name, v)
	}
	return nil
}

// eventNumber takes the columns of amounts.
func eventNumber(out *EventRow, c column, name string, v value) *problem {
	if c == colItems {
		return eventLines(out, name, v)
	}
	if c != colQuantity && c != colPrice && c != colSlot {
		return nil
	}
	x, ok := v.float()
	if !ok || x < 0 {
		return at(name, "number", "the value must be a number, 0 or more")
	}
	switch c {
	case colQuantity:
		out.Quantity = x
	case colPrice:
		out.Price = x
	case colSlot:
		if x > math.MaxInt32 || x != math.Trunc(x) {
			return at(name, "number", "the slot must be a whole number")
		}
		out.Slot = int(x)
	}
	return nil
}

// eventLines takes items: [{"item_id","quantity","price"}].
func eventLines(out *EventRow, name string, v value) *problem {
	var lines []struct {
		ItemID   string  `json:"item_id"`
		Quantity float64 `json:"quantity"`
		Price    float64 `json:"price"`
	}
	raw, ok := v.json()
	if !ok || jsonv2.Unmarshal(raw, &lines) != nil {
		return at(name, "items", "items must be a JSON array of {item_id, quantity, price}")
	}
	for _, l := range lines {
		if err := event.CheckID(l.ItemID); err != nil {
			return ofFault(name, "items", err)
		}
		if l.Quantity < 0 || l.Price < 0 {
			return at(name, "items", "quantity and price must be 0 or more")
		}
		out.Items = append(out.Items, event.Line{ItemID: l.ItemID, Quantity: l.Quantity, Price: l.Price})
	}
	return nil
}

// check says what the row as a whole lacks.
func (r *EventRow) check() *problem {
	for _, id := range []struct{ name, value string }{{"anonymous_id", r.Visitor}, {"user_id", r.User}} {
		if id.value != "" && event.Junk(id.value) {
			return at(id.name, "junk_id", "the id is a placeholder: "+strconv.Quote(id.value))
		}
	}
	switch {
	case r.Visitor == "" && r.User == "" && r.Session == "":
		return missing("anonymous_id", "the event names nobody: anonymous_id, user_id or session_id")
	case r.Time < 0:
		return missing("ts", "the event has no time")
	case r.ItemID == "" && r.Kind.Engages() && (len(r.Items) == 0 || !r.Kind.TakesItems()):
		return missing("item_id", "an event of kind "+r.Kind.String()+" needs an item")
	case r.Name == "" && r.Kind == event.Custom:
		return missing("name", "a custom event needs a name")
	}
	return nil
}

// id is an id made from the row: importing the file again is no new event.
func (r *EventRow) id() string {
	sum := xxhash.New()
	for _, s := range []string{r.Visitor, r.User, r.Session, r.ItemID, r.Name, r.Query, strconv.FormatInt(r.Time, 10),
		r.Kind.String(), strconv.FormatInt(r.Number, 10)} {
		sum.WriteString(s)
		sum.Write([]byte{0})
	}
	return "import-" + hex.EncodeToString(sum.Sum(nil))
}
