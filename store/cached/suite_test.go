package cached_test

import (
	"testing"

	"github.com/nextbest/nextbest/store"
	"github.com/nextbest/nextbest/store/cached"
	"github.com/nextbest/nextbest/store/embedded"
	"github.com/nextbest/nextbest/store/memory"
	"github.com/nextbest/nextbest/store/storetest"
)

func open(t testing.TB, inner store.Store, inline bool) *cached.Store {
	t.Helper()
	s, err := cached.New(inner, cached.Options{MaxBytes: 4 << 20, Inline: inline})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func overMemory(t testing.TB) store.Store { return open(t, memory.New(), false) }

// overDisk is a cache over an embedded store, which can be opened again.
type overDisk struct {
	*cached.Store
	files *embedded.Files
}

func overEmbedded(t testing.TB) store.Store { return openDisk(t, embedded.MemoryFiles()) }

func openDisk(t testing.TB, files *embedded.Files) overDisk {
	t.Helper()
	db, err := embedded.Open("store", embedded.Options{MemTableSize: 4 << 20, Files: files})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return overDisk{open(t, db, true), files}
}

// Reopen closes the store and opens what it kept.
func (s overDisk) Reopen(t testing.TB) store.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return openDisk(t, s.files)
}

func TestMemory(t *testing.T)   { storetest.Run(t, overMemory) }
func TestEmbedded(t *testing.T) { storetest.Run(t, overEmbedded) }

func BenchmarkMemory(b *testing.B)   { storetest.Bench(b, overMemory) }
func BenchmarkEmbedded(b *testing.B) { storetest.Bench(b, overEmbedded) }
