package site

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

// scratch is what one answer works with; pooled.
type scratch struct {
	view session.View
	req  recommend.Request
	in   ingest.Request
}

func newScratch() *scratch { return &scratch{} }

func (c *scratch) reset() {
	c.view.Reset()
	c.req = recommend.Request{}
	c.in = ingest.Request{}
}

// Recommend makes one answer: events ▸ session ▸ profile ▸ ranking. What
// cannot be read degrades the answer and is named in it; only a request that
// makes no sense is an error. Answers are made concurrently.
func (s *Site) Recommend(ctx context.Context, q *Query, a *Answer) error {
	placement, ok := s.placement(q.Placement)
	if !ok {
		return unknownPlacement(q.Placement)
	}
	filter, err := s.compile(q.Filter)
	if err != nil {
		return err
	}
	c := s.answers.Get().(*scratch)
	defer func() { c.reset(); s.answers.Put(c) }()
	a.Answer.Reset()
	a.Session, a.Events, a.HasSession, a.Keep = SessionSummary{}, nil, false, nil

	start := time.Now()
	who := s.who(q)
	if err := s.foldInline(ctx, q, who, c, a); err != nil {
		return err
	}
	named := who.Consent != event.ConsentNone && (who.AnonymousID != "" || who.UserID != "" || who.SessionID != "")
	switch {
	case named:
		s.openSession(ctx, who, q.After, c, a)
	case q.After != "":
		a.Degrade(recommend.DegradedAfter) // nobody's session holds the event
	}
	sessionDone := time.Now()
	var p *profile.Profile
	if named {
		p = s.profile(ctx, who, &c.view, a)
	}
	profileDone := time.Now()

	s.fill(&c.req, q, placement, filter, p, named, &c.view)
	c.req.Capture = s.decisions.sample(start)
	if err := s.engine.Rank(ctx, &c.req, &a.Answer); err != nil {
		return err
	}
	if c.req.Capture != nil {
		a.Keep = s.decisions.made(start, c.req.Capture)
	}
	a.Stages.Session, a.Stages.Profile = sessionDone.Sub(start), profileDone.Sub(sessionDone)
	s.observe(a)
	return nil
}

func (s *Site) observe(a *Answer) {
	o := s.cfg.Observer
	if o == nil {
		return
	}
	a.Stages.Each(o.Stage)
	for _, d := range a.Degraded {
		o.Degraded(d)
	}
}

// who says whose request this is: a user id counts as proven by a secret key,
// by a token, or where the site trusts its pages.
func (s *Site) who(q *Query) session.Who {
	w := q.Who
	w.Site = s.cfg.Name
	w.Consent = ingest.Consent(w.Consent, s.cfg.Settings.DefaultConsent, q.GPC)
	if w.UserID != "" {
		w.Proven = w.Secret || s.cfg.Settings.TrustUser ||
			ingest.VerifyUserToken(s.cfg.Settings.IdentitySecret, w.UserID, q.UserToken, s.cfg.Now())
	}
	return w
}

// foldInline folds the request's own events before it is answered. They are
// stored behind the answer, or before it when the caller waits for the verdicts.
func (s *Site) foldInline(ctx context.Context, q *Query, who session.Who, c *scratch, a *Answer) error {
	if q.Events == nil || q.Events.Sent == 0 {
		return nil
	}
	c.in = ingest.Request{
		Batch: q.Events, ReceivedAt: q.ReceivedAt, Secret: who.Secret, GPC: q.GPC, Bot: q.Bot, Mode: ingest.Async,
	}
	if q.Ack {
		c.in.Mode = ingest.Wait
	}
	res, err := s.Collect(ctx, &c.in)
	switch {
	case err == nil && q.Ack:
		a.Events = &res
	case err != nil && (q.Ack || fault.KindOf(err) == fault.Invalid):
		return err
	case err != nil:
		a.Degrade(recommend.DegradedStore)
	}
	return nil
}

// openSession reads the visitor's session as it is now, from memory or from
// the store when memory lacks it or the event named by after.
func (s *Site) openSession(ctx context.Context, who session.Who, after string, c *scratch, a *Answer) {
	err := s.cfg.Sessions.Open(ctx, who, after, &c.view)
	switch {
	case err == nil:
	case fault.KindOf(err) == fault.NotFound:
		a.Degrade(recommend.DegradedAfter)
	default:
		s.cfg.Logger.Warn("a session could not be read", "site", s.cfg.Name, "cause", err)
		a.Degrade(recommend.DegradedSession)
	}
	if c.view.Key.Session == "" {
		return
	}
	a.HasSession = true
	a.Session = SessionSummary{SessionID: c.view.SessionID, Events: c.view.Events, LastEventID: c.view.LastEventID}
}

// profile is the uploaded profile of the proven user, else the one uploaded for
// the anonymous id, else what the visitor's own history says. None of them is
// read without full consent.
func (s *Site) profile(ctx context.Context, who session.Who, v *session.View, a *Answer) *profile.Profile {
	if who.Consent != event.ConsentFull {
		return nil
	}
	user := ""
	if who.Proven {
		user = who.UserID
	} else if v.Proven {
		user = v.UserID
	}
	// Uploaded profiles have one space of ids: a page that calls itself by a
	// user's id would see that user's. What nobody can guess, nobody can claim.
	uploaded := who.AnonymousID
	if !who.Secret && !s.cfg.Settings.TrustUser && len(uploaded) < session.MinSecretSession {
		uploaded = ""
	}
	p, err := s.readProfile(ctx, user, uploaded, who.AnonymousID, v.Key.Session)
	if err != nil {
		s.cfg.Logger.Warn("a profile could not be read", "site", s.cfg.Name, "cause", err)
		a.Degrade(recommend.DegradedProfile)
	}
	return p
}

// readProfile prefers what was uploaded to what the history says, and the
// user's to the device's. A failed read does not hide what another one finds:
// it returns both.
func (s *Site) readProfile(ctx context.Context, user, uploaded, anonymous, exceptSession string) (*profile.Profile, error) {
	var failed error
	for _, id := range [2]string{user, uploaded} {
		if id == "" || !s.uploaded.Load() {
			continue
		}
		p, err := s.cfg.Store.Profile(ctx, s.cfg.Name, id)
		if p != nil {
			return p, nil
		}
		failed = cmp.Or(failed, err)
	}
	owners := [2]string{"", anonymous}
	if user != "" {
		owners[0] = session.UserVisitor(user)
	}
	for _, id := range owners {
		if id == "" {
			continue
		}
		p, err := s.cfg.Store.BuiltIn(ctx, s.cfg.Name, id, exceptSession)
		if p != nil {
			return p, failed
		}
		failed = cmp.Or(failed, err)
	}
	return nil, failed
}

// fill turns the query into the ranking's request.
func (s *Site) fill(r *recommend.Request, q *Query, p recommend.Placement, f *catalog.Compiled, prof *profile.Profile, named bool, v *session.View) {
	now := q.ReceivedAt
	if now.IsZero() {
		now = s.cfg.Now()
	}
	*r = recommend.Request{
		Placement: p, Limit: q.Limit, Now: now, Profile: prof,
		ContextItem: q.Context.ItemID, Category: q.Context.Category, Query: q.Context.Query, Cart: q.Context.Cart,
		Filter: f, Exclude: q.Exclude, Candidates: q.Candidates,
		ExcludeSeen: p.ExcludeSeen, ExcludeCurrent: p.ExcludeCurrent, ExcludePurchased: p.ExcludePurchased,
		BlendA: math.NaN(), Explain: q.Explain, WhyNot: q.WhyNot,
	}
	if named {
		r.Session = v
	}
	if q.ExcludeSeen != nil {
		r.ExcludeSeen = *q.ExcludeSeen
	}
	if q.ExcludeCurrent != nil {
		r.ExcludeCurrent = *q.ExcludeCurrent
	}
	if q.ExcludePurchased != nil {
		r.ExcludePurchased = *q.ExcludePurchased
	}
	if q.BlendA != nil {
		r.BlendA = *q.BlendA
	}
}

// compile makes a filter of its JSON; none gives nil.
func (s *Site) compile(raw []byte) (*catalog.Compiled, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	return catalog.Compile(raw)
}

func unknownPlacement(name string) error {
	f := fault.NotFoundf("unknown_placement", "there is no placement %q; there are: %s", name, joined(recommend.PlacementNames()))
	return f.At("/placement", "name one of the placements that exist")
}
