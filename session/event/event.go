// Package event is the vocabulary of the clickstream: what a visitor can do
// (kinds), what an event holds, what is refused, and the one encoding in which
// every store keeps an accepted event.
package event

// Kind is what a visitor did.
type Kind uint8

// The kinds, in the order of their binary codes, which are stored: never
// renumber.
const (
	KindUnknown Kind = iota
	Impression
	View
	Click
	CartAdd
	CartRemove
	WishAdd
	WishRemove
	Purchase
	Refund
	Search
	Dislike
	Page
	Identify
	Custom
)

// Consent is what the visitor allowed.
type Consent uint8

// The levels of consent. ConsentUnset means: the site's default.
const (
	ConsentUnset   Consent = iota
	ConsentNone            // nothing is read or written
	ConsentSession         // no lasting id, no profile
	ConsentFull
)

// Line is one item of a purchase, a refund or an impression.
type Line struct {
	ItemID   string
	Quantity float64 // 0 when not said
	Price    float64 // 0 when not said
}

// Event is one thing a visitor did, decoded and validated.
type Event struct {
	ID               string // 1-128 bytes; made by the client, else by the server (IDMade)
	IDMade           bool   // the server made ID; not stored
	Seq              uint32 // 1.. within the session; 0 when not sent
	Kind             Kind
	Name             string  // custom events only
	ItemID           string  // "" for kinds without one
	TS               int64   // epoch ms exactly as the client sent it (else see HasTS): part of the stored key
	HasTS            bool    // false: TS was derived from the id (UUIDv7) or the receipt
	Time             int64   // epoch ms, corrected by the client's clock error and clamped to [now-72h, now]
	Quantity         float64 // 0 when not said
	Price            float64 // 0 when not said
	Currency         string
	RecommendationID string // the list that led here
	Slot             int    // 1-based; 0 when not said
	Query            string // searches
	Items            []Line // purchase, refund, impression
	Context          []byte // raw JSON object or nil
	Properties       []byte // raw JSON object or nil
}

// Record is an accepted event as it is kept: the event, whose it is, and when
// it came. Equal (Site, Visitor, Session, TS, ID) is the same row on every node.
type Record struct {
	Site       string
	Visitor    string // anonymous id, else user id; under consent "session" a keyed hash that changes daily
	Session    string // id of the session in the store
	UserID     string // "" when unknown
	Proven     bool   // UserID was proven by a user_token, a secret key, or the site trusts it
	ReceivedAt int64  // epoch ms
	Bot        bool   // kept and folded into its own session, not shown to others
	Lasting    bool   // consent "full": may enter the visitor's history
	Unfolded   bool   // past the session's daily limit: kept, never part of the session's ring
	Event
}

// Cursor is a position in a site's log: opaque bytes of the backend, nil for
// the beginning. Cursors only move forward.
type Cursor []byte
