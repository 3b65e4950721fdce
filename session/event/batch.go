package event

import "fmt"

// The limits of one request.
const (
	MaxEvents     = 500       // events in a request
	MaxBodyBytes  = 512 << 10 // bytes of a request
	MaxEventBytes = 32 << 10  // bytes of one event
	MaxDepth      = 8         // nesting of objects and arrays, the body's own object included
)

// Batch is a decoded request: who it is about, the events that are sound, and
// a verdict for each that is not. Sent = len(Events) + len(Invalid).
type Batch struct {
	AnonymousID string
	UserID      string
	UserToken   string
	SessionID   string
	Consent     Consent
	SentAt      int64 // epoch ms by the client's clock; 0 when not said
	Key         string
	Events      []Event
	Index       []int // position in the request of each of Events
	Sent        int   // events in the request, sound or not
	Invalid     []Verdict
	Unknown     int // unknown fields that were ignored
}

// Verdict says why one event was not taken and what to do about it.
type Verdict struct {
	Index   int    `json:"index"`
	EventID string `json:"event_id,omitempty"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// Fault is what is wrong with one event: a stable code and what to do.
type Fault struct {
	Code   string
	Detail string
}

// Check says what is wrong with a decoded event, in itself: nil when nothing.
// Decoders of other wires call it after mapping to an Event.
func (e *Event) Check() *Fault {
	if f := checkOptional("event_id", e.ID); f != nil {
		return f
	}
	if e.Kind == KindUnknown || int(e.Kind) >= len(kindNames) {
		return &Fault{"kind_missing", "kind is missing; send one of " + kindList}
	}
	if f := e.checkItem(); f != nil {
		return f
	}
	if e.Kind == Custom && e.Name == "" {
		return &Fault{"name_missing", "kind custom needs name; send what happened, for example \"video_played\""}
	}
	if len(e.Name) > MaxID {
		return &Fault{"name_invalid", "name is longer than 128 bytes; send a shorter one"}
	}
	return checkOptional("recommendation_id", e.RecommendationID)
}

// kindList names the kinds, for people.
const kindList = "impression, view, click, cart_add, cart_remove, wish_add, wish_remove, purchase, refund, search, dislike, page, identify, custom"

// checkItem checks what the event is about.
func (e *Event) checkItem() *Fault {
	if f := checkOptional("item_id", e.ItemID); f != nil {
		return f
	}
	named := e.ItemID != "" || (e.Kind.TakesItems() && len(e.Items) > 0)
	if !named && (e.Kind.Engages() || e.Kind == Impression) {
		return e.itemMissing()
	}
	for i := range e.Items {
		id := e.Items[i].ItemID
		if id == "" {
			return &Fault{"items_invalid", fmt.Sprintf("items[%d] has no item_id; send the item's id as a string", i)}
		}
		if f := checkOptional("item_id", id); f != nil {
			return &Fault{"items_invalid", fmt.Sprintf("items[%d].%s", i, f.Detail)}
		}
	}
	return nil
}

func (e *Event) itemMissing() *Fault {
	if e.Kind.TakesItems() {
		return &Fault{"item_id_missing", "kind " + e.Kind.String() + " needs items[] with at least one item_id, or a single item_id"}
	}
	return &Fault{"item_id_missing", "kind " + e.Kind.String() + " needs item_id; send the item's id as a string"}
}

// checkOptional checks an id that may be left out.
func checkOptional(field, id string) *Fault {
	if id == "" {
		return nil
	}
	if detail := idDetail(id); detail != "" {
		return &Fault{field + "_invalid", field + " " + detail}
	}
	if junkReference(id) {
		return &Fault{field + "_invalid", field + " is a placeholder, not an id; leave the field out when there is none"}
	}
	return nil
}

// Lines calls fn with every item the event is about: its items, else its one.
func (e *Event) Lines(fn func(i int, itemID string)) {
	if e.Kind.TakesItems() && len(e.Items) > 0 {
		for i := range e.Items {
			fn(i, e.Items[i].ItemID)
		}
		return
	}
	if e.ItemID != "" {
		fn(0, e.ItemID)
	}
}

// Position is where the i-th of Events stood in the request.
func (b *Batch) Position(i int) int {
	if i < len(b.Index) {
		return b.Index[i]
	}
	return i
}
