package httpapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend/rows"
	"github.com/nextbest/nextbest/session/event"
)

// modelView is one kept model as the control plane shows it.
type modelView struct {
	Version   string            `json:"version"`
	State     string            `json:"state"` // active or kept
	CreatedAt string            `json:"created_at"`
	Bytes     int64             `json:"bytes"`
	SHA256    string            `json:"sha256,omitempty"`
	Meta      map[string]string `json:"meta,omitempty"`
}

func viewModel(v site.Version, active bool) modelView {
	m := modelView{Version: v.ID, State: "kept", CreatedAt: stamp(v.CreatedAt), Bytes: v.Bytes, SHA256: v.SHA256, Meta: v.Meta}
	if active {
		m.State = "active"
	}
	return m
}

func listModels(c *call) error {
	all, active, err := c.site.Models(c.ctx)
	if err != nil {
		return err
	}
	out := make([]modelView, 0, len(all))
	for _, v := range all {
		out = append(out, viewModel(v, v.ID == active))
	}
	return c.reply(http.StatusOK, map[string]any{"active": active, "models": out})
}

// putModel takes a trained snapshot as octets; :activate makes it live.
func putModel(c *call) error {
	switch t := strings.ToLower(string(c.rc.Request.Header.ContentType())); t {
	case "", "application/octet-stream":
	default:
		return withStatus(fault.Invalidf("unsupported_media_type", "a model is sent as application/octet-stream, not %s", printable(t)),
			http.StatusUnsupportedMediaType)
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
	v, err := c.site.PutModel(c.ctx, body)
	if err != nil {
		return err
	}
	_, active, err := c.site.Models(c.ctx) // the same bytes may be live already
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, viewModel(v, v.ID == active))
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
	if err := c.site.ActivateModel(c.ctx, id); err != nil {
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

// trainParams are the model's parameters as they are sent: what is left out
// has its usual value.
type trainParams struct {
	A      *float64 `json:"a"`
	Lambda *float64 `json:"lambda"`
	TW     *float64 `json:"tw"`
	SWDays *float64 `json:"sw_days"`
	Delta  *float64 `json:"delta"`
	Top    *int     `json:"top"`
	Last   *int     `json:"last"`
}

// over is p with what was sent in its place.
func (t *trainParams) over(p rows.Params) rows.Params {
	for _, f := range []struct{ dst, sent *float64 }{
		{&p.A, t.A}, {&p.Lambda, t.Lambda}, {&p.TW, t.TW}, {&p.SWDays, t.SWDays}, {&p.Delta, t.Delta},
	} {
		if f.sent != nil {
			*f.dst = *f.sent
		}
	}
	for _, f := range []struct{ dst, sent *int }{{&p.Top, t.Top}, {&p.Last, t.Last}} {
		if f.sent != nil {
			*f.dst = *f.sent
		}
	}
	return p
}

// trainModel makes a model of the kept log and activates it; the body may set
// the model's parameters.
func trainModel(c *call) error {
	var in struct {
		Params *trainParams `json:"params"`
	}
	if err := c.readOptional(&in); err != nil {
		return err
	}
	var params *rows.Params
	if in.Params != nil {
		p := in.Params.over(rows.DefaultParams())
		if err := checkParams(p); err != nil {
			return err
		}
		params = &p
	}
	v, err := c.site.Train(c.ctx, params, nil)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, viewModel(v, true))
}

// checkParams points at the parameters where the body holds them.
func checkParams(p rows.Params) error {
	err := p.Validate()
	if f := fault.Of(err); f != nil {
		for i := range f.Fields {
			f.Fields[i].Pointer = "/params" + f.Fields[i].Pointer
		}
	}
	return err
}
