package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/nextbest/nextbest/recommend/evaluate"
)

// shownParams are a report's parameters under the names that --param takes.
func shownParams(params any) (string, error) {
	raw, err := json.Marshal(params)
	if err != nil {
		return "", err
	}
	// An object of plain numbers: {"a":0.8,"top":50}.
	return strings.NewReplacer("{", "", "}", "", `"`, "", ":", "=", ",", " ").Replace(string(raw)), nil
}

// print writes a report as text. Like every command's, it goes to a pipe or a
// terminal: an error of the last write stands for all.
func (c *evaluateCmd) print(w io.Writer, r *evaluate.Report) error {
	params, err := shownParams(r.Params)
	if err != nil {
		return err
	}
	if r.Tuning != nil {
		printTuning(w, r.Tuning)
	}
	_, err = fmt.Fprintf(w, `model        %s %s
predictions  %d (top %d, excluded: %s)
hr           %.4f
mrr          %.4f
ndcg         %.4f
precision    %.4f
recall       %.4f
coverage     %.4f
popularity   %.4f
time         p50 %.1f µs, p90 %.1f µs, p99 %.1f µs, p99.9 %.1f µs; %.0f predictions/s on one core
training     %.2f s, model of %d bytes
`, r.Model, params, r.N, c.Top, c.excluded(), r.HR, r.MRR, r.NDCG, r.Precision, r.Recall, r.Coverage, r.Popularity,
		r.P50, r.P90, r.P99, r.P999, r.PerSecond, r.TrainS, r.ModelBytes)
	if r.Chances != nil {
		_, err = fmt.Fprintf(w, "chances      %d whose target a list may hold: hr %.4f, mrr %.4f\n", r.Chances.N, r.Chances.HR, r.Chances.MRR)
	}
	if r.Against != nil {
		err = cmp.Or(err, printAgainst(w, r))
	}
	if r.Users != nil {
		printUsers(w, r.Users)
	}
	return err
}

// excluded is the policy in force.
func (c *evaluateCmd) excluded() string {
	switch {
	case c.Exclude != "":
		return c.Exclude
	case c.Users != "":
		return string(evaluate.ExcludeSeen)
	}
	return string(evaluate.ExcludeNone)
}

func printAgainst(w io.Writer, r *evaluate.Report) error {
	a := r.Against
	params, err := shownParams(a.Params)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\nagainst      %s %s\n             hr %.4f, mrr %.4f; training %.2f s, model of %d bytes\n", a.Model, params, a.HR, a.MRR, a.TrainS, a.ModelBytes)
	printPaired(w, &a.Difference)
	return err
}

func printPaired(w io.Writer, p *evaluate.Paired) {
	for _, d := range []struct {
		name string
		d    evaluate.Difference
	}{{"hr", p.HR}, {"mrr", p.MRR}} {
		fmt.Fprintf(w, "%-4s         %+.4f, 95 %% interval %+.4f to %+.4f, p %s\n", d.name, d.d.Value, d.d.Low, d.d.High, shownP(d.d.P, p.Resamples))
	}
	fmt.Fprintf(w, "McNemar      z %+.1f: %d predictions won, %d lost (%d sessions resampled %d times)\n", p.McNemarZ, p.Won, p.Lost, p.Sessions, p.Resamples)
}

// shownP says no more than the resamples can tell.
func shownP(p float64, resamples int) string {
	if least := 2 / float64(resamples+1); p <= least {
		return fmt.Sprintf("< %.2g", 2*least)
	}
	return fmt.Sprintf("%.2g", p)
}

// printTuning prints the settings in the order of trying.
func printTuning(w io.Writer, t *evaluate.Tuning) {
	fmt.Fprintf(w, "tuned on the newest %g of the training sessions: %d sessions, %d predictions\n", t.Share, t.Sessions, t.N)
	names := slices.Sorted(maps.Keys(t.Tried[0].Params))
	fmt.Fprintf(w, "   ")
	for _, name := range names {
		fmt.Fprintf(w, " %8s", name)
	}
	fmt.Fprintf(w, " %8s %8s %8s\n", "hr", "mrr", "score")
	for n, s := range t.Tried {
		mark := " "
		if n == t.Best {
			mark = "*"
		}
		fmt.Fprintf(w, "%2d%s", n+1, mark)
		for _, name := range names {
			fmt.Fprintf(w, " %8g", s.Params[name])
		}
		fmt.Fprintf(w, " %8.4f %8.4f %8.4f\n", s.HR, s.MRR, s.Score)
	}
	fmt.Fprintln(w)
}
