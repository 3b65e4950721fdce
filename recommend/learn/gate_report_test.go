package learn

import (
	"testing"
	"time"
)

func TestGateText(t *testing.T) {
	day := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	against := func(who string, d GateDifference) *GateReport {
		return &GateReport{
			Against: who, Difference: &d, Predictions: 1204, From: day, Until: day.Add(9 * time.Hour),
			Candidate: &GateFigures{HR: .31, MRR: .2}, Live: &GateFigures{HR: .42, MRR: .25}, Popular: &GateFigures{HR: .05, MRR: .01},
		}
	}
	two := against(againstLive, GateDifference{HR: -.11, HRError: .014, MRR: -.05, MRRError: .0101})
	two.Until = day.AddDate(0, 0, 1)
	saw := against(againstPopularity, GateDifference{HR: .26, HRError: .014, MRR: .19, MRRError: .01})
	saw.LiveSaw = 1180
	for _, test := range []struct {
		report          *GateReport
		activate, force bool
		want            string
	}{
		{against(againstLive, GateDifference{HR: -.11, HRError: .014, MRR: -.005, MRRError: .01}), false, false,
			"refused: HR .310 against .420 of the live model on 1,204 predictions of 2026-11-23, standard error .014; --force activates it"},
		{against(againstLive, GateDifference{HR: -.01, HRError: .014, MRR: -.05, MRRError: .01}), false, true,
			"activated by force: MRR .200 against .250 of the live model on 1,204 predictions of 2026-11-23, standard error .010"},
		{two, false, false,
			"refused: HR .310 against .420 and MRR .200 against .250 of the live model on 1,204 predictions of 2026-11-23 to 2026-11-24, standard errors .014 and .010; --force activates it"},
		{against(againstPopularity, GateDifference{HR: .26, HRError: .014, MRR: .19, MRRError: .01}), true, true,
			"activated: HR .310 against .050 and MRR .200 against .010 of what is popular on 1,204 predictions of 2026-11-23, standard errors .014 and .010"},
		{saw, true, false,
			"activated: HR .310 against .050 and MRR .200 against .010 of what is popular on 1,204 predictions of 2026-11-23, standard errors .014 and .010; the comparison flatters the live model, which may have been trained on 1,180 of the sessions (HR .420, MRR .250)"},
		{&GateReport{Predictions: 37, Sessions: 12}, true, false,
			"activated: nothing to compare on, 37 predictions in the newest 12 sessions"},
	} {
		if test.report.say(test.activate, "", test.force); test.report.Text != test.want {
			t.Errorf("%s\nwant %s", test.report.Text, test.want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
