package site

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/recommend/rows"
)

// model is a trained model in one of its two forms: *best.Model or *rows.Model.
type model interface {
	recommend.Model
	io.WriterTo
	io.Closer
	Entries() int
	Sessions() uint64
	Size() int64
	TrainedAt() time.Time
}

// rowsFile is how a file of rows begins.
const rowsFile = "NBROWS"

// parseModel reads a model's file that is in memory; the model refers to it.
func parseModel(body []byte) (model, error) {
	if bytes.HasPrefix(body, []byte(rowsFile)) {
		m, err := rows.Parse(body)
		return orNone(m, err)
	}
	m, err := best.Parse(body)
	return orNone(m, err)
}

// orNone is m, and no model when there is an error.
func orNone[M model](m M, err error) (model, error) {
	if err != nil {
		return nil, err
	}
	return m, nil
}

// lister is the model as a Gate sees it; nil without one.
func lister(m model) learn.Live {
	switch m := m.(type) {
	case *best.Model:
		return learn.ListBest(m)
	case *rows.Model:
		return learn.ListRows(m)
	}
	return nil
}

// Training says what a model was made of and which of its parts were kept:
// those that did better on sessions they had not seen.
type Training struct {
	Model     string       `json:"model"` // ModelBest or ModelRows
	Items     int          `json:"items"`
	Entries   int          `json:"entries"` // of all rows
	Sessions  uint64       `json:"sessions"`
	Clicks    uint64       `json:"clicks"`
	TrainedAt time.Time    `json:"trained_at"`
	Embedding bool         `json:"embedding"`
	Rankers   []string     `json:"rankers"` // the policies that have one
	Stages    []best.Stage `json:"stages"`  // what was compared
	Params    any          `json:"params"`
}

func trainingOf(m model) Training {
	t := Training{
		Model: ModelRows, Items: m.Len(), Entries: m.Entries(), Sessions: m.Sessions(), Clicks: m.Clicks(), TrainedAt: m.TrainedAt(),
		Rankers: []string{}, Stages: []best.Stage{},
	}
	switch m := m.(type) {
	case *rows.Model:
		t.Params = m.Params()
	case *best.Model:
		t.Model, t.Params, t.Embedding = ModelBest, m.Params(), m.Embedded()
		t.Stages = append(t.Stages, m.About().Stages...)
		for policy := range best.Policy(best.Policies) {
			if m.Ranked(policy) {
				t.Rankers = append(t.Rankers, policy.String())
			}
		}
	}
	return t
}

// ModelVersion is a kept model and what is known of it.
type ModelVersion struct {
	Version
	Training *Training         // nil of a version that an older program kept
	Gate     *learn.GateReport // nil: nothing judged it
}

// Refused reports whether the gate said no to the model, and nobody overruled
// it.
func (v *ModelVersion) Refused() bool { return v.Gate != nil && !v.Gate.Activate }

// What Version.Meta of a model holds, as JSON.
const (
	metaTraining = "training"
	metaGate     = "gate"
)

// describe is the meta of a new version.
func describe(m model, gate *learn.GateReport) (map[string]string, error) {
	meta := map[string]string{}
	training, err := json.Marshal(trainingOf(m))
	if err != nil {
		return nil, fmt.Errorf("describe the model: %w", err)
	}
	meta[metaTraining] = string(training)
	if gate != nil {
		report, err := json.Marshal(gate)
		if err != nil {
			return nil, fmt.Errorf("keep the gate's report: %w", err)
		}
		meta[metaGate] = string(report)
	}
	return meta, nil
}

// modelVersion reads what describe wrote. What cannot be read is not known.
func modelVersion(v Version) ModelVersion {
	m := ModelVersion{Version: v}
	var training Training
	if json.Unmarshal([]byte(v.Meta[metaTraining]), &training) == nil {
		m.Training = &training
	}
	var gate learn.GateReport
	if json.Unmarshal([]byte(v.Meta[metaGate]), &gate) == nil {
		m.Gate = &gate
	}
	return m
}

// uploaded words a report on a model that is kept, not yet activated.
func uploaded(r *learn.GateReport) {
	if rest, ok := strings.CutPrefix(r.Text, "activated"); ok {
		r.Text = "may be activated" + rest
	}
}
