package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store/embedded"
)

// The child is this test binary, started again with these in its environment.
const (
	childDir  = "NEXTBEST_TEST_CHILD_DIR"
	childMode = "NEXTBEST_TEST_CHILD_MODE"
	childName = "NEXTBEST_TEST_CHILD_NAME"
	// prove asks for the full length: NEXTBEST_PROVE=1 go test -run Kill
	prove = "NEXTBEST_PROVE"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDir) != "" {
		if err := child(os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

const childWriters = 3

// child appends for ever and writes a line for every acknowledgement.
func child(out io.Writer) error {
	mode, err := embedded.ParseDurability(os.Getenv(childMode))
	if err != nil {
		return err
	}
	s, err := embedded.Open(os.Getenv(childDir), embedded.Options{Durability: mode})
	if err != nil {
		return err
	}
	failed := make(chan error, childWriters)
	var line sync.Mutex
	for w := range childWriters {
		go func() {
			for i := 0; ; i++ {
				visitor := fmt.Sprintf("%s-%d", os.Getenv(childName), w)
				write := writeOf(visitor, i)
				if err := s.Append(context.Background(), write); err != nil {
					failed <- err
					return
				}
				line.Lock()
				_, err := fmt.Fprintf(out, "%s %d %d\n", visitor, i, time.Now().UnixMilli())
				line.Unlock()
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// writeOf is the i-th write of a visitor: two events and the visitor's row.
func writeOf(visitor string, i int) ingest.Write {
	w := ingest.Write{Visitors: []session.Visitor{{Site: "s", ID: visitor, Session: "x", SessionAt: int64(i), Lasting: true}}}
	for half := range 2 {
		w.Records = append(w.Records, event.Record{
			Site: "s", Visitor: visitor, Session: "x", ReceivedAt: time.Now().UnixMilli(), Lasting: true,
			Event: event.Event{ID: eventID(i, half), Kind: event.Click, ItemID: "item", TS: int64(2*i + half), HasTS: true, Time: int64(2*i + half)},
		})
	}
	return w
}

func eventID(i, half int) string { return fmt.Sprintf("%08d-%d", i, half) }

// ack is one acknowledged write.
type ack struct {
	visitor string
	i       int
	at      int64
}

// run starts a child, kills it when stop says so, and returns what it
// acknowledged and when it was killed.
func run(t *testing.T, dir, mode, name string, stop func(all []ack) bool) (acks []ack, killed int64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childMode+"="+mode, childName+"="+name)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		a, ok := parse(lines.Text())
		if !ok {
			continue // a line that the kill cut off
		}
		acks = append(acks, a)
		if killed == 0 && stop(acks) {
			killed = time.Now().UnixMilli()
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || killed == 0 {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return acks, killed
}

func parse(line string) (ack, bool) {
	f := strings.Fields(line)
	if len(f) != 3 {
		return ack{}, false
	}
	i, err := strconv.Atoi(f[1])
	at, err2 := strconv.ParseInt(f[2], 10, 64)
	return ack{f[0], i, at}, err == nil && err2 == nil && len(f[2]) == 13
}

// kept reads what is behind a cursor of the log: per visitor the ids. It checks
// that every write is there whole and is in its session as well.
func kept(t *testing.T, dir, mode string, from event.Cursor) (map[string]map[string]bool, event.Cursor) {
	t.Helper()
	d, err := embedded.ParseDurability(mode)
	if err != nil {
		t.Fatal(err)
	}
	s, err := embedded.Open(dir, embedded.Options{Durability: d})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	got := map[string]map[string]bool{}
	next, _, err := s.ScanLog(t.Context(), "s", from, 0, func(r event.Record) error {
		if got[r.Visitor] == nil {
			got[r.Visitor] = map[string]bool{}
		}
		if got[r.Visitor][r.ID] {
			return fmt.Errorf("%s %s is there twice", r.Visitor, r.ID)
		}
		got[r.Visitor][r.ID] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for visitor, ids := range got {
		recs, _, err := s.SessionEvents(t.Context(), session.Key{Site: "s", Visitor: visitor, Session: "x"}, len(ids)+1)
		if err != nil || len(recs) != len(ids) {
			t.Fatalf("%s has %d events in its session and %d in the log (%v)", visitor, len(recs), len(ids), err)
		}
		v, err := s.Visitor(t.Context(), "s", visitor)
		if err != nil || v.SessionAt != recs[0].TS/2 {
			t.Fatalf("the row of %s is of write %d, its newest event of write %d (%v)", visitor, v.SessionAt, recs[0].TS/2, err)
		}
	}
	return got, next
}

// TestKillLosesNothing is promise G1 for os and disk: what was acknowledged is
// there after kill -9 at any moment, whole, and the log goes on behind an old
// cursor.
func TestKillLosesNothing(t *testing.T) {
	for mode, kills := range map[string]int{"os": 4, "disk": 2} {
		t.Run(mode, func(t *testing.T) {
			if os.Getenv(prove) != "" {
				kills = 200
			}
			dir, seed := t.TempDir(), rand.Uint64()
			random := rand.New(rand.NewPCG(seed, 0))
			var cursor event.Cursor
			total := 0
			for round := range kills {
				n := 1 + random.IntN(1500)
				name := fmt.Sprintf("round%d", round)
				acks, _ := run(t, dir, mode, name, func(all []ack) bool { return len(all) >= n })
				var got map[string]map[string]bool
				got, cursor = kept(t, dir, mode, cursor)
				for _, a := range acks {
					if ids := got[a.visitor]; !ids[eventID(a.i, 0)] || !ids[eventID(a.i, 1)] {
						t.Fatalf("seed %d, round %d: write %d of %s was acknowledged and is lost", seed, round, a.i, a.visitor)
					}
				}
				for _, visitor := range slices.Sorted(maps.Keys(got)) {
					if !strings.HasPrefix(visitor, name+"-") {
						t.Fatalf("%s comes behind a cursor that had passed it", visitor)
					}
				}
				total += len(acks)
			}
			t.Logf("%d kills, %d acknowledged writes, none lost (seed %d)", kills, total, seed)
		})
	}
}

// TestKillLosesASecond is the promise of durability memory.
func TestKillLosesASecond(t *testing.T) {
	dir := t.TempDir()
	acks, killed := run(t, dir, "memory", "m", func(all []ack) bool { return all[len(all)-1].at-all[0].at > 1800 })
	got, _ := kept(t, dir, "memory", nil)
	lost, old := 0, 0
	for _, a := range acks {
		there := got[a.visitor][eventID(a.i, 0)]
		if !there {
			lost++
		}
		if a.at < killed-1000 {
			old++
			if !there {
				t.Fatalf("a write that was acknowledged %d ms before the kill is lost", killed-a.at)
			}
		}
	}
	if old == 0 {
		t.Fatal("no write was old enough to tell anything")
	}
	t.Logf("%d of %d acknowledged writes lost", lost, len(acks))
}
