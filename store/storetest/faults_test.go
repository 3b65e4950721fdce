package storetest

import (
	"testing"
)

// planted is a fault that breaks one guarantee of a store.
type planted struct {
	guarantee string
	plant     func(*faulty)
}

// TestSuiteCatchesFaults plants a fault against every guarantee; the guarantee's
// check must fail on it, and pass without it.
func TestSuiteCatchesFaults(t *testing.T) {
	faults := map[string][]planted{}
	for _, some := range [][]planted{eventFaults(), logFaults(), historyFaults(), profileFaults(), controlFaults(), decisionFaults(), eraseFaults(), lifeFaults()} {
		for _, f := range some {
			faults[f.guarantee] = append(faults[f.guarantee], f)
		}
	}
	for _, g := range append(guarantees(), durableGuarantees()...) {
		t.Run(g.name, func(t *testing.T) {
			if broken := failure(t, g.check, newFaulty(nil)); broken != "" {
				t.Fatalf("fails without a fault: %s", broken)
			}
			if len(faults[g.name]) == 0 {
				t.Fatalf("no fault shows that the suite tests this")
			}
			for i, f := range faults[g.name] {
				caught := failure(t, g.check, newFaulty(f.plant))
				if caught == "" {
					t.Errorf("fault %d is not caught", i)
				}
				t.Logf("fault %d: %s", i, caught)
			}
		})
		delete(faults, g.name)
	}
	for name := range faults {
		t.Errorf("a fault is planted against %q, which is no guarantee", name)
	}
}
