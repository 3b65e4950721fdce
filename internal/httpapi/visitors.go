package httpapi

import (
	"net/http"

	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend/profile"
)

// visitorView is what is known of a visitor, as the control plane shows it.
type visitorView struct {
	AnonymousID string       `json:"anonymous_id,omitempty"`
	UserID      string       `json:"user_id,omitempty"`
	Session     *sessionView `json:"session"`
	Profile     *profileView `json:"profile"`
}

// sessionView is the running session: its newest events and its vector.
type sessionView struct {
	SessionID    string             `json:"session_id"`
	Events       int                `json:"events"`
	LastEventID  string             `json:"last_event_id,omitempty"`
	RecentEvents []site.RecentEvent `json:"recent_events"`
	Vector       []site.VectorEntry `json:"vector"`
}

// profileView is a profile: whom it is of (when it was uploaded), what the
// visitor likes, and what there is beside it.
type profileView struct {
	ID         string              `json:"id,omitempty"`
	Version    string              `json:"version"`
	Affinities []profile.Affinity  `json:"affinities"`
	Segments   []string            `json:"segments"`
	Attributes []profile.Attribute `json:"attributes,omitempty"`
	List       []string            `json:"list,omitempty"`
	Purchased  []purchaseView      `json:"purchased,omitempty"`
	Space      string              `json:"space,omitempty"`
	Vector     []float32           `json:"vector,omitempty"`
}

type purchaseView struct {
	ItemID string `json:"item_id"`
	Time   string `json:"time,omitempty"` // absent when it is not known
}

func viewVisitor(v *site.VisitorView) visitorView {
	out := visitorView{AnonymousID: v.AnonymousID, UserID: v.UserID}
	if s := v.Session; s != nil {
		out.Session = &sessionView{
			SessionID: s.SessionID, Events: s.Events, LastEventID: s.LastEventID,
			RecentEvents: listed(s.RecentEvents), Vector: listed(s.Vector),
		}
	}
	if v.Profile != nil {
		out.Profile = viewProfile(v.Profile)
	}
	return out
}

func viewProfile(p *profile.Profile) *profileView {
	out := &profileView{
		ID: p.ID, Version: p.Version, Affinities: listed(p.Affinities), Segments: listed(p.Segments),
		Attributes: p.Attributes, List: p.List, Space: p.Space, Vector: p.Vector,
	}
	for _, b := range p.Purchased {
		out.Purchased = append(out.Purchased, purchaseView{ItemID: b.ItemID, Time: stampOrNone(b.Time)})
	}
	return out
}

// listed is a list that JSON shows as [] when it is empty.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// getVisitor shows what is known of a visitor, by anonymous or user id.
func getVisitor(c *call) error {
	id, err := c.visitorID()
	if err != nil {
		return err
	}
	v, err := c.site.Visitor(c.ctx, id)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, viewVisitor(&v))
}

// eraseVisitor forgets a visitor and says so.
func eraseVisitor(c *call) error {
	id, err := c.visitorID()
	if err != nil {
		return err
	}
	receipt, err := c.site.EraseVisitor(c.ctx, id)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, receipt)
}
