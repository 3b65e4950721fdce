package crash

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/loadtest/fake"
)

// child makes the fake a Server.
type child struct{ *fake.Server }

func (c child) Start(context.Context) error { return c.Server.Start() }

func prove(t *testing.T, f fake.Fault) Report {
	t.Helper()
	report, err := Run(t.Context(), child{&fake.Server{Fault: f}},
		Options{Kills: 3, Clients: 4, Seed: 42, Longest: 150 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestGoodServerLosesNothing(t *testing.T) {
	r := prove(t, fake.None)
	if r.Lost() || r.Acked == 0 || r.Duplicates == 0 || r.Kills != 3 {
		t.Errorf("report %+v", r)
	}
}

func TestFaultsAreFound(t *testing.T) {
	for f, want := range map[fake.Fault]string{
		fake.Forgets: "LOST", fake.CountsTwice: "TWICE", fake.StartsAnew: "became",
	} {
		r := prove(t, f)
		if !r.Lost() || !strings.Contains(strings.Join(r.Wrong, "\n"), want) {
			t.Errorf("%s: report %+v", f, r)
		}
	}
}

func TestRefusalsAreTriedAgain(t *testing.T) {
	if r := prove(t, fake.Refuses); r.Lost() {
		t.Errorf("report %+v", r)
	}
}
