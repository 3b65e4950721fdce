package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/internal/httpapi"
	"github.com/nextbest/nextbest/internal/site"
)

// replayCmd computes the scores of sampled answers again.
type replayCmd struct {
	ID   string `arg:"" optional:"" help:"recommendation_id of a sampled answer; the newest ones without it."`
	Last int    `default:"20" help:"How many of the newest sampled answers (1-100)."`
	targetFlags
	JSON bool `help:"Print one JSON object." name:"json"`
}

// replayReport is what replay --json prints.
type replayReport struct {
	Replayed  int             `json:"replayed"`
	Differing int             `json:"differing"` // answers whose scores came out otherwise
	Skipped   int             `json:"skipped"`   // made by models that are no longer kept
	Answers   []site.Replayed `json:"answers"`
}

// Run replays and fails when something came out otherwise than it was logged.
func (c *replayCmd) Run(ctx context.Context, s streams) error {
	if err := c.check(); err != nil {
		return err
	}
	report, err := c.replay(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(s.out, report)
	} else {
		err = report.print(s.out, c.ID != "")
	}
	if err == nil && report.Differing > 0 {
		err = fmt.Errorf("replay: %d of %d answers came out otherwise than they were logged", report.Differing, report.Replayed)
	}
	return err
}

func (c *replayCmd) check() error {
	var p problems
	c.targetFlags.check(&p)
	c.checkStore(&p)
	if c.Last < 1 || c.Last > 100 {
		p.addf("--last must be between 1 and 100")
	}
	if c.ID != "" {
		if _, ok := httpapi.TokenTime(c.ID); !ok {
			p.addf("%q is no recommendation_id; every answer of /v1/recommendations has one", c.ID)
		}
	}
	return p.err()
}

// decisionSource reads and replays decisions, here or in a server.
type decisionSource interface {
	list(ctx context.Context, last int) ([]string, error)
	replay(ctx context.Context, id string) (site.Replayed, error)
}

func (c *replayCmd) replay(ctx context.Context) (*replayReport, error) {
	if c.Server != "" {
		return c.replayFrom(ctx, remoteDecisions{c.remote()})
	}
	var report *replayReport
	err := withSite(ctx, c.targetFlags, func(st *site.Site) (err error) {
		report, err = c.replayFrom(ctx, keptDecisions{st})
		return err
	})
	return report, err
}

func (c *replayCmd) replayFrom(ctx context.Context, from decisionSource) (*replayReport, error) {
	report := &replayReport{Answers: []site.Replayed{}}
	ids := []string{c.ID}
	if c.ID == "" {
		var err error
		if ids, err = from.list(ctx, c.Last); err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		r, err := from.replay(ctx, id)
		if err != nil && c.ID == "" && modelGone(err) {
			report.Skipped++
			continue
		}
		if err != nil {
			return nil, err
		}
		report.Replayed++
		if len(r.Differences) > 0 {
			report.Differing++
		}
		report.Answers = append(report.Answers, r)
	}
	return report, nil
}

// keptDecisions are those of a stopped server.
type keptDecisions struct{ site *site.Site }

func (k keptDecisions) list(ctx context.Context, last int) ([]string, error) {
	all, err := k.site.Decisions(ctx, time.Now(), last)
	return idsOf(all), err
}

func (k keptDecisions) replay(ctx context.Context, id string) (site.Replayed, error) {
	at, _ := httpapi.TokenTime(id)
	d, err := k.site.Decision(ctx, at, id)
	if err != nil {
		return site.Replayed{}, err
	}
	return k.site.Replay(ctx, d)
}

func idsOf(all []site.KeptDecision) []string {
	ids := make([]string, 0, len(all))
	for i := range all {
		ids = append(ids, all[i].ID)
	}
	return ids
}

// remoteDecisions are those of a running server.
type remoteDecisions struct{ r remote }

func (d remoteDecisions) list(ctx context.Context, last int) ([]string, error) {
	var in struct {
		Decisions []site.KeptDecision `json:"decisions"`
	}
	err := d.r.doJSON(ctx, http.MethodGet, "/v1/decisions?limit="+strconv.Itoa(last), nil, &in)
	return idsOf(in.Decisions), err
}

func (d remoteDecisions) replay(ctx context.Context, id string) (site.Replayed, error) {
	var r site.Replayed
	var raw json.RawMessage
	if err := d.r.doJSON(ctx, http.MethodGet, "/v1/decisions/"+url.PathEscape(id), nil, &raw); err != nil {
		return r, err
	}
	return r, json.Unmarshal(raw, &r)
}

// print tells a verdict per answer, and with detail a line per slot.
func (r *replayReport) print(w io.Writer, detail bool) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for i := range r.Answers {
		a := &r.Answers[i]
		verdict := "as logged"
		if n := len(a.Differences); n > 0 {
			verdict = fmt.Sprintf("DIFFERS in %d places", n)
		}
		fmt.Fprintf(t, "%s\t%s\tmodel %s\t%d candidates\t%s\n", a.ID, a.Placement, a.Versions.Model, len(a.Candidates), verdict)
		for _, d := range a.Differences {
			fmt.Fprintf(t, "  %s: %s\n", d.Pointer, d.Detail)
		}
		if detail {
			printSlots(t, a)
		}
	}
	fmt.Fprintf(t, "%d replayed, %d differ", r.Replayed, r.Differing)
	if r.Skipped > 0 {
		fmt.Fprintf(t, ", %d made by models that are no longer kept", r.Skipped)
	}
	fmt.Fprintln(t)
	return t.Flush()
}

func printSlots(w io.Writer, a *site.Replayed) {
	fmt.Fprintln(w, "slot\titem\tlogged\treplayed\tdifference")
	for n := range a.Candidates {
		if x := &a.Candidates[n]; x.Slot > 0 {
			fmt.Fprintf(w, "%d\t%s\t%.9f\t%.9f\t%.1g\n", x.Slot, x.ItemID, x.Score, a.Scores[n], math.Abs(x.Score-a.Scores[n]))
		}
	}
}

// modelGone reports whether a replay failed because the answer's model was
// dropped since; a server says it by the same code.
func modelGone(err error) bool {
	const code = "unknown_model"
	if f := fault.Of(err); f != nil {
		return f.Code == code
	}
	return strings.Contains(err.Error(), " "+code+")")
}
