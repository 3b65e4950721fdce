package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/evaluate"
)

// usersFlags measure session, profile and blend on users' sessions.
type usersFlags struct {
	Users       string   `help:"File with the columns user, session, item, time (csv, tsv, ndjson or parquet): what the session says, what the user's history says, and their blend. Sessions before the cut train, those from it on are predicted." placeholder:"FILE" type:"path" group:"Users"`
	TestFrom    string   `help:"The cut: sessions that begin from here on are predicted, e.g. 2011-11-01 or 2011-11-01T08:00:00Z." placeholder:"DATE" group:"Users"`
	TestShare   float64  `default:"0.1" help:"The newest share of the sessions that is predicted where no date is given." group:"Users"`
	Positions   int      `default:"13" help:"Items of a session that are predicted, from its first." group:"Users"`
	AMax        float64  `default:"0.75" help:"The most that the session weighs against the profile." group:"Users"`
	Kappa       float64  `default:"0.33" help:"Steps at which it weighs half of that." group:"Users"`
	Placement   []string `help:"Placements that --write-config sets (all); may repeat." placeholder:"NAME" group:"Users"`
	WriteConfig string   `help:"Write a_max and kappa for these placements into this configuration file of serve; the rest of the file stays." placeholder:"FILE" type:"path" group:"Users"`
}

// options are nil without a file of users.
func (f *usersFlags) options() *evaluate.Users {
	if f.Users == "" {
		return nil
	}
	from, _ := parseDate(f.TestFrom) // checked before
	place, _ := recommend.PlacementNamed(f.names()[0])
	place.AMax, place.Kappa = f.AMax, f.Kappa
	return &evaluate.Users{File: f.Users, TestFrom: from, TestShare: f.TestShare, Positions: f.Positions, Placement: place}
}

// names are the placements that are meant.
func (f *usersFlags) names() []string {
	if len(f.Placement) == 0 {
		return recommend.PlacementNames()
	}
	return f.Placement
}

func parseDate(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, text)
}

// checkUsers checks an evaluation on users' sessions.
func (c *evaluateCmd) checkUsers(p *problems) {
	p.file("--users", c.Users)
	if c.Train != "" || c.Test != "" {
		p.addf("--users trains and tests on its own file, cut by --test-from: leave --train and --test out")
	}
	if c.LastOnly {
		p.addf("--last-only does not go with --users; --positions says which items are predicted")
	}
	if c.Against != "" {
		p.addf("--against does not go with --users: session, profile and blend are compared there; run twice with --model for two models")
	}
	if c.Tune && c.ModelFile != "" {
		p.addf("--tune trains its own models: leave --model-file out")
	}
	if _, err := parseDate(c.TestFrom); err != nil {
		p.addf("--test-from %q is no date such as 2011-11-01 or 2011-11-01T08:00:00Z", c.TestFrom)
	}
	if !(c.TestShare > 0 && c.TestShare <= .9) {
		p.addf("--test-share must be above 0 and at most 0.9")
	}
	if c.Positions < 1 || c.Positions > 1000 {
		p.addf("--positions must be between 1 and 1000")
	}
	blendRule{AMax: c.AMax, Kappa: c.Kappa}.check("--a-max, --kappa:", p)
	for _, name := range c.Placement {
		p.oneOf("--placement", name, recommend.PlacementNames()...)
	}
}

// unused tells flags that mean nothing without --users.
func (f *usersFlags) unused(p *problems) {
	if f.TestFrom != "" {
		p.addf("--test-from cuts the file of --users FILE: give that too, or leave it out")
	}
	if f.WriteConfig != "" {
		p.addf("--write-config writes the blend that --users FILE found: give that too, or leave it out")
	}
	if len(f.Placement) > 0 {
		p.addf("--placement says what --write-config sets, which needs --users FILE")
	}
}

// writeConfig writes the blend in force where serve reads it.
func (c *evaluateCmd) writeConfig(r *evaluate.Report, told io.Writer) error {
	if c.WriteConfig == "" {
		return nil
	}
	rule := blendRule{AMax: r.Users.AMax, Kappa: r.Users.Kappa}
	if err := writeBlend(c.WriteConfig, c.names(), rule); err != nil {
		return evaluateError(err)
	}
	_, err := fmt.Fprintf(told, "Wrote a_max %g and kappa %g for %s: nextbest serve --config %s\n",
		rule.AMax, rule.Kappa, strings.Join(c.names(), ", "), c.WriteConfig)
	return err
}

func printUsers(w io.Writer, u *evaluate.UsersReport) {
	if u.Tuning != nil {
		printBlendTuning(w, u.Tuning)
	}
	fmt.Fprintf(w, "\nusers        %d with %d sessions from %s on; a_max %g, kappa %g\n",
		u.Users, u.Sessions, u.TestFrom.Format(time.RFC3339), u.AMax, u.Kappa)
	if u.LeftOut > 0 {
		fmt.Fprintf(w, "left out     %d rows that cannot be used; %s\n", u.LeftOut, u.Why)
	}
	fmt.Fprintf(w, "             hr      mrr     hr and mrr of the %d items new to the user\n", u.Blend.New.N)
	for _, a := range []struct {
		name string
		arm  evaluate.Arm
	}{{"session only", u.Session}, {"profile only", u.Profile}, {"blend", u.Blend}} {
		fmt.Fprintf(w, "%-12s %.4f  %.4f  %.4f  %.4f\n", a.name, a.arm.HR, a.arm.MRR, a.arm.New.HR, a.arm.New.MRR)
	}
	for _, d := range []struct {
		name string
		base evaluate.Arm
		p    *evaluate.Paired
	}{{"session only", u.Session, &u.OnSession}, {"profile only", u.Profile, &u.OnProfile}} {
		fmt.Fprintf(w, "blend against %s: hr %+.1f %%, mrr %+.1f %%\n", d.name, percent(d.p.HR.Value, d.base.HR), percent(d.p.MRR.Value, d.base.MRR))
		printPaired(w, d.p)
	}
}

func percent(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * part / whole
}

// printBlendTuning prints a table of a_max by kappa.
func printBlendTuning(w io.Writer, t *evaluate.BlendTuning) {
	best := t.Tried[t.Best]
	fmt.Fprintf(w, "tuned on the newest %g of the sessions before the cut: %d sessions, %d predictions\nhr/mrr by a_max (down) and kappa:\n%7s", t.Share, t.Sessions, t.N, "")
	var kappas []float64
	for _, s := range t.Tried {
		if !slices.Contains(kappas, s.Kappa) {
			kappas = append(kappas, s.Kappa)
			fmt.Fprintf(w, " %11g ", s.Kappa)
		}
	}
	for n, s := range t.Tried {
		if n%len(kappas) == 0 {
			fmt.Fprintf(w, "\n%7g", s.AMax)
		}
		mark := " "
		if n == t.Best {
			mark = "*"
		}
		fmt.Fprintf(w, " %.4f/%.4f%s", s.HR, s.MRR, mark)
	}
	fmt.Fprintf(w, "\nbest         a_max %g, kappa %g\n", best.AMax, best.Kappa)
}
