package event

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/internal/fault"
)

// value reads one JSON value as a part of the copied text.
func (d *decoder) value() (string, error) {
	v, err := d.dec.ReadValue()
	if err != nil {
		return "", syntax(err)
	}
	end := int(d.dec.InputOffset())
	return d.text[end-len(v) : end], nil
}

// name reads the name of an object's field.
func (d *decoder) name() (string, error) {
	raw, err := d.value()
	if err != nil {
		return "", err
	}
	return unquote(raw), nil
}

// unquote gives the text of a JSON string that the parser accepted.
func unquote(raw string) string {
	s := raw[1 : len(raw)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return s
	}
	return string(out)
}

func parseTime(raw string) (int64, bool) {
	if raw[0] == '"' {
		return parseRFC3339(unquote(raw))
	}
	return parseMillis(raw)
}

func kindWord(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '[':
		return "an array"
	}
	return "an object"
}

// events reads the array of events; the next value is an array.
func (d *decoder) events() error {
	if _, err := d.dec.ReadToken(); err != nil {
		return syntax(err)
	}
	for d.dec.PeekKind() != ']' {
		if d.b.Sent == MaxEvents {
			e := fault.Invalidf("too_many_events", "the request holds more than %d events; split it", MaxEvents)
			e.Status = http.StatusRequestEntityTooLarge
			return e
		}
		if err := d.event(d.b.Sent); err != nil {
			return err
		}
		d.b.Sent++
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return syntax(err)
	}
	return nil
}

// event reads one element of the array: into b.Events, or a verdict.
func (d *decoder) event(index int) error {
	d.fault = nil
	if d.dec.PeekKind() != '{' {
		raw, err := d.value()
		if err != nil {
			return err
		}
		d.refuseEvent("event_invalid", "an event must be an object, not "+kindWord(jsontext.Value(raw).Kind()))
		d.verdict(index, "")
		return nil
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return syntax(err)
	}
	start := d.dec.InputOffset() - 1
	// Read in place: an Event is too large to copy for nothing.
	d.b.Events = append(d.b.Events, Event{})
	e := &d.b.Events[len(d.b.Events)-1]
	if err := d.eventFields(e); err != nil {
		return err
	}
	if d.dec.InputOffset()-start > MaxEventBytes {
		d.fault = &Fault{"event_too_large", "the event is larger than 32 KiB; send less context or fewer properties"}
	}
	if d.fault == nil {
		d.fault = e.Check()
	}
	if d.fault != nil {
		d.verdict(index, e.ID)
		*e = Event{}
		d.b.Events = d.b.Events[:len(d.b.Events)-1]
		return nil
	}
	d.b.Index = append(d.b.Index, index)
	return nil
}

func (d *decoder) eventFields(e *Event) error {
	for d.dec.PeekKind() != '}' {
		name, err := d.name()
		if err != nil {
			return err
		}
		if err := d.eventField(e, name); err != nil {
			return err
		}
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return syntax(err)
	}
	return nil
}

func (d *decoder) verdict(index int, id string) {
	if len(id) > MaxID {
		id = ""
	}
	d.b.Invalid = append(d.b.Invalid, Verdict{Index: index, EventID: strings.Clone(id), Code: d.fault.Code, Detail: d.fault.Detail})
}

// refuseEvent notes the first thing that is wrong with the event.
func (d *decoder) refuseEvent(code, detail string) {
	if d.fault == nil {
		d.fault = &Fault{code, detail}
	}
}

// eventField reads the value of one field of an event.
func (d *decoder) eventField(e *Event, name string) error {
	if name == "items" && d.dec.PeekKind() == '[' {
		return d.items(e)
	}
	raw, err := d.value()
	if err != nil || raw == "null" {
		return err
	}
	switch name {
	case "event_id":
		d.id(&e.ID, raw, name)
	case "item_id":
		d.str(&e.ItemID, raw, name)
	case "recommendation_id":
		d.id(&e.RecommendationID, raw, name)
	case "kind":
		d.kind(e, raw)
	case "ts":
		e.TS, e.HasTS = parseTime(raw)
		if !e.HasTS {
			d.refuseEvent("ts_invalid", "ts must be RFC 3339 or epoch milliseconds; leave it out to use the time of receipt")
		}
	case "seq":
		e.Seq = uint32(d.whole(raw, name, math.MaxUint32))
	case "slot":
		e.Slot = int(d.whole(raw, name, math.MaxInt32))
	case "quantity":
		e.Quantity = d.amount(raw, name)
	case "price":
		e.Price = d.amount(raw, name)
	default:
		d.rareField(e, name, raw)
	}
	return nil
}

// rareField is eventField for what few events carry.
func (d *decoder) rareField(e *Event, name, raw string) {
	switch name {
	case "name":
		d.str(&e.Name, raw, name)
	case "query":
		d.str(&e.Query, raw, name)
	case "currency":
		d.str(&e.Currency, raw, name)
		if len(e.Currency) > 16 {
			d.refuseEvent("currency_invalid", "currency must be a code like GBP")
		}
	case "context":
		e.Context = d.object(raw, name)
	case "properties":
		e.Properties = d.object(raw, name)
	case "items":
		d.refuseEvent("items_invalid", "items must be an array of objects with item_id")
	default:
		d.b.Unknown++
	}
}

// str reads a string that Check looks at later, empty or not.
func (d *decoder) str(dst *string, raw, field string) {
	if raw[0] != '"' {
		d.refuseEvent(field+"_invalid", field+" must be a string; put it in quotes")
		return
	}
	*dst = unquote(raw)
}

// id reads a string that, when it is sent at all, must not be empty.
func (d *decoder) id(dst *string, raw, field string) {
	d.str(dst, raw, field)
	if raw == `""` {
		d.refuseEvent(field+"_invalid", field+" "+idDetail(""))
	}
}

func (d *decoder) kind(e *Event, raw string) {
	var word string
	d.str(&word, raw, "kind")
	if raw[0] != '"' {
		return
	}
	kind, ok := ParseKind(word)
	if !ok {
		d.refuseEvent("kind_unknown", "kind must be one of "+kindList)
	}
	e.Kind = kind
}

// object keeps a JSON object as it is.
func (d *decoder) object(raw, field string) []byte {
	if raw[0] != '{' {
		d.refuseEvent(field+"_invalid", field+" must be an object")
		return nil
	}
	return []byte(raw)
}

// amount reads a finite number that is not negative.
func (d *decoder) amount(raw, field string) float64 {
	if c := raw[0]; c != '-' && (c < '0' || c > '9') {
		d.refuseEvent(field+"_invalid", field+" must be a number, without quotes")
		return 0
	}
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.IsInf(f, 0) || f < 0 {
		d.refuseEvent(field+"_invalid", field+" must be a finite number that is not negative")
		return 0
	}
	return math.Abs(f) // -0 is 0
}

// whole reads a whole number from 1 to max.
func (d *decoder) whole(raw, field string, max float64) int64 {
	f, err := strconv.ParseFloat(raw, 64)
	if c := raw[0]; c < '0' || c > '9' || err != nil || f < 1 || f > max || f != math.Trunc(f) {
		d.refuseEvent(field+"_invalid", field+" must be a whole number from 1")
		return 0
	}
	return int64(f)
}

// items reads the lines of a purchase, a refund or an impression.
func (d *decoder) items(e *Event) error {
	if _, err := d.dec.ReadToken(); err != nil {
		return syntax(err)
	}
	for d.dec.PeekKind() != ']' {
		if err := d.line(e); err != nil {
			return err
		}
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return syntax(err)
	}
	return nil
}

func (d *decoder) line(e *Event) error {
	if d.dec.PeekKind() != '{' {
		if _, err := d.value(); err != nil {
			return err
		}
		d.refuseEvent("items_invalid", fmt.Sprintf("items[%d] must be an object with item_id", len(e.Items)))
		return nil
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return syntax(err)
	}
	e.Items = append(e.Items, Line{})
	l := &e.Items[len(e.Items)-1]
	for d.dec.PeekKind() != '}' {
		name, err := d.name()
		if err != nil {
			return err
		}
		raw, err := d.value()
		if err != nil {
			return err
		}
		d.lineField(l, name, raw)
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return syntax(err)
	}
	return nil
}

func (d *decoder) lineField(l *Line, name, raw string) {
	if raw == "null" {
		return
	}
	switch name {
	case "item_id":
		d.str(&l.ItemID, raw, name)
	case "quantity":
		l.Quantity = d.amount(raw, name)
	case "price":
		l.Price = d.amount(raw, name)
	default:
		d.b.Unknown++
	}
}
