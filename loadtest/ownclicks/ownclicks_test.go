package ownclicks

import (
	"testing"

	"github.com/nextbest/nextbest/loadtest/fake"
)

func prove(t *testing.T, f fake.Fault) Report {
	t.Helper()
	s := &fake.Server{Fault: f}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Kill() }()
	r, err := Run(t.Context(), Options{Addr: s.Addr(), Pairs: 200, Clients: 8, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestGoodServer(t *testing.T) {
	r := prove(t, fake.None)
	if !r.OK() || r.Pairs != 200 || r.Items == 0 || r.Visitors < 8 {
		t.Errorf("report %+v", r)
	}
}

func TestFaultsAreFound(t *testing.T) {
	for _, f := range []fake.Fault{fake.AnswersStale, fake.WrongItem, fake.Degrades, fake.Forgets, fake.Refuses} {
		if r := prove(t, f); r.OK() {
			t.Errorf("%s: report %+v", f, r)
		}
	}
}
