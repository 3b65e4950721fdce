package httpapi

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend/drift"
	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/session/event"
)

// modelView is one kept model as the control plane shows it.
type modelView struct {
	Version   string        `json:"version"`
	State     string        `json:"state"` // active or kept
	CreatedAt string        `json:"created_at"`
	Bytes     int64         `json:"bytes"`
	SHA256    string        `json:"sha256,omitempty"`
	Training  *trainingView `json:"training,omitempty"`
	Gate      *gateView     `json:"gate,omitempty"`
}

// trainingView is site.Training with the time as everywhere.
type trainingView struct {
	*site.Training
	TrainedAt string `json:"trained_at"`
}

// gateView is learn.GateReport with the times as everywhere.
type gateView struct {
	*learn.GateReport
	From  string `json:"from,omitempty"`
	Until string `json:"until,omitempty"`
}

func viewModel(v *site.ModelVersion, active bool) modelView {
	m := modelView{Version: v.ID, State: "kept", CreatedAt: stamp(v.CreatedAt), Bytes: v.Bytes, SHA256: v.SHA256}
	if active {
		m.State = "active"
	}
	if t := v.Training; t != nil {
		m.Training = &trainingView{Training: t, TrainedAt: stamp(t.TrainedAt.UnixMilli())}
	}
	if g := v.Gate; g != nil {
		m.Gate = &gateView{GateReport: g, From: stampTime(g.From), Until: stampTime(g.Until)}
	}
	return m
}

func stampTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t.UnixMilli())
}

func listModels(c *call) error {
	all, active, err := c.site.Models(c.ctx)
	if err != nil {
		return err
	}
	out := make([]modelView, 0, len(all))
	for i := range all {
		out = append(out, viewModel(&all[i], all[i].ID == active))
	}
	return c.reply(http.StatusOK, map[string]any{"active": active, "models": out, "drift": append([]drift.Figure{}, c.site.Drift()...)})
}

// forced reads ?force=, which overrules the gate.
func (c *call) forced() (bool, error) {
	switch v := string(c.rc.QueryArgs().Peek("force")); v {
	case "", "false", "0":
		return false, nil
	case "true", "1":
		return true, nil
	default:
		return false, invalidField("invalid_field", "/force", detailBool)
	}
}

// putModel takes a trained model as octets; :activate makes it live.
func putModel(c *call) error {
	switch t := strings.ToLower(string(c.rc.Request.Header.ContentType())); t {
	case "", "application/octet-stream":
	default:
		return withStatus(fault.Invalidf("unsupported_media_type", "a model is sent as application/octet-stream, not %s", printable(t)),
			http.StatusUnsupportedMediaType)
	}
	force, err := c.forced()
	if err != nil {
		return err
	}
	in, err := c.bodyStream(c.route.limit)
	if err != nil {
		return err
	}
	defer in.Close()
	body, err := readAll(nil, in, c.route.limit)
	if errors.Is(err, errOverLimit) {
		return tooLarge(c.route.limit)
	}
	if err != nil {
		return err
	}
	v, err := c.site.PutModel(c.ctx, body, force)
	if err != nil {
		return err
	}
	_, active, err := c.site.Models(c.ctx) // the same bytes may be live already
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, viewModel(&v, v.ID == active))
}

// activateModel answers POST /v1/models/{version}:activate.
func activateModel(c *call) error {
	ref, err := c.param("ref")
	if err != nil {
		return err
	}
	id, verb, ok := cutLast(ref, ':')
	if !ok || verb != "activate" {
		return fault.NotFoundf("unknown_path", "POST a model's version with :activate")
	}
	if event.CheckID(id) != nil {
		return invalidField("invalid_id", "/id", detailID)
	}
	force, err := c.forced()
	if err != nil {
		return err
	}
	if err := c.site.ActivateModel(c.ctx, id, force); err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]string{"version": id, "state": "active"})
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// trainModel makes a model of the kept log, which is activated when the gate
// says so. The body may name the model, set its parameters and overrule the
// gate.
func trainModel(c *call) error {
	var in struct {
		Model  string              `json:"model"`
		Params map[string]*float64 `json:"params"` // null stands for the usual value
		Force  bool                `json:"force"`
	}
	if err := c.readOptional(&in); err != nil {
		return err
	}
	o := site.TrainOptions{Model: in.Model, Force: in.Force}
	for name, v := range in.Params {
		if v == nil {
			continue
		}
		if o.Params == nil {
			o.Params = map[string]float64{}
		}
		o.Params[name] = *v
	}
	if err := checkTraining(o); err != nil {
		return err
	}
	v, active, err := c.site.Train(c.ctx, o, nil)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, viewModel(&v, active))
}

// checkTraining points at what is wrong where the body holds it.
func checkTraining(o site.TrainOptions) error {
	err := o.Check()
	f := fault.Of(err)
	switch {
	case f == nil:
	case f.Code == "unknown_model":
		return f.At("/model", "name one of the models there are")
	default:
		for i := range f.Fields {
			f.Fields[i].Pointer = "/params" + f.Fields[i].Pointer
		}
	}
	return err
}
