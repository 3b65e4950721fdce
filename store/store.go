// Package store says what is kept: the union of the small interfaces that the
// other packages read and write through. A backend is whatever passes
// storetest.Run; store/memory, store/embedded and store/cached do.
//
// Errors of every method: fault.NotFound when the thing named does not exist,
// fault.Conflict when its state forbids the change, fault.Invalid when the
// request itself cannot be kept, fault.Unavailable when the backend cannot
// answer now (context ended, store closed, disk full). Damaged data is an error
// without a kind or fault.Internal. A method that returns an error promises
// nothing about whether it took effect; every write may be repeated.
//
// Ownership: a backend keeps no slice it was given and hands out none that it
// will change. What it hands out may be shared with other readers: read only.
package store

import (
	"context"
	"time"

	"github.com/nextbest/nextbest/internal/keys"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

// MaxSessionIDs bounds the ids that SessionEvents returns.
const MaxSessionIDs = 4096

// SessionEventsKept is how long Sweep leaves an event of a session, by receipt.
const SessionEventsKept = 48 * time.Hour

// Store is everything that is kept.
type Store interface {
	session.Source
	ingest.Log
	Log
	Retention
	History
	Checkpoints
	Profiles
	ProfileWriter
	Items
	Versions
	Pointers
	Decisions
	Keys
	Eraser
	Lifecycle
}

// Log reads a site's log of accepted events in the order they were kept.
type Log interface {
	// ScanLog calls fn for the records behind from (nil: from the beginning), at
	// most limit of them (limit <= 0: all there are), and returns the position
	// behind the last one for which fn returned nil, and how many those were.
	// With nothing to read, next equals from. No record is ever skipped: one
	// that becomes visible later lies behind every cursor handed out before.
	// A record that was appended twice may come twice. Records of erased
	// visitors are left out. fn may use the store. An error of fn ends the scan
	// and is returned as it is; fault.Invalid code "cursor" for a cursor that is
	// none.
	ScanLog(ctx context.Context, site string, from event.Cursor, limit int, fn func(event.Record) error) (next event.Cursor, n int, err error)
}

// Retention removes what has been kept long enough. All of it may be repeated.
type Retention interface {
	// DropLog removes the site's log up to the last full hour before a time.
	// The hour of a record is that of its receipt, or that of the newest record
	// before it in the log, whichever is later: the log's order never goes back.
	DropLog(ctx context.Context, site string, before time.Time) error
	// DropHistory removes history rows received before a time, and visitors
	// whose last event is older. Erasure marks stay.
	DropHistory(ctx context.Context, site string, before time.Time) error
	// Sweep removes, in all sites, session events that were received more than
	// SessionEventsKept before now, and visitors under a daily pseudonym
	// (not Lasting) that were idle as long.
	Sweep(ctx context.Context, now time.Time) error
}

// History is what an owner did, for longer than a session: a view of the log.
type History interface {
	// PutHistory stores records under their Owner. Storing one twice is one row.
	PutHistory(ctx context.Context, recs []event.Record) error
	// History returns at most limit records of an owner, newest (TS, ID) first;
	// none for an unknown owner.
	History(ctx context.Context, site, owner string, limit int) ([]event.Record, error)
}

// Checkpoints keep one replaceable value per name.
type Checkpoints interface {
	// Checkpoint returns the value, nil when there is none.
	Checkpoint(ctx context.Context, site, name string) ([]byte, error)
	// PutCheckpoint replaces the value.
	PutCheckpoint(ctx context.Context, site, name string, state []byte) error
}

// Profiles reads long-term views of visitors.
type Profiles interface {
	// Profile returns the uploaded profile of an id in the active dataset, with
	// Version naming it; nil and no error when there is none.
	Profile(ctx context.Context, site, id string) (*profile.Profile, error)
	// BuiltIn returns the profile made of an owner's own history without the
	// named session; nil and no error when nothing remains.
	BuiltIn(ctx context.Context, site, owner, exceptSession string) (*profile.Profile, error)
	// ActiveProfiles names the active dataset, "" for none.
	ActiveProfiles(ctx context.Context, site string) (string, error)
}

// ProfileWriter fills a dataset of profiles beside the active one.
type ProfileWriter interface {
	// PutProfiles adds to or replaces in a dataset, which exists from then on,
	// even when profiles is empty. Ids of erased visitors are left out.
	PutProfiles(ctx context.Context, site, version string, profiles []profile.Profile) error
	// ActivateProfiles makes a dataset the active one and removes the one that
	// was. Readers see the one or the other, never a mixture or neither.
	// fault.NotFound when nothing was put under that version.
	ActivateProfiles(ctx context.Context, site, version string) error
	// DropProfiles removes a dataset that is not active; fault.Conflict when it
	// is, nothing happens when it does not exist.
	DropProfiles(ctx context.Context, site, version string) error
}

// Items is a site's catalog.
type Items interface {
	// PutItems adds or replaces items, all or none.
	PutItems(ctx context.Context, site string, items []catalog.Item) error
	// Items calls fn for every item as of now, ordered by id. fn may use the
	// store. An error of fn ends it and is returned as it is.
	Items(ctx context.Context, site string, fn func(catalog.Item) error) error
	// DeleteItems removes items; unknown ids are passed over.
	DeleteItems(ctx context.Context, site string, ids []string) error
}

// Versions keep the bodies of models, rule sets and the like.
type Versions interface {
	// PutVersion stores a body under v.ID, in the place of an older one of that
	// id. Kind, Bytes and SHA256 are set by the store; fault.Invalid when SHA256
	// was given and the body has another one.
	PutVersion(ctx context.Context, site, kind string, v Version, body []byte) error
	// Versions returns all of a kind, newest (CreatedAt, ID) first.
	Versions(ctx context.Context, site, kind string) ([]Version, error)
	// ReadVersion returns a body, checked against its SHA-256; fault.NotFound
	// when there is no such version.
	ReadVersion(ctx context.Context, site, kind, id string) ([]byte, error)
	// DeleteVersion removes one; fault.NotFound when there is none,
	// fault.Conflict when it is the active one.
	DeleteVersion(ctx context.Context, site, kind, id string) error
}

// Pointers name the active version of a kind.
type Pointers interface {
	// Activate moves the pointer; fault.NotFound when there is no such version.
	Activate(ctx context.Context, site, kind, id string) error
	// Active returns the active id, "" for none.
	Active(ctx context.Context, site, kind string) (string, error)
}

// Decisions keep sampled answers with what they were decided from. A decision
// names no visitor, so an erasure leaves them alone.
type Decisions interface {
	// PutDecisions stores decisions, all or none; one with the time and id of
	// another takes its place.
	PutDecisions(ctx context.Context, site string, all []Decision) error
	// Decision returns the one of that time and id; fault.NotFound when there is
	// none.
	Decision(ctx context.Context, site string, at int64, id string) (Decision, error)
	// Decisions returns at most limit of those made before a time (epoch ms),
	// the newest (At, ID) first; limit <= 0 means all.
	Decisions(ctx context.Context, site string, before int64, limit int) ([]Decision, error)
	// DropDecisions removes those made before a time.
	DropDecisions(ctx context.Context, site string, before time.Time) error
}

// Decision is one sampled answer: the body is its owner's to encode.
type Decision struct {
	ID   string // recommendation_id
	At   int64  // when it was made, epoch ms
	Body []byte
}

// Keys keeps the API keys of all sites.
type Keys interface {
	// PutKey adds a key or replaces the one of its ID.
	PutKey(ctx context.Context, k keys.Key) error
	// Keys returns all keys of all sites, ordered by ID.
	Keys(ctx context.Context) ([]keys.Key, error)
}

// Eraser forgets visitors.
type Eraser interface {
	// EraseVisitor removes everything about an anonymous or user id up to a
	// time: session events, log, history, the visitor's row and profiles, also
	// rows of other ids that name it as user. What remains is a mark: Visitor
	// answers with ErasedAt, and what Erased tells to be covered by the mark is
	// not shown although it comes later. Uploaded profiles of a marked id are
	// refused silently. It ends early with fault.Unavailable when ctx ends;
	// nothing of the visitor is shown from then on all the same.
	EraseVisitor(ctx context.Context, site, visitor string, at time.Time) error
}

// Lifecycle is about the store as a whole.
type Lifecycle interface {
	// Sites names every site that anything was ever stored for, sorted.
	Sites(ctx context.Context) ([]string, error)
	// Flush makes everything stored so far as durable as Durability says.
	Flush(ctx context.Context) error
	// Close flushes, waits for the calls that are running and ends; later calls
	// return fault.Unavailable code "store_closed". Closing twice is harmless.
	Close() error
}

// Version is one stored version of a model, a rule set or a dataset.
type Version struct {
	ID        string            `json:"version"`
	Kind      string            `json:"kind"`
	CreatedAt int64             `json:"created_at"` // epoch ms
	Bytes     int64             `json:"bytes"`
	SHA256    string            `json:"sha256,omitempty"` // hex
	Meta      map[string]string `json:"meta,omitempty"`
}
