package site

import (
	"context"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

const recentEvents = 96

// Visitor is what is known of a visitor, by anonymous id or user id. It reads
// the store when memory lacks the session. Unknown is a fault.NotFound.
func (s *Site) Visitor(ctx context.Context, id string) (VisitorView, error) {
	device := session.Who{AnonymousID: id}
	out, err := s.visitor(ctx, device)
	if err != nil || out.known() {
		out.AnonymousID = id
		return out, err
	}
	out, err = s.visitor(ctx, session.Who{UserID: id})
	if err == nil && !out.known() {
		err = fault.NotFoundf("unknown_visitor", "nothing is known of a visitor %q", id)
	}
	return out, err
}

func (v *VisitorView) known() bool {
	return v.Session != nil || v.Profile != nil || v.UserID != "" && v.AnonymousID != ""
}

// visitor looks a device or a user up. A profile that was uploaded under the id
// is taken for the user's.
func (s *Site) visitor(ctx context.Context, who session.Who) (VisitorView, error) {
	who.Site, who.Consent, who.Secret = s.cfg.Name, event.ConsentFull, true
	var v session.View
	err := s.cfg.Sessions.Open(ctx, who, "", &v)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return VisitorView{}, unavailable("the session could not be read", err)
	}
	out := VisitorView{AnonymousID: who.AnonymousID, UserID: who.UserID}
	if v.Proven {
		out.UserID = v.UserID
	}
	if v.Events > 0 {
		if out.Session, err = s.sessionView(ctx, &v); err != nil {
			return VisitorView{}, err
		}
	}
	uploaded := ""
	if v.Events > 0 || v.Proven {
		uploaded = who.AnonymousID // the id is a device's
	}
	if out.Profile, err = s.readProfile(ctx, out.UserID, uploaded, who.AnonymousID, v.Key.Session); err != nil {
		return VisitorView{}, unavailable("the profile could not be read", err)
	}
	return out, nil
}

func (s *Site) sessionView(ctx context.Context, v *session.View) (*SessionView, error) {
	recs, _, err := s.cfg.Store.SessionEvents(ctx, v.Key, recentEvents)
	if err != nil {
		return nil, unavailable("the session's events could not be read", err)
	}
	out := &SessionView{
		SessionSummary: SessionSummary{SessionID: v.SessionID, Events: v.Events, LastEventID: v.LastEventID},
		RecentEvents:   make([]RecentEvent, 0, len(recs)),
		Vector:         []VectorEntry{},
	}
	for i := range recs {
		out.RecentEvents = append(out.RecentEvents, RecentEvent{
			EventID: recs[i].ID, Kind: recs[i].Kind.String(), ItemID: recs[i].ItemID, TS: stamp(recs[i].Time),
		})
	}
	p := s.cfg.Settings.Train
	for _, w := range session.SparseVector(v.Steps, p.Delta, p.Last) {
		out.Vector = append(out.Vector, VectorEntry{ItemID: w.ItemID, Weight: w.Weight})
	}
	return out, nil
}

// EraseVisitor removes an anonymous id or a user from memory and store, also
// what came without lasting consent today or yesterday. Events that were made
// before it and come late do not bring the visitor back.
func (s *Site) EraseVisitor(ctx context.Context, id string) (Receipt, error) {
	at := s.cfg.Now()
	ids := []string{id}
	for _, visitor := range [2]string{id, session.UserVisitor(id)} {
		for _, day := range [2]time.Time{at, at.Add(-24 * time.Hour)} {
			ids = append(ids, s.cfg.Sessions.Pseudonym(s.cfg.Name, visitor, day))
		}
	}
	for _, id := range ids {
		if err := s.cfg.Store.EraseVisitor(ctx, s.cfg.Name, id, at); err != nil {
			return Receipt{}, unavailable("the visitor was not erased completely; send it again", err)
		}
		// After the store, so that nothing is read back from it in between.
		s.cfg.Sessions.Forget(s.cfg.Name, id)
	}
	return Receipt{VisitorID: id, ErasedAt: stamp(at.UnixMilli()), ReceiptID: s.cfg.NewID()}, nil
}

func stamp(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}
