package embedded

import (
	"testing"

	"github.com/nextbest/nextbest/store"
)

// testStore can be opened again.
type testStore struct {
	*Store
	dir  string
	opts Options
}

// OpenTest opens an empty store whose files are in memory.
func OpenTest(t testing.TB) store.Store {
	return openStore(t, "store", Options{Files: MemoryFiles(), MemTableSize: 4 << 20})
}

// OpenFolder opens an empty store in a temporary folder.
func OpenFolder(t testing.TB, mode Durability) store.Store {
	return openStore(t, t.TempDir(), Options{Durability: mode})
}

func openStore(t testing.TB, dir string, opts Options) *testStore {
	t.Helper()
	s, err := Open(dir, opts)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &testStore{s, dir, opts}
}

// Reopen closes the store and opens what it kept.
func (s *testStore) Reopen(t testing.TB) store.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return openStore(t, s.dir, s.opts)
}
