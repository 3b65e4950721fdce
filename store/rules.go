package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// builtInHistory is how many records of a history a built-in profile is made of.
const builtInHistory = 1000

// clampedAfter is how far back ingest lets a corrected time lie. An event whose
// time was clamped there is older than its time says.
const clampedAfter = 72 * time.Hour

// Owner is under whose id a record's history is kept: session.UserVisitor of the
// user once proven, else the visitor.
func Owner(r *event.Record) string {
	if r.Proven && r.UserID != "" {
		return session.UserVisitor(r.UserID)
	}
	return r.Visitor
}

// Erased reports whether a record is covered by an erasure mark (epoch ms, 0 for
// none): it happened or was received before the visitor was erased. A client
// that was offline may send it afterwards, which must not bring it back.
func Erased(r *event.Record, mark int64) bool {
	if mark == 0 {
		return false
	}
	if r.Time <= mark || r.ReceivedAt <= mark {
		return true
	}
	return r.TS <= mark && r.ReceivedAt-r.Time >= clampedAfter.Milliseconds()
}

// Hidden reports whether a record is covered by the mark of its visitor or of
// its user. mark returns the mark of an id of the record's site, 0 for none.
func Hidden(r *event.Record, mark func(id string) int64) bool {
	return Erased(r, mark(r.Visitor)) || r.UserID != "" && Erased(r, mark(r.UserID))
}

// Marked is how a visitor's row is shown under the erasure marks of its site:
// of a row from before the visitor's erasure only the mark remains, and one
// from before its user's erasure has lost the link.
func Marked(v session.Visitor, mark func(id string) int64) session.Visitor {
	erased := mark(v.ID)
	if erased != 0 && v.SessionAt <= erased {
		return session.Visitor{Site: v.Site, ID: v.ID, ErasedAt: erased}
	}
	v.ErasedAt = erased
	if v.UserID != "" {
		if user := mark(v.UserID); user != 0 && v.SessionAt <= user {
			v.UserID, v.Proven = "", false
		}
	}
	return v
}

// BuiltIn makes the built-in profile of an owner from a history, the same way
// for every backend.
func BuiltIn(ctx context.Context, h History, site, owner, exceptSession string, now time.Time) (*profile.Profile, error) {
	recs, err := h.History(ctx, site, owner, builtInHistory)
	if err != nil {
		return nil, fmt.Errorf("read the history for a built-in profile: %w", err)
	}
	kept := make([]event.Record, 0, len(recs))
	for i := range recs {
		if exceptSession == "" || recs[i].Session != exceptSession {
			kept = append(kept, recs[i])
		}
	}
	if len(kept) == 0 {
		return nil, nil
	}
	return profile.FromHistory(kept, now), nil
}

// Sealed is v as it is stored with its body: kind, length and digest set.
// fault.Invalid without an id, or when v came with another digest.
func Sealed(v Version, kind string, body []byte) (Version, error) {
	if v.ID == "" {
		return v, fault.Invalidf("version_id", "a version needs an id")
	}
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	if v.SHA256 != "" && v.SHA256 != digest {
		return v, fault.Invalidf("digest_mismatch", "the body of version %q does not have the announced SHA-256", v.ID)
	}
	v.Kind, v.Bytes, v.SHA256 = kind, int64(len(body)), digest
	return v, nil
}

// SortVersions orders versions newest first.
func SortVersions(all []Version) {
	slices.SortFunc(all, func(a, b Version) int {
		return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
}

// Closed is the error of every method after Close.
func Closed() error { return fault.Unavailablef("store_closed", "the store is closed") }

// ContextError is ctx's error with its meaning, nil while ctx lives.
func ContextError(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.Unavailablef("store", "the store did not answer in time").Because(err)
	}
	return nil
}

// NoVersion is the error for a version that does not exist.
func NoVersion(kind, id string) error {
	return fault.NotFoundf("unknown_version", "there is no version %q of %s", id, kind)
}

// ActiveVersion is the error for removing what is active.
func ActiveVersion(kind, id string) error {
	return fault.Conflictf("version_active", "version %q of %s is active; activate another one first", id, kind)
}
