package evaluate

import (
	"context"
	"math"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend"
)

// Users are an evaluation on users' sessions: what the session says, what the
// user's history says, and their blend.
//
// A model is trained on the sessions that began before the cut. Every later
// session of a user who has one before the cut is predicted, item by item from
// its first on; the history holds all that the user did before the session
// began, test sessions included.
type Users struct {
	File      string              // rows of user, session, item, time (kind optional); csv, tsv, ndjson, parquet
	TestFrom  time.Time           // sessions from here on are predicted; zero: the newest TestShare
	TestShare float64             // of the sessions; 0.1 when 0
	Positions int                 // items of a session that are predicted, from its first; 13 when 0
	Placement recommend.Placement // whose blend is measured; "home" when it has no name
}

// Arm is one way to answer: all predictions, and those whose item the user had
// nothing to do with before.
type Arm struct {
	HR  float64 `json:"hr"`
	MRR float64 `json:"mrr"`
	New Rates   `json:"new_items"`
}

// UsersReport is what users' sessions showed. The report's own rates are those
// of the blend.
type UsersReport struct {
	TestFrom  time.Time    `json:"test_from"`
	Users     int          `json:"users"`    // with a predicted session
	Sessions  int          `json:"sessions"` // predicted
	LeftOut   int64        `json:"left_out"` // rows of the file that could not be used
	Why       string       `json:"left_out_why,omitempty"`
	AMax      float64      `json:"a_max"`
	Kappa     float64      `json:"kappa"`
	Session   Arm          `json:"session_only"` // the first item is answered by the profile
	Profile   Arm          `json:"profile_only"`
	Blend     Arm          `json:"blend"`
	OnSession Paired       `json:"blend_on_session_only"` // blend minus session only
	OnProfile Paired       `json:"blend_on_profile_only"` // blend minus profile only
	Tuning    *BlendTuning `json:"tuning,omitempty"`
}

const (
	defaultTestShare = .1
	defaultPositions = 13
	maxPositions     = 1000
)

func (u *Users) complete() {
	if u.TestShare == 0 {
		u.TestShare = defaultTestShare
	}
	if u.Positions == 0 {
		u.Positions = defaultPositions
	}
	home, _ := recommend.PlacementNamed("home")
	if u.Placement.Name == "" {
		u.Placement = home
	}
	if u.Placement.HalfLife <= 0 {
		u.Placement.HalfLife = home.HalfLife
	}
}

func (u *Users) check(o *Options, p *wrong) {
	p.when(u.File == "", "give a file of users' sessions")
	p.when(o.TestFile != "" || o.TrainFile != "", "users' sessions train and test: leave the files of sessions out")
	p.when(o.LastOnly, "last-only does not go with users' sessions")
	p.when(o.Against != "", "users' sessions compare session, profile and blend: leave the model to compare with out")
	p.when(o.Tune && o.ModelFile != "", "a model file may know the validation part: tuning trains its own")
	p.when(!(u.TestShare > 0 && u.TestShare <= maxShare), "the test share must be above 0 and at most 0.9")
	p.when(u.Positions < 1 || u.Positions > maxPositions, "positions must be between 1 and 1000")
	p.when(!(u.Placement.AMax >= 0 && u.Placement.AMax <= 1), "a_max must be between 0 and 1")
	p.when(!(u.Placement.Kappa >= 0) || math.IsInf(u.Placement.Kappa, 0), "kappa must be 0 or more")
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// runUsers is Run on users' sessions.
func (o *Options) runUsers(ctx context.Context, t Trainer, params Params) (*Report, error) {
	u := o.Users
	v, err := readVisits(ctx, u.File, func(read, total int64) { o.Progress("read users", read, total) })
	if err != nil {
		return nil, err
	}
	cut := u.TestFrom.UnixMilli()
	if u.TestFrom.IsZero() {
		cut = v.cutAt(v.list, u.TestShare)
	}
	train := v.before(cut)
	if len(train) == 0 || len(train) == len(v.list) {
		return nil, fault.Invalidf("no_predictions", "%s: no session began %s %s, so there is nothing to %s: cut elsewhere",
			u.File, beforeOrFrom(len(train) == 0), timeOf(cut).Format(time.RFC3339), trainOrPredict(len(train) == 0))
	}
	out := &UsersReport{TestFrom: timeOf(cut), LeftOut: v.leftOut, Why: v.why}
	if o.Tune {
		if out.Tuning, err = o.tuneBlend(ctx, t, params, v, train); err != nil {
			return nil, err
		}
		best := out.Tuning.Tried[out.Tuning.Best]
		u.Placement.AMax, u.Placement.Kappa = best.AMax, best.Kappa
	}
	report := &Report{Model: t.Name, Users: out}
	model, err := o.usersModel(ctx, t, params, report, v, train)
	if err != nil {
		return nil, err
	}
	trial, err := newTrial(o, model, v, cut, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	return report, trial.report(ctx, report)
}

func beforeOrFrom(before bool) string {
	if before {
		return "before"
	}
	return "from"
}

func trainOrPredict(train bool) string {
	if train {
		return "train on"
	}
	return "predict"
}

// usersModel opens the model or trains it on the sessions before the cut.
func (o *Options) usersModel(ctx context.Context, t Trainer, params Params, report *Report, v *visits, train []*visit) (Model, error) {
	if o.ModelFile != "" {
		return o.openModel(report)
	}
	m, took, err := o.train(ctx, t, params, v.sessions(train))
	if err != nil {
		return nil, err
	}
	report.TrainS, report.ModelBytes, report.Params = took.Seconds(), m.Bytes(), m.Params()
	return m, nil
}

// report measures the three arms and how long the blend takes.
func (t *trial) report(ctx context.Context, report *Report) error {
	out := report.Users
	out.AMax, out.Kappa = t.o.Users.Placement.AMax, t.o.Users.Placement.Kappa
	out.Users, out.Sessions = t.counted()
	arms, m := [3]arm{}, newMeasure(t.b.model.Items())
	err := t.each(ctx, "score", func(p *userPrediction) {
		t.b.weigh(p)
		list := t.b.top(p.a, t.o.Top)
		slot := slotOf(list, p.target)
		m.add(list, slot, p.masked)
		arms[0].add(p, t.b.slot(p.target, p.session, t.o.Top))
		arms[1].add(p, t.b.slot(p.target, 0, t.o.Top))
		arms[2].add(p, slot)
	})
	if err != nil {
		return err
	}
	m.fill(t.o, report)
	out.Session, out.Profile, out.Blend = arms[0].rates(), arms[1].rates(), arms[2].rates()
	on, err := pair(ctx, &arms[2].slots, &arms[0].slots, t.o.Resamples, t.o.Seed)
	if err != nil {
		return err
	}
	out.OnSession = *on
	if on, err = pair(ctx, &arms[2].slots, &arms[1].slots, t.o.Resamples, t.o.Seed); err != nil {
		return err
	}
	out.OnProfile = *on
	w := newWatch(t.o.Now)
	err = t.each(ctx, "time", func(p *userPrediction) {
		begin := w.now()
		t.b.weigh(p)
		t.b.top(p.a, t.o.Top)
		w.took(begin)
	})
	w.fill(report)
	return err
}

// arm adds up one way to answer.
type arm struct {
	slots slots
	all   Rates
	fresh Rates
}

func (a *arm) add(p *userPrediction, slot int) {
	a.slots.add(p.number, slot)
	a.all.add(slot)
	if p.isNew {
		a.fresh.add(slot)
	}
}

func (a *arm) rates() Arm {
	all := a.all.means()
	return Arm{HR: all.HR, MRR: all.MRR, New: a.fresh.means()}
}
