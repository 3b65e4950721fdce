package learn

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// GateReport is what a Gate found, kept with the version that it judged.
type GateReport struct {
	Activate bool   `json:"activate"`
	Forced   bool   `json:"forced,omitempty"` // it would have been refused
	Reason   string `json:"reason"`           // one of the Gate words
	Text     string `json:"text"`             // the same for people, one line

	Against    string          `json:"against,omitempty"` // what decided: live or popularity
	Candidate  *GateFigures    `json:"candidate,omitempty"`
	Live       *GateFigures    `json:"live,omitempty"`
	Popular    *GateFigures    `json:"popular,omitempty"` // the session's own items, then the most clicked
	Difference *GateDifference `json:"difference,omitempty"`

	Exclude       Exclude   `json:"exclude"`
	Top           int       `json:"top"`
	Predictions   int       `json:"predictions"` // compared on
	HeldOut       int       `json:"held_out"`    // there were; more when they were sampled
	Sessions      int       `json:"sessions"`    // of the predictions
	From          time.Time `json:"from,omitzero"`
	Until         time.Time `json:"until,omitzero"`
	TrainSessions int       `json:"train_sessions"`
	LiveSaw       int       `json:"live_saw,omitempty"`      // sessions that the live model may have been trained on: the comparison flatters it
	CandidateSaw  int       `json:"candidate_saw,omitempty"` // likewise of a candidate that was trained elsewhere
	LiveUnknown   int       `json:"live_unknown,omitempty"`  // predictions whose answer the live model does not know
}

// GateFigures is how one model did; all are 0..1.
type GateFigures struct {
	HR         float64 `json:"hr"`         // lists that hold the next item
	MRR        float64 `json:"mrr"`        // mean of 1/slot of the next item, 0 when absent
	Coverage   float64 `json:"coverage"`   // share of the training items that some list holds
	Popularity float64 `json:"popularity"` // mean clicks of the listed items, the most clicked item is 1
}

// GateDifference is the candidate minus what it is compared with, and the
// standard errors of that, by session.
type GateDifference struct {
	HR       float64 `json:"hr"`
	HRError  float64 `json:"hr_se"`
	MRR      float64 `json:"mrr"`
	MRRError float64 `json:"mrr_se"`
}

// compare makes one of the comparisons the one that decides.
func (r *GateReport) compare(against string, d GateDifference) {
	r.Against, r.Difference = against, &d
}

// say notes the verdict.
func (r *GateReport) say(activate bool, reason string, force bool) {
	r.Activate, r.Forced, r.Reason = activate || force, force && !activate, reason
	verdict := "refused"
	switch {
	case r.Forced:
		verdict = "activated by force"
	case r.Activate:
		verdict = "activated"
	}
	r.Text = verdict + ": " + r.why()
	if r.Live != nil && r.LiveSaw > 0 {
		r.Text += fmt.Sprintf("; the comparison flatters the live model, which may have been trained on %s of the sessions", grouped(r.LiveSaw))
		if r.Against == againstPopularity {
			r.Text += fmt.Sprintf(" (HR %s, MRR %s)", rate(r.Live.HR), rate(r.Live.MRR))
		}
	}
	if r.CandidateSaw > 0 {
		r.Text += fmt.Sprintf("; the comparison flatters the candidate, which may have been trained on %s of the sessions", grouped(r.CandidateSaw))
	}
	if !r.Activate {
		r.Text += "; --force activates it"
	}
}

func (r *GateReport) why() string {
	if r.Difference == nil {
		return fmt.Sprintf("nothing to compare on, %s predictions in the newest %s sessions", grouped(r.Predictions), grouped(r.Sessions))
	}
	than, of := r.Popular, "what is popular"
	if r.Against == againstLive {
		than, of = r.Live, "the live model"
	}
	d := r.Difference
	hr := fmt.Sprintf("HR %s against %s", rate(r.Candidate.HR), rate(than.HR))
	mrr := fmt.Sprintf("MRR %s against %s", rate(r.Candidate.MRR), rate(than.MRR))
	on := fmt.Sprintf("on %s predictions of %s", grouped(r.Predictions), r.days())
	refused := r.Forced || !r.Activate
	switch {
	case refused && d.hrWorse() && !d.mrrWorse():
		return fmt.Sprintf("%s of %s %s, standard error %s", hr, of, on, rate(d.HRError))
	case refused && d.mrrWorse() && !d.hrWorse() && r.Against == againstLive:
		return fmt.Sprintf("%s of %s %s, standard error %s", mrr, of, on, rate(d.MRRError))
	}
	return fmt.Sprintf("%s and %s of %s %s, standard errors %s and %s", hr, mrr, of, on, rate(d.HRError), rate(d.MRRError))
}

func (r *GateReport) days() string {
	from, until := r.From.Format(time.DateOnly), r.Until.Format(time.DateOnly)
	if from == until {
		return from
	}
	return from + " to " + until
}

// rate is a figure of 0..1 as in the tables: .312, 1.000.
func rate(x float64) string { return strings.TrimPrefix(strconv.FormatFloat(x, 'f', 3, 64), "0") }

// grouped is a number with its thousands apart.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

// dayTime is a time in days since the epoch.
func dayTime(days float64) time.Time { return time.UnixMilli(int64(days * msPerDay)).UTC() }
