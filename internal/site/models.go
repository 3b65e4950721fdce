package site

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/recommend/rows"
)

const (
	kindModel = "model"
	keptOld   = 3 // versions kept beside the active one, for a rollback
)

// loadModel brings the active model up; without one the site answers from
// profiles and popularity.
func (s *Site) loadModel(ctx context.Context) error {
	id, err := s.cfg.Store.Active(ctx, s.cfg.Name, kindModel)
	if err != nil {
		return fmt.Errorf("find the active model: %w", err)
	}
	if id == "" {
		return nil
	}
	body, err := s.cfg.Store.ReadVersion(ctx, s.cfg.Name, kindModel, id)
	if err != nil {
		return fmt.Errorf("read model %s: %w", id, err)
	}
	m, err := rows.Read(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("model %s: %w", id, err)
	}
	s.setModel(m)
	return nil
}

func (s *Site) setModel(m *rows.Model) {
	s.engine.SetModel(m)
	s.trainedAt.Store(m.TrainedAt().UnixMilli())
}

// Models lists the kept models, newest first, and names the active one.
func (s *Site) Models(ctx context.Context) ([]Version, string, error) {
	all, err := s.cfg.Store.Versions(ctx, s.cfg.Name, kindModel)
	if err != nil {
		return nil, "", unavailable("the models could not be listed", err)
	}
	active, err := s.cfg.Store.Active(ctx, s.cfg.Name, kindModel)
	if err != nil {
		return nil, "", unavailable("the models could not be listed", err)
	}
	return all, active, nil
}

// PutModel stores the bytes of a trained snapshot as a new version. It is
// checked whole before anything is kept; ActivateModel makes it live.
func (s *Site) PutModel(ctx context.Context, body []byte) (Version, error) {
	m, err := rows.Read(bytes.NewReader(body))
	if err != nil {
		return Version{}, fault.Invalidf("invalid_model", "this is not a model as `nextbest train` writes it; send such a file, whole").Because(err)
	}
	sum := sha256.Sum256(body)
	v := Version{
		ID: m.Version(), Kind: kindModel, CreatedAt: s.cfg.Now().UnixMilli(), Bytes: int64(len(body)),
		SHA256: hex.EncodeToString(sum[:]), Meta: map[string]string{"model": "rows", "items": fmt.Sprint(m.Len()), "entries": fmt.Sprint(m.Entries())},
	}
	if err := s.cfg.Store.PutVersion(ctx, s.cfg.Name, kindModel, v, body); err != nil {
		return Version{}, unavailable("the model was not stored; send it again", err)
	}
	return v, nil
}

// ActivateModel makes a kept model the one that answers, by one atomic swap.
func (s *Site) ActivateModel(ctx context.Context, id string) error {
	body, err := s.cfg.Store.ReadVersion(ctx, s.cfg.Name, kindModel, id)
	if fault.KindOf(err) == fault.NotFound {
		return fault.NotFoundf("unknown_model", "there is no model version %q; GET /v1/models lists them", id)
	}
	if err != nil {
		return unavailable("the model could not be read", err)
	}
	m, err := rows.Read(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("model %s: %w", id, err)
	}
	if err := s.cfg.Store.Activate(ctx, s.cfg.Name, kindModel, id); err != nil {
		return unavailable("the model was not activated; try again", err)
	}
	s.setModel(m)
	s.cfg.Logger.Info("model active", "site", s.cfg.Name, "version", id, "items", m.Len())
	s.dropOldModels(ctx, id)
	return nil
}

// dropOldModels keeps the active model and the newest of the others.
func (s *Site) dropOldModels(ctx context.Context, active string) {
	all, err := s.cfg.Store.Versions(ctx, s.cfg.Name, kindModel)
	if err != nil {
		return // the next activation tries again
	}
	kept := 0
	for _, v := range all {
		if v.ID == active {
			continue
		}
		if kept++; kept <= keptOld {
			continue
		}
		if err := s.cfg.Store.DeleteVersion(ctx, s.cfg.Name, kindModel, v.ID); err != nil {
			s.cfg.Logger.Warn("an old model could not be dropped", "site", s.cfg.Name, "version", v.ID, "cause", err)
		}
	}
}

// Train makes a model of the kept log and activates it; nil params are the
// site's own. A second call while one runs is a fault.Conflict.
func (s *Site) Train(ctx context.Context, params *rows.Params, progress func(records int)) (Version, error) {
	if params == nil {
		params = &s.cfg.Settings.Train
	}
	if !s.training.TryLock() {
		return Version{}, fault.Conflictf("training_runs", "a training of this site is running; wait for it")
	}
	defer s.training.Unlock()
	m, err := learn.Train(ctx, learn.Source{Site: s.cfg.Name, Log: s.cfg.Store, Group: s.engine.Group, Now: s.cfg.Now}, *params, progress)
	if err != nil {
		return Version{}, err
	}
	var body bytes.Buffer
	if _, err := m.WriteTo(&body); err != nil {
		return Version{}, fmt.Errorf("write the model: %w", err)
	}
	v, err := s.PutModel(ctx, body.Bytes())
	if err != nil {
		return Version{}, err
	}
	if err := s.ActivateModel(ctx, v.ID); err != nil {
		return v, err
	}
	// The model has read the whole log: what is popular reflects it too.
	return v, s.learner.CatchUp(ctx)
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
