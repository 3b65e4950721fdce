// Package storetest is the definition of a backend: whatever passes Run is a
// store. Every guarantee is a named subtest, and faults_test.go shows for every
// one that a backend which breaks it does not pass.
package storetest

import (
	"testing"

	"github.com/nextbest/nextbest/store"
)

// Opener opens an empty store, which is closed by the end of the test.
type Opener func(t testing.TB) store.Store

// Reopener is a store whose data outlive it. The suite then also tests what is
// there after it was closed and opened again.
type Reopener interface {
	store.Store
	// Reopen closes the store and opens what it kept.
	Reopen(t testing.TB) store.Store
}

// guarantee is one thing that every backend does.
type guarantee struct {
	name  string
	check func(t testing.TB, s store.Store)
}

// Run tests a backend: three lines in its own package.
func Run(t *testing.T, open func(t testing.TB) store.Store) {
	t.Helper()
	for _, g := range guarantees() {
		t.Run(g.name, func(t *testing.T) { g.check(t, open(t)) })
	}
	if _, ok := open(t).(Reopener); ok {
		for _, g := range durableGuarantees() {
			t.Run(g.name, func(t *testing.T) { g.check(t, open(t)) })
		}
	}
	t.Run("model", func(t *testing.T) { checkModel(t, open) })
}

func guarantees() []guarantee {
	var all []guarantee
	for _, some := range [][]guarantee{
		sessionGuarantees(), logGuarantees(), historyGuarantees(), profileGuarantees(),
		controlGuarantees(), decisionGuarantees(), eraseGuarantees(), lifeGuarantees(),
	} {
		all = append(all, some...)
	}
	return all
}
