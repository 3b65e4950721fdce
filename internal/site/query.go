// Package site is one running site: the place where an answer is made, stage
// by stage, from the session, the profile and the ranking, and where what the
// site owns (items, models, profiles, visitors) is read and changed. It stands
// between HTTP, which knows no store, and the domain, which knows no HTTP.
package site

import (
	"time"

	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
)

// Query is one request for recommendations, decoded. The zero values of its
// optional fields mean "not said".
type Query struct {
	Placement        string
	Limit            int // 1-100
	Who              session.Who
	UserToken        string
	GPC, Bot         bool
	Context          Context
	Events           *event.Batch // inline events; nil for none
	Ack              bool         // wait for the store and answer with the verdicts
	After            string       // an event id that the answer must reflect
	Filter           []byte       // raw JSON of the filter; nil for none
	Exclude          []string
	Candidates       []string // rank only these
	ExcludeSeen      *bool
	ExcludeCurrent   *bool
	ExcludePurchased *int // -1 never, 0 always, n days
	BlendA           *float64
	Explain          bool
	WhyNot           []string
	Fields           []string
	ReceivedAt       time.Time
}

// Context is what the page says about itself.
type Context struct {
	ItemID   string
	Category string
	Query    string
	Referrer string
	Cart     []string
}

// Answer is what Recommend fills. It may be reused: Recommend resets it.
type Answer struct {
	recommend.Answer
	Session    SessionSummary
	Events     *ingest.Result // with Query.Ack only
	HasSession bool
	// Keep logs the answer's decision under its recommendation_id; nil for one
	// that was not sampled. It is called once at most.
	Keep func(id string)
}

// SessionSummary names the session an answer was made from.
type SessionSummary struct {
	SessionID   string `json:"session_id"`
	Events      int    `json:"events"`
	LastEventID string `json:"last_event_id,omitempty"`
}

// VisitorView is all that is known of a visitor, as GET /v1/visitors answers it.
type VisitorView struct {
	AnonymousID string           `json:"anonymous_id,omitempty"`
	UserID      string           `json:"user_id,omitempty"`
	Session     *SessionView     `json:"session"`
	Profile     *profile.Profile `json:"profile"`
}

// SessionView is the running session with its newest events and its vector.
type SessionView struct {
	SessionSummary
	RecentEvents []RecentEvent `json:"recent_events"`
	Vector       []VectorEntry `json:"vector"`
}

// RecentEvent is one stored event, newest first, at most 96.
type RecentEvent struct {
	EventID string `json:"event_id"`
	Kind    string `json:"kind"`
	ItemID  string `json:"item_id,omitempty"`
	TS      string `json:"ts"`
}

// VectorEntry is one item of the sparse session vector.
type VectorEntry struct {
	ItemID string  `json:"item_id"`
	Weight float64 `json:"weight"`
}

// Receipt is the answer to an erasure.
type Receipt struct {
	VisitorID string `json:"visitor_id"`
	ErasedAt  string `json:"erased_at"`
	ReceiptID string `json:"receipt_id"`
}

// Version is one stored version of a model, a rule set or a dataset.
type Version = store.Version
