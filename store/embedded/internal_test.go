package embedded

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
)

func record(visitor, id string, ms int64) event.Record {
	return event.Record{Site: "s", Visitor: visitor, Session: "x", ReceivedAt: ms, Lasting: true,
		Event: event.Event{ID: id, Kind: event.View, ItemID: "item", TS: ms, Time: ms}}
}

func add(t *testing.T, s store.Store, recs ...event.Record) {
	t.Helper()
	if err := s.Append(t.Context(), ingest.Write{Records: recs}); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holding counts the rows that have a text in key or value, per space.
func holding(t *testing.T, s *Store, text string) map[byte]int {
	t.Helper()
	found := map[byte]int{}
	it, err := s.db.NewIter(nil)
	must(t, err)
	for ok := it.First(); ok; ok = it.Next() {
		if bytes.Contains(it.Key(), []byte(text)) || bytes.Contains(it.Value(), []byte(text)) {
			found[it.Key()[0]]++
		}
	}
	must(t, it.Close())
	return found
}

// T16: nothing but the mark is left in any row, also of what a stale client
// sends afterwards.
func TestEraseLeavesNoRow(t *testing.T) {
	s := OpenTest(t).(*testStore).Store
	linked := record("device", "linked", 1000)
	linked.UserID, linked.Proven = "erase-me", true
	mine := record("erase-me", "mine", 1000)
	add(t, s, mine, linked, record("other", "kept", 1000))
	must(t, s.PutHistory(t.Context(), []event.Record{mine, linked}))
	must(t, s.Append(t.Context(), ingest.Write{Visitors: []session.Visitor{
		{Site: "s", ID: "erase-me", SessionAt: 1000}, {Site: "s", ID: "device", SessionAt: 1000, UserID: "erase-me"},
	}}))
	for _, version := range []string{"one", "two"} {
		must(t, s.PutProfiles(t.Context(), "s", version, []profile.Profile{{ID: "erase-me"}}))
	}
	if before := holding(t, s, "erase-me"); len(before) != 5 {
		t.Fatalf("before the erasure the visitor is in spaces %v", before)
	}
	must(t, s.EraseVisitor(t.Context(), "s", "erase-me", time.UnixMilli(2000)))
	add(t, s, record("erase-me", "stale", 1500))
	must(t, s.PutHistory(t.Context(), []event.Record{mine, linked}))
	if left := holding(t, s, "erase-me"); len(left) != 1 || left[spaceMark] != 1 {
		t.Fatalf("after the erasure the visitor is in spaces %v", left)
	}
	if kept := holding(t, s, "kept"); kept[spaceLog] != 1 || kept[spaceSession] != 1 {
		t.Fatalf("another visitor's event is in spaces %v", kept)
	}
}

func TestRetiredProfilesLeaveNoRow(t *testing.T) {
	s := OpenTest(t).(*testStore).Store
	for _, version := range []string{"first", "second"} {
		must(t, s.PutProfiles(t.Context(), "s", version, []profile.Profile{{ID: "a"}, {ID: "b"}}))
		must(t, s.ActivateProfiles(t.Context(), "s", version))
	}
	if left := holding(t, s, "first"); len(left) != 0 {
		t.Fatalf("the retired dataset is in spaces %v", left)
	}
}

// A process that ends between the chunks and their row leaves chunks that
// nobody can read.
func TestOrphanedChunksAreRemoved(t *testing.T) {
	ts := OpenTest(t).(*testStore)
	body := bytes.Repeat([]byte("body"), chunkBytes/3)
	must(t, ts.PutVersion(t.Context(), "s", "model", store.Version{ID: "whole"}, body))
	for _, p := range [][]byte{generationKey("s", "model", "torn", 1), generationKey("s", "model", "whole", 2)} {
		if _, err := ts.putChunks(t.Context(), p, body); err != nil {
			t.Fatal(err)
		}
	}
	s := ts.Reopen(t).(*testStore)
	if n := holding(t, s.Store, "bodybody")[spaceChunk]; n != 2 {
		t.Fatalf("%d chunks are left of 2", n)
	}
	got, err := s.ReadVersion(t.Context(), "s", "model", "whole")
	if err != nil || !bytes.Equal(got, body) {
		t.Fatalf("the whole version: %d bytes, %v", len(got), err)
	}
}

func TestDamagedBodyIsAnError(t *testing.T) {
	s := OpenTest(t).(*testStore).Store
	must(t, s.PutVersion(t.Context(), "s", "model", store.Version{ID: "m"}, []byte("body")))
	key := append(generationKey("s", "model", "m", 1), 0, 0, 0, 0)
	must(t, s.db.Set(key, []byte("bodx"), s.sync))
	if _, err := s.ReadVersion(t.Context(), "s", "model", "m"); err == nil || fault.KindOf(err) != fault.Internal {
		t.Fatalf("a body with another digest: %v", err)
	}
	must(t, s.db.Delete(key, s.sync))
	if _, err := s.ReadVersion(t.Context(), "s", "model", "m"); err == nil || fault.KindOf(err) != fault.Internal {
		t.Fatalf("a body without its chunk: %v", err)
	}
}

func TestLockNamesTheWayOut(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	must(t, err)
	_, err = Open(dir, Options{})
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "--server") {
		t.Errorf("a folder in use: %v", err)
	}
	must(t, s.Close())
	s, err = Open(dir, Options{}) // the refused one has left nothing behind
	must(t, err)
	must(t, s.Close())
}

func TestDurabilityWords(t *testing.T) {
	for _, d := range []Durability{OS, Disk, Memory} {
		got, err := ParseDurability(d.String())
		if err != nil || got != d {
			t.Errorf("%s is read as %s (%v)", d, got, err)
		}
	}
	if _, err := ParseDurability("quorum"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an unknown word: %v", err)
	}
}

// Close waits for a scan, and the scan's callback, which calls the store
// again, is told that it ends instead of waiting for Close.
func TestCloseDuringAScan(t *testing.T) {
	s := OpenTest(t).(*testStore).Store
	add(t, s, record("v", "1", 1000), record("v", "2", 1000))
	closed := make(chan error, 1)
	_, n, err := s.ScanLog(t.Context(), "s", nil, 0, func(r event.Record) error {
		go func() { closed <- s.Close() }()
		for {
			s.gate.mu.Lock()
			closing := s.gate.closed
			s.gate.mu.Unlock()
			if closing {
				break
			}
		}
		return s.PutHistory(context.Background(), []event.Record{r})
	})
	if n != 0 || fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("the scan read %d records and ended with %v", n, err)
	}
	must(t, <-closed)
}

// diskFS is a disk that can be full and whose log can fail.
type diskFS struct {
	vfs.FS
	free   atomic.Uint64
	broken atomic.Bool
}

func (d *diskFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free.Load(), TotalBytes: 1 << 40}, nil
}

func (d *diskFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, c)
	if err == nil && strings.HasSuffix(name, ".log") {
		f = &diskFile{f, d}
	}
	return f, err
}

type diskFile struct {
	vfs.File
	disk *diskFS
}

func (f *diskFile) Write(b []byte) (int, error) {
	if f.disk.broken.Load() {
		return 0, syscall.ENOSPC
	}
	return f.File.Write(b)
}

// G12: writes stop while there is room for what was accepted; reads go on, and
// so do writes when somebody made room.
func TestFullDiskRefusesWrites(t *testing.T) {
	disk := &diskFS{FS: vfs.NewMem()}
	disk.free.Store(1 << 40)
	s := openStore(t, "store", Options{Files: &Files{disk}, MemTableSize: 1 << 20, MinFree: 1 << 30}).Store
	add(t, s, record("v", "1", 1000))
	disk.free.Store(1 << 29)
	s.checkDisk()
	err := s.Append(t.Context(), ingest.Write{Records: []event.Record{record("v", "2", 1000)}})
	if f := fault.Of(err); f == nil || f.Kind != fault.Unavailable || f.Code != "disk_full" {
		t.Fatalf("append to a full disk: %v", err)
	}
	if recs, err := readLog(t.Context(), s); err != nil || len(recs) != 1 {
		t.Fatalf("reading from a full disk: %d records, %v", len(recs), err)
	}
	must(t, s.EraseVisitor(t.Context(), "s", "v", time.UnixMilli(2000))) // makes room
	disk.free.Store(1 << 31)
	s.checkDisk()
	add(t, s, record("w", "3", 3000))
}

// A log that cannot be written ends the store, not the process: every write is
// refused from then on, and what was acknowledged is there after a restart.
func TestFailedLogIsAnError(t *testing.T) {
	mem := vfs.NewMem()
	disk := &diskFS{FS: mem}
	disk.free.Store(1 << 40)
	s, err := Open("store", Options{Files: &Files{disk}, MemTableSize: 1 << 20})
	must(t, err)
	add(t, s, record("v", "1", 1000))
	disk.broken.Store(true)
	for i := range 3 {
		err := s.Append(t.Context(), ingest.Write{Records: []event.Record{record("v", "2", 1000)}})
		if f := fault.Of(err); f == nil || f.Kind != fault.Unavailable || f.Code != "store_failed" {
			t.Fatalf("write %d to a broken log: %v", i, err)
		}
	}
	if err := s.Close(); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("closing a failed store: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("closing it again: %v", err)
	}
	again, err := Open("store", Options{Files: read(t, mem).with(t, "", nil), MemTableSize: 1 << 20})
	must(t, err)
	recs, err := readLog(t.Context(), again)
	if err != nil || len(recs) != 1 || recs[0].ID != "1" {
		t.Fatalf("after the restart: %v, %v", recs, err)
	}
	must(t, again.Close())
}

// In durability disk everything acknowledged survives a power cut, in os the
// store opens with the first part of it.
func TestPowerCut(t *testing.T) {
	for _, mode := range []Durability{Disk, OS} {
		t.Run(mode.String(), func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			s := openStore(t, "store", Options{Files: &Files{mem}, Durability: mode, MemTableSize: 1 << 20}).Store
			const n = 50
			for i := range n {
				add(t, s, damagedRecord(i))
			}
			after := mem.CrashClone(vfs.CrashCloneCfg{})
			again := openStore(t, "store", Options{Files: &Files{after}, Durability: mode, MemTableSize: 1 << 20}).Store
			recs, err := readLog(t.Context(), again)
			must(t, err)
			for i := range recs {
				if recs[i].ID != damagedRecord(i).ID {
					t.Fatalf("record %d is %s", i, recs[i].ID)
				}
			}
			if mode == Disk && len(recs) != n {
				t.Fatalf("%d of %d events survived", len(recs), n)
			}
		})
	}
}

// A commit under way holds the log's readers back: the record behind it comes
// after it, not before.
func TestScanWaitsForEarlierCommits(t *testing.T) {
	s := OpenTest(t).(*testStore).Store
	add(t, s, record("v", "1", 1000))
	q, err := s.sequencer("s")
	must(t, err)
	ticket, _, _ := q.begin(1, 0) // a commit that takes its time
	add(t, s, record("v", "2", 1000))
	recs, err := readLog(t.Context(), s)
	if err != nil || len(recs) != 1 {
		t.Fatalf("%d records are shown before the commit ended (%v)", len(recs), err)
	}
	q.end(ticket)
	if recs, err = readLog(t.Context(), s); err != nil || len(recs) != 2 {
		t.Fatalf("%d records are shown after it ended (%v)", len(recs), err)
	}
}

func TestRecordThatCannotBeReadBackIsRefused(t *testing.T) {
	s := OpenTest(t).(*testStore).Store
	r := record("v", "1", 1000)
	r.Properties = make([]byte, event.MaxRecordBytes)
	if err := s.Append(t.Context(), ingest.Write{Records: []event.Record{r}}); fault.KindOf(err) != fault.Invalid {
		t.Fatalf("a record of more than the limit: %v", err)
	}
	add(t, s, record("v", "2", 1000))
	if recs, err := readLog(t.Context(), s); err != nil || len(recs) != 1 {
		t.Fatalf("%d records, %v", len(recs), err)
	}
}

func TestTranslate(t *testing.T) {
	if err := translate("x", nil); err != nil {
		t.Errorf("no error becomes %v", err)
	}
	if err := translate("x", errors.New("disk")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("an error of the disk becomes %v", err)
	}
	if err := translate("x", fault.NotFoundf("a", "b")); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a meaning is lost: %v", err)
	}
}
