package best

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/internal/fault"
)

// checksumAt is where a snapshot's header holds the checksum of all else.
const checksumAt = 24

// resealed is the file with a checksum that fits, so that damage is met by what
// reads the sections.
func resealed(b []byte) []byte {
	b = append([]byte(nil), b...)
	if len(b) < checksumAt+8 {
		return b
	}
	sum := xxhash.New()
	sum.Write(b[:checksumAt])
	sum.Write(b[checksumAt+8:])
	binary.LittleEndian.PutUint64(b[checksumAt:], sum.Sum64())
	return b
}

func TestFileRoundTrip(t *testing.T) {
	m := smallModel(t)
	path := filepath.Join(t.TempDir(), "model")
	if err := os.WriteFile(path, fileOf(t, m), 0o600); err != nil {
		t.Fatal(err)
	}
	opened, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	parsed, err := Parse(fileOf(t, m))
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []*Model{opened, parsed} {
		if got.Version() != m.Version() || len(m.Version()) != 16 || got.Size() != m.Size() || got.Params() != m.Params() {
			t.Errorf("version %s, size %d; want %s, %d", got.Version(), got.Size(), m.Version(), m.Size())
		}
		if diff := cmp.Diff(m.About(), got.About()); diff != "" {
			t.Error(diff)
		}
		if !bytes.Equal(fileOf(t, got), fileOf(t, m)) {
			t.Error("a model that was read writes another file")
		}
		sameRanking(t, m, got)
	}
}

func sameRanking(t *testing.T, m, got *Model) {
	t.Helper()
	r, s := rand.New(rand.NewPCG(5, 5)), NewScratch()
	for n := range 100 {
		steps := randomSteps(r, m.Len(), 9)
		want := m.Rank(s, steps, nil, Policy(n%3), nil, 30, nil)
		if list := got.Rank(s, steps, nil, Policy(n%3), nil, 30, nil); !equal(list, want) {
			t.Fatalf("%v: %v, want %v", steps, list, want)
		}
	}
}

func TestVersionNamesTheContent(t *testing.T) {
	c := newCorpus(t, walk(300, 20, 7))
	at := time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC)
	one := train(t, c, smallParams(), Options{TrainedAt: at})
	same := train(t, c, smallParams(), Options{TrainedAt: at})
	later := train(t, c, smallParams(), Options{TrainedAt: at.Add(time.Second)})
	if one.Version() != same.Version() || one.Version() == later.Version() || !one.TrainedAt().Equal(at) {
		t.Errorf("versions %s, %s and %s later; trained at %v", one.Version(), same.Version(), later.Version(), one.TrainedAt())
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	b := fileOf(t, smallModel(t))
	r := rand.New(rand.NewPCG(6, 6))
	for range 300 {
		x := append([]byte(nil), b...)
		x[r.IntN(len(x))] ^= 1 << r.IntN(8)
		if _, err := Parse(x); fault.Of(err) == nil || fault.Of(err).Code != "model_file" {
			t.Fatalf("a flipped bit: %v", err)
		}
	}
	for range 50 {
		if _, err := Parse(b[:r.IntN(len(b))]); fault.Of(err) == nil {
			t.Fatalf("cut off: %v", err)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); err == nil || fault.Of(err) != nil {
		t.Errorf("no file: %v", err)
	}
}

// TestWrongContentIsRefused: files whose checksum fits and whose sections do
// not fit together.
func TestWrongContentIsRefused(t *testing.T) {
	good := fileOf(t, smallModel(t))
	for name, change := range map[string]func(m *Model){
		"entry beyond the items": func(m *Model) { m.entries[0] = uint32(m.Len()) },
		"row offsets go back":    func(m *Model) { m.rowOff[1], m.rowOff[2] = m.rowOff[2]+1, m.rowOff[1] },
		"row offsets too long":   func(m *Model) { m.rowOff[len(m.rowOff)-1]++ },
		"a row beyond MaxTop":    func(m *Model) { clear(m.rowOff[1 : len(m.rowOff)-1]) },
		"id offsets":             func(m *Model) { m.idOff[1], m.idOff[2] = m.idOff[2], m.idOff[1] },
		"ids out of order":       func(m *Model) { m.ids = "z" + m.ids[1:] },
		"missing counts":         func(m *Model) { m.counts = m.counts[1:] },
		"missing traits":         func(m *Model) { m.traits = m.traits[1:] },
		"trait not a number":     func(m *Model) { m.traits[5] = nan() },
		"neighbour beyond":       func(m *Model) { m.near[3] = uint32(m.Len()) },
		"missing neighbours":     func(m *Model) { m.near = m.near[1:] },
		"vectors cut":            func(m *Model) { m.vectors.Codes = m.vectors.Codes[1:] },
		"vector not a number":    func(m *Model) { m.vectors.Meta[1] = nan() },
		"ranker cut":             func(m *Model) { m.rankers[0].second = m.rankers[0].second[1:] },
		"ranker not a number":    func(m *Model) { m.rankers[0].base = nan() },
		"parameters":             func(m *Model) { m.params.Candidates = 0 },
		"no steps":               func(m *Model) { m.params.Last = 0 },
	} {
		m, err := Parse(append([]byte(nil), good...))
		if err != nil {
			t.Fatal(err)
		}
		change(m)
		var b bytes.Buffer
		if _, err := m.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(b.Bytes()); fault.Of(err) == nil || fault.Of(err).Code != "model_file" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func nan() float32 {
	zero := float32(0)
	return zero / zero
}

// FuzzParse: whatever the bytes, reading them does not panic, nor does ranking
// with what was read.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, resealed(b)} {
			m, err := Parse(b)
			if err != nil {
				if fault.Of(err) == nil {
					t.Fatalf("no fault: %v", err)
				}
				continue
			}
			s := NewScratch()
			for policy := range policies {
				for i := range uint32(min(m.Len(), 50)) {
					m.Rank(s, []uint32{i, i / 2, Unknown}, nil, policy, nil, 30, nil)
					if s.Len() > 0 {
						m.Explain(s.AppendInputs(nil, 0), policy)
					}
				}
			}
			m.Index(m.ID(0))
		}
	})
}
