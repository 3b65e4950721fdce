package site

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/recommend/profile"
)

const (
	kindModel   = "model"
	keptOld     = 3 // versions kept beside the active one, for a rollback
	keptRefused = 1 // of those that the gate refused
)

// loadModel brings the active model up; without one the site answers from
// profiles and popularity.
func (s *Site) loadModel(ctx context.Context) error {
	s.swap.Lock()
	defer s.swap.Unlock()
	id, err := s.cfg.Store.Active(ctx, s.cfg.Name, kindModel)
	if err != nil {
		return fmt.Errorf("find the active model: %w", err)
	}
	if id == "" {
		return nil
	}
	m, err := s.openModel(ctx, id)
	if err != nil {
		return fmt.Errorf("model %s: %w", id, err)
	}
	s.setModel(m)
	s.dropOldFiles(id)
	return nil
}

// setModel makes a model the one that answers. The caller holds swap.
func (s *Site) setModel(m model) {
	s.engine.SetModel(m)
	s.active.Store(&m)
	s.watchModel(m)
	if s.learner != nil {
		s.learner.SetKnown(knownBy(m))
	}
}

// live is the model that answers, nil without one.
func (s *Site) live() model {
	if m := s.active.Load(); m != nil {
		return *m
	}
	return nil
}

// knownBy tells the items that a model knows; nil without one.
func knownBy(m model) func(itemID string) bool {
	if m == nil {
		return nil
	}
	return func(id string) bool {
		_, ok := m.Index(id)
		return ok
	}
}

// Models lists the kept models, newest first, and names the active one.
func (s *Site) Models(ctx context.Context) ([]ModelVersion, string, error) {
	all, err := s.cfg.Store.Versions(ctx, s.cfg.Name, kindModel)
	if err != nil {
		return nil, "", unavailable("the models could not be listed", err)
	}
	active, err := s.cfg.Store.Active(ctx, s.cfg.Name, kindModel)
	if err != nil {
		return nil, "", unavailable("the models could not be listed", err)
	}
	list := make([]ModelVersion, len(all))
	for i, v := range all {
		list[i] = modelVersion(v)
	}
	return list, active, nil
}

// PutModel keeps the bytes of a trained model as a new version. It is checked
// whole before anything is kept, and held against the model that answers now on
// the newest sessions of the log; force overrules what comes out.
// ActivateModel makes it live.
func (s *Site) PutModel(ctx context.Context, body []byte, force bool) (ModelVersion, error) {
	m, err := parseModel(body)
	if err != nil {
		return ModelVersion{}, fault.Invalidf("invalid_model", "this is not a model as `nextbest train` writes it; send such a file, whole").Because(err)
	}
	if err := s.cfg.Turns.take(ctx); err != nil {
		return ModelVersion{}, err
	}
	defer s.cfg.Turns.give()
	report, err := s.judge(ctx, m, force)
	if err != nil {
		return ModelVersion{}, err
	}
	uploaded(report)
	v, err := s.keep(ctx, m, body, report)
	if err == nil {
		s.judged(v.ID, report)
	}
	return v, err
}

// judge holds a model that was trained elsewhere against the live one.
func (s *Site) judge(ctx context.Context, m model, force bool) (report *learn.GateReport, err error) {
	c, err := s.sessions(ctx, s.reported(nil))
	if f := fault.Of(err); f != nil && f.Code == nothingToTrain {
		return &learn.GateReport{
			Activate: true, Reason: learn.GateNothing, Text: "activated: nothing to compare on, " + f.Detail, Exclude: learn.ExcludeCurrent,
		}, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return learn.Gate{
		Live: lister(s.live()), Exclude: learn.ExcludeCurrent, Force: force,
		Train: func(context.Context, *corpus.Corpus) (learn.Lister, error) { return lister(m), nil },
	}.Judge(ctx, c)
}

// keep stores a model as a new version.
func (s *Site) keep(ctx context.Context, m model, body []byte, report *learn.GateReport) (ModelVersion, error) {
	meta, err := describe(m, report)
	if err != nil {
		return ModelVersion{}, err
	}
	sum := sha256.Sum256(body)
	v := Version{
		ID: m.Version(), Kind: kindModel, CreatedAt: s.cfg.Now().UnixMilli(), Bytes: int64(len(body)),
		SHA256: hex.EncodeToString(sum[:]), Meta: meta,
	}
	if err := s.cfg.Store.PutVersion(ctx, s.cfg.Name, kindModel, v, body); err != nil {
		return ModelVersion{}, unavailable("the model was not stored; send it again", err)
	}
	return modelVersion(v), nil
}

// ActivateModel makes a kept model the one that answers, by one atomic swap.
// One that the gate refused is a fault.Conflict unless it is forced.
func (s *Site) ActivateModel(ctx context.Context, id string, force bool) error {
	s.swap.Lock()
	defer s.swap.Unlock()
	all, err := s.cfg.Store.Versions(ctx, s.cfg.Name, kindModel)
	if err != nil {
		return unavailable("the models could not be listed", err)
	}
	n := slices.IndexFunc(all, func(v Version) bool { return v.ID == id })
	if n < 0 {
		return fault.NotFoundf("unknown_model", "there is no model version %q; GET /v1/models lists them", id)
	}
	if v := modelVersion(all[n]); v.Refused() && !force {
		return fault.Conflictf("model_refused", "the gate said no to model %s (%s); ?force=true activates it all the same", id, v.Gate.Text)
	}
	m, err := s.openModel(ctx, id)
	if fault.KindOf(err) == fault.Unavailable {
		return unavailable("the model could not be read", err)
	}
	if err != nil {
		return fmt.Errorf("model %s: %w", id, err)
	}
	if err := s.cfg.Store.Activate(ctx, s.cfg.Name, kindModel, id); err != nil {
		return unavailable("the model was not activated; try again", err)
	}
	s.setModel(m)
	s.cfg.Logger.Info("model active", "site", s.cfg.Name, "version", id, "items", m.Len())
	s.dropOldFiles(id)
	s.dropOldModels(ctx, all, id)
	return nil
}

// dropOldModels keeps the active model and the newest of the others.
func (s *Site) dropOldModels(ctx context.Context, all []Version, active string) {
	kept, refused := 0, 0
	for _, v := range all {
		m := modelVersion(v)
		count, most := &kept, keptOld
		if m.Refused() {
			count, most = &refused, keptRefused
		}
		if v.ID == active {
			continue
		}
		if *count++; *count <= most {
			continue
		}
		if err := s.cfg.Store.DeleteVersion(ctx, s.cfg.Name, kindModel, v.ID); err != nil {
			s.cfg.Logger.Warn("an old model could not be dropped", "site", s.cfg.Name, "version", v.ID, "cause", err)
		}
	}
}

// ImportProfiles adds profiles to a dataset version; with activate it becomes
// the one that answers read, and the former one is dropped.
func (s *Site) ImportProfiles(ctx context.Context, profiles []profile.Profile, version string, activate bool) error {
	if len(profiles) > 0 {
		if err := s.cfg.Store.PutProfiles(ctx, s.cfg.Name, version, profiles); err != nil {
			return unavailable("the profiles were not stored; send them again", err)
		}
	}
	if !activate {
		return nil
	}
	if err := s.cfg.Store.ActivateProfiles(ctx, s.cfg.Name, version); err != nil {
		return unavailable("the dataset was not activated; try again", err)
	}
	s.setProfiles(version)
	return nil
}

// setProfiles names the active dataset, "" for none: then nobody is looked up.
func (s *Site) setProfiles(version string) {
	s.uploaded.Store(version != "")
	s.engine.SetProfilesVersion(version)
}
