package embedded

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
)

const damagedEvents = 3

func damagedRecord(i int) event.Record {
	return event.Record{Site: "s", Visitor: "v", Session: "x", ReceivedAt: 3600_000, Event: event.Event{
		ID: fmt.Sprint("e", i), Kind: event.View, ItemID: "item", TS: int64(i), Time: 1000,
	}}
}

// files are a folder's contents.
type files map[string][]byte

// written makes a store with a few events and returns its files as a crash
// would leave them: handed to the kernel, nothing closed.
func written(t *testing.T, flush bool) files {
	t.Helper()
	fs := vfs.NewMem()
	s, err := Open("store", Options{Files: &Files{fs}, MemTableSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for i := range damagedEvents {
		if err := s.Append(t.Context(), ingest.Write{Records: []event.Record{damagedRecord(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if flush {
		if err := s.PutProfiles(t.Context(), "s", "one", []profile.Profile{{ID: "v", Segments: []string{"x"}}}); err != nil {
			t.Fatal(err)
		}
		if err := s.ActivateProfiles(t.Context(), "s", "one"); err != nil {
			t.Fatal(err)
		}
		if err := s.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	all := read(t, fs)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, fs vfs.FS) files {
	t.Helper()
	names, err := fs.List("store")
	if err != nil {
		t.Fatal(err)
	}
	all := files{}
	for _, name := range names {
		f, err := fs.Open(fs.PathJoin("store", name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		all[name] = b
	}
	return all
}

// with is the folder with one file replaced.
func (f files) with(t *testing.T, name string, b []byte) *Files {
	t.Helper()
	fs := vfs.NewMem()
	if err := fs.MkdirAll("store", 0o700); err != nil {
		t.Fatal(err)
	}
	for n, body := range f {
		if n == name {
			body = b
		}
		file, err := fs.Create(fs.PathJoin("store", n), vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write(bytes.Clone(body)); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return &Files{fs}
}

// named is the file with a suffix or prefix; the newest, when there are several.
func (f files) named(part string) (string, []byte) {
	found := ""
	for name := range f {
		if (strings.HasSuffix(name, part) || strings.HasPrefix(name, part)) && name > found {
			found = name
		}
	}
	return found, f[found]
}

// survive opens a damaged folder. It answers with an error or with some of the
// first events, whole and the same everywhere; then it takes new ones.
func survive(t *testing.T, what string, files *Files) (n int, opened bool) {
	t.Helper()
	s, err := Open("store", Options{Files: files, MemTableSize: 1 << 20})
	if err != nil {
		if fault.Of(err) == nil || !strings.Contains(err.Error(), "store") {
			t.Fatalf("%s: the error does not say what is wrong: %v", what, err)
		}
		return 0, false
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("%s: close: %v", what, err)
		}
	}()
	recs, err := readLog(t.Context(), s)
	if err != nil {
		return 0, true // damage found when read
	}
	for i := range recs {
		if want := damagedRecord(i); recs[i].ID != want.ID || recs[i].TS != want.TS || recs[i].ItemID != want.ItemID {
			t.Fatalf("%s: record %d is %+v", what, i, recs[i])
		}
	}
	_, ids, err := s.SessionEvents(t.Context(), session.Key{Site: "s", Visitor: "v", Session: "x"}, 0)
	if err == nil && len(ids) != len(recs) {
		t.Fatalf("%s: %d events in the log and %d in the session", what, len(recs), len(ids))
	}
	more := damagedRecord(len(recs))
	if err := s.Append(t.Context(), ingest.Write{Records: []event.Record{more}}); err != nil {
		t.Fatalf("%s: append after recovery: %v", what, err)
	}
	return len(recs), true
}

func readLog(ctx context.Context, s store.Store) (recs []event.Record, err error) {
	_, _, err = s.ScanLog(ctx, "s", nil, 0, func(r event.Record) error {
		recs = append(recs, r)
		return nil
	})
	return recs, err
}

// A write-ahead log that ends anywhere is a crash in the middle of a write: the
// store opens with the events that were whole.
func TestTornLogIsRecovered(t *testing.T) {
	all := written(t, false)
	name, wal := all.named(".log")
	last := 0
	for size := 0; size <= len(wal); size++ {
		n, opened := survive(t, fmt.Sprintf("%d of %d bytes", size, len(wal)), all.with(t, name, wal[:size]))
		if !opened || n < last {
			t.Fatalf("with %d of %d bytes: opened %v, %d events, %d with less", size, len(wal), opened, n, last)
		}
		last = n
	}
	if last != damagedEvents {
		t.Fatalf("the whole log has %d events", last)
	}
}

func TestFlippedBytesOfTheLog(t *testing.T) {
	all := written(t, false)
	name, wal := all.named(".log")
	for i := range wal {
		damaged := bytes.Clone(wal)
		damaged[i] ^= 0x41
		survive(t, fmt.Sprintf("byte %d", i), all.with(t, name, damaged))
	}
}

// Tables and the files that name them: an error at the start or when read,
// never a panic and never a wrong record.
func TestFlippedBytesOfOtherFiles(t *testing.T) {
	all := written(t, true)
	var names []string
	for name := range all {
		if name != "LOCK" && len(all[name]) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for i := 0; i < len(all[name]); i += 1 + len(all[name])/200 {
			damaged := bytes.Clone(all[name])
			damaged[i] ^= 0x41
			survive(t, fmt.Sprintf("%s byte %d", name, i), all.with(t, name, damaged))
		}
		survive(t, name+" empty", all.with(t, name, nil))
		survive(t, name+" halved", all.with(t, name, all[name][:len(all[name])/2]))
	}
}

func TestMissingFiles(t *testing.T) {
	all := written(t, true)
	for name := range all {
		less := files{}
		for n, b := range all {
			if n != name {
				less[n] = b
			}
		}
		survive(t, "without "+name, less.with(t, "", nil))
	}
}

func TestOtherFormatIsRefused(t *testing.T) {
	mem := MemoryFiles()
	s, err := Open("store", Options{Files: mem})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.Set([]byte{spaceFormat}, []byte{format + 1}, s.sync); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("store", Options{Files: mem}); fault.KindOf(err) != fault.Conflict {
		t.Fatalf("a later format opens with %v", err)
	}
}
