package site

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// logBook is what a site logged.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logBook) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// counted is a store that counts how often a model's bytes are read.
type counted struct {
	*mixed
	reads int
}

func (c *counted) ReadVersion(ctx context.Context, site, kind, id string) ([]byte, error) {
	c.reads++
	return c.mixed.ReadVersion(ctx, site, kind, id)
}

// openMapped is openWalks with a folder for models.
func openMapped(t *testing.T) (s *shop, dir string, store *counted, book *logBook) {
	t.Helper()
	dir, store, book = filepath.Join(t.TempDir(), "models"), &counted{}, &logBook{}
	s, _ = openWalks(t, 10, func(c *Config) {
		if store.mixed == nil {
			store.mixed = c.Store.(*mixed)
		}
		c.Store, c.Dir, c.Logger = store, dir, slog.New(slog.NewTextHandler(book, nil))
		c.closeAfter = time.Nanosecond
	})
	return s, dir, store, book
}

func filesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// The active model's file is there, alone, and a start maps it without asking
// the store for its bytes.
func TestStartMapsTheModel(t *testing.T) {
	s, dir, store, book := openMapped(t)
	for _, o := range []TrainOptions{{}, {Model: ModelRows, Force: true}, {Force: true}} {
		v, active, err := s.Train(t.Context(), o, nil)
		if err != nil || !active {
			t.Fatalf("train: active %v, %v", active, err)
		}
		if got := filesIn(t, dir); !slices.Equal(got, []string{"shop-" + v.ID + ".model"}) {
			t.Errorf("files %v, want that of %s alone", got, v.ID)
		}
		s.click("ann", walkItem(7))
		want := idsOf(s.ask(visitorQuery("ann")))
		reads := store.reads
		s.open()
		if store.reads != reads {
			t.Error("a start read the model from the store")
		}
		if got := idsOf(s.ask(visitorQuery("ann"))); got != want || s.activeModel() != v.ID {
			t.Errorf("after a start: %s of %s; want %s of %s", got, s.activeModel(), want, v.ID)
		}
	}
	if book.has("cannot") {
		t.Errorf("something went wrong:\n%s", book.text.String())
	}
}

// A file that cannot be used is made again from the store; where no file can be
// made, the store's bytes answer. Either is logged.
func TestDamagedModelFile(t *testing.T) {
	s, dir, store, book := openMapped(t)
	first := s.train()
	second, _, err := s.Train(t.Context(), TrainOptions{Force: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "shop-"+second.ID+".model")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := store.ReadVersion(t.Context(), "shop", kindModel, first.ID)
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(whole)
	flipped[len(flipped)/2] ^= 4
	for name, content := range map[string][]byte{
		"a flipped bit": flipped, "half of it": whole[:len(whole)/2], "nothing": {}, "another version": other, "no file": nil,
	} {
		book.text.Reset()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if content != nil {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s.open()
		if got := s.activeModel(); got != second.ID {
			t.Errorf("%s: %q answers, want %s", name, got, second.ID)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, whole) {
			t.Errorf("%s: the file was not made again: %v", name, err)
		}
		if told := book.has("it is made again from the store"); told != (content != nil) {
			t.Errorf("%s: logged %q", name, book.text.String())
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.open()
	if got := s.activeModel(); got != second.ID || !book.has("takes memory of the program") {
		t.Errorf("without a file %q answers, want %s; logged %s", got, second.ID, book.text.String())
	}
}

// Only what is the site's own is removed.
func TestOldFilesOfTheSiteGo(t *testing.T) {
	s, dir, _, _ := openMapped(t)
	first := s.train()
	others := []string{"shop-b-" + first.ID + ".model", "shops-" + first.ID + ".model", "shop-notes.txt", "nextbest-123"}
	gone := []string{"shop-0123456789abcdef.model", "shop-0123456789abcdef.model.77.part"}
	for _, name := range append(slices.Clone(others), gone...) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.open()
	want := append(others, "shop-"+first.ID+".model")
	slices.Sort(want)
	if got := filesIn(t, dir); !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
}
