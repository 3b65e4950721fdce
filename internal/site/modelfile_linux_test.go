package site

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A former model is unmapped when nobody needs it any more, and nothing that
// lives longer refers to its memory: the answers, the learner's tables and a
// new model go on.
func TestFormerModelIsUnmapped(t *testing.T) {
	s, _, _, _ := openMapped(t)
	first := s.train()
	if !isMapped(t, first.ID) {
		t.Fatal("the model is not mapped")
	}
	s.click("ann", walkItem(7)) // counted under the names of the model's items
	if err := s.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.ask(visitorQuery("ann"))
	second, _, err := s.Train(t.Context(), TrainOptions{Force: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); isMapped(t, first.ID); {
		if time.Now().After(deadline) {
			t.Fatal("the former model stays mapped")
		}
		runtime.GC()
		runtime.Gosched()
	}
	if !isMapped(t, second.ID) {
		t.Error("the active model is not mapped")
	}
	s.click("ann", walkItem(8))
	if err := s.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := s.ask(visitorQuery("ann")); len(a.Items) != 10 || a.Versions.Model != second.ID {
		t.Errorf("%d items of model %s", len(a.Items), a.Versions.Model)
	}
	s.Close() // writes the learner's tables
}

func isMapped(t *testing.T, version string) bool {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(maps), version+modelSuffix)
}
