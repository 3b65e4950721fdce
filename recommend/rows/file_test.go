package rows

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/snapshot"
)

func small(t testing.TB) *Model {
	return build(t, DefaultParams(), []session{
		{items: []string{"lantern", "bag", "lantern"}, day: 1},
		{items: []string{"bag", "mug"}, day: 2},
	}, &BuildOptions{TrainedAt: time.UnixMilli(1_700_000_000_123)})
}

func fileOf(t testing.TB, m *Model) []byte {
	t.Helper()
	var out bytes.Buffer
	n, err := m.WriteTo(&out)
	if err != nil || n != int64(out.Len()) || n != m.Size() {
		t.Fatalf("wrote %d bytes of %d, Size says %d: %v", n, out.Len(), m.Size(), err)
	}
	return out.Bytes()
}

func TestFileBringsTheModelBack(t *testing.T) {
	for _, m := range []*Model{small(t), build(t, DefaultParams(), powerLaw(2, 800, 900), nil)} {
		got, err := Read(iotest.OneByteReader(bytes.NewReader(fileOf(t, m))))
		if err != nil {
			t.Fatal(err)
		}
		if got.Version() != m.Version() || got.Params() != m.Params() || !got.TrainedAt().Equal(m.TrainedAt()) ||
			got.Latest() != m.Latest() || got.Sessions() != m.Sessions() || got.Clicks() != m.Clicks() || got.Len() != m.Len() {
			t.Errorf("the header came back as %+v", got)
		}
		for i := range uint32(m.Len()) {
			cols, weights := m.Row(i)
			gotCols, gotWeights := got.Row(i)
			if got.ID(i) != m.ID(i) || got.Count(i) != m.Count(i) || got.Mass(i) != m.Mass(i) ||
				!slices.Equal(cols, gotCols) || !slices.Equal(weights, gotWeights) {
				t.Fatalf("item %d came back different", i)
			}
			if n, ok := got.Index(m.ID(i)); !ok || n != i {
				t.Fatalf("Index(%q) is %d, %v", m.ID(i), n, ok)
			}
		}
		if _, ok := got.Index("nobody"); ok {
			t.Error("an unknown id was found")
		}
	}
}

func TestVersionNamesTheContent(t *testing.T) {
	m := small(t)
	if len(m.Version()) != 16 || m.Version() != small(t).Version() {
		t.Errorf("version %q is not 16 digits of the content", m.Version())
	}
	p := DefaultParams()
	p.Delta = 3
	other := build(t, p, []session{{items: []string{"bag"}}}, nil)
	if other.Version() == m.Version() {
		t.Error("two models share a version")
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	whole := fileOf(t, small(t))
	for n := range whole {
		if _, err := Read(bytes.NewReader(whole[:n])); fault.KindOf(err) != fault.Invalid {
			t.Fatalf("the first %d bytes: error %v, want Invalid", n, err)
		}
		damaged := bytes.Clone(whole)
		damaged[n] ^= 0x41
		if _, err := Read(bytes.NewReader(damaged)); fault.KindOf(err) != fault.Invalid {
			t.Fatalf("byte %d changed: error %v, want Invalid", n, err)
		}
	}
	if _, err := Read(bytes.NewReader(append(bytes.Clone(whole), 0))); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a byte too many: error %v, want Invalid", err)
	}
}

// TestForgedFilesAreRefused seals damaged models with the right checksum: the
// structure itself must be checked.
func TestForgedFilesAreRefused(t *testing.T) {
	bag := func(m *Model) uint32 { return m.start[0] } // "bag" is the first item
	forgeries := map[string]func(m *Model){
		"entry points nowhere":   func(m *Model) { m.words[bag(m)+rowHead] = 99 },
		"weight is 0":            func(m *Model) { m.words[bag(m)+rowHead+m.words[bag(m)]] &^= maxWeight },
		"scale is NaN":           func(m *Model) { m.words[bag(m)+1] = math.Float32bits(float32(math.NaN())) },
		"scale is negative":      func(m *Model) { m.words[bag(m)+1] |= 1 << 31 },
		"scale is too large":     func(m *Model) { m.words[bag(m)+1] = math.Float32bits(math.MaxFloat32) },
		"scale is 0":             func(m *Model) { m.words[bag(m)+1] = 0 },
		"spare half is not 0":    func(m *Model) { m.words[int(bag(m))+rowWords(3)-1] |= 7 << 16 },
		"row is too long":        func(m *Model) { m.words[bag(m)] = MaxTop + 1 },
		"row is longer":          func(m *Model) { m.words[bag(m)]++ },
		"row leaves the file":    func(m *Model) { m.words = m.words[:len(m.words)-1] },
		"words after the rows":   func(m *Model) { m.words = append(m.words, 0, 0) },
		"row starts elsewhere":   func(m *Model) { m.start[1]++ },
		"mass is infinite":       func(m *Model) { m.mass[1] = math.Inf(1) },
		"mass is negative":       func(m *Model) { m.mass[1] = -1 },
		"counts out of order":    func(m *Model) { m.counts[m.popular[0]] = 0 },
		"popular item twice":     func(m *Model) { m.popular[1] = m.popular[0] },
		"popular is nobody":      func(m *Model) { m.popular[0] = 99 },
		"a count is missing":     func(m *Model) { m.counts = m.counts[1:] },
		"no items":               func(m *Model) { m.counts = nil },
		"ids out of order":       func(m *Model) { m.ids = "muglanternbag"; m.idOff = []uint32{0, 3, 10, 13} },
		"ids twice":              func(m *Model) { m.ids = "bagbaglantern"; m.idOff = []uint32{0, 3, 6, 13} },
		"ids leave the file":     func(m *Model) { m.idOff[1] = 99 },
		"first offset is not 0":  func(m *Model) { m.idOff[0] = 1 },
		"last beyond the ring":   func(m *Model) { m.params.Last = 1 << 30 },
		"delta is zero":          func(m *Model) { m.params.Delta = 0 },
		"lambda is not a number": func(m *Model) { m.params.Lambda = math.NaN() },
		"latest is not a day":    func(m *Model) { m.latest = math.NaN() },
	}
	for name, forge := range forgeries {
		t.Run(name, func(t *testing.T) {
			m := small(t)
			forge(m)
			if _, err := Read(bytes.NewReader(fileOf(t, m))); fault.KindOf(err) != fault.Invalid {
				t.Errorf("error %v, want Invalid", err)
			}
		})
	}
}

// TestFormat1SaysToTrainAgain: what former programs wrote starts the same way
// and is told apart.
func TestFormat1SaysToTrainAgain(t *testing.T) {
	old := append([]byte("NBROWS\r\n\x01\x00\x00\x00"), make([]byte, 500)...)
	_, err := Read(bytes.NewReader(old))
	if f := fault.Of(err); f == nil || !strings.Contains(f.Detail, "format 1 ") || !strings.Contains(f.Detail, "train the model again") {
		t.Errorf("error %v, want one that says what to do", err)
	}
	next := snapshot.NewWriter(fileKind, fileFormat+1)
	next.Add("x", "y")
	var out bytes.Buffer
	if _, err := next.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(out.Bytes()); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a later format: error %v, want Invalid", err)
	}
}

func TestOpenMapsTheFile(t *testing.T) {
	m := small(t)
	path := filepath.Join(t.TempDir(), "model")
	if err := os.WriteFile(path, fileOf(t, m), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Version() != m.Version() || got.Len() != m.Len() || got.Entries() != m.Entries() {
		t.Errorf("version %s with %d items and %d entries", got.Version(), got.Len(), got.Entries())
	}
	if err := got.Close(); err != nil {
		t.Error(err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("closing a trained model: %v", err)
	}
	if err := os.Truncate(path, 200); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a short file: error %v, want Invalid", err)
	}
}

func TestReadAndWritePassErrorsOn(t *testing.T) {
	broken := errors.New("disk on fire")
	if _, err := Read(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("Read: error %v, want the reader's", err)
	}
	if _, err := small(t).WriteTo(failing{broken}); !errors.Is(err, broken) {
		t.Errorf("WriteTo: error %v, want the writer's", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// FuzzParse: whatever the sections hold, Parse returns a usable model or an
// Invalid fault. The fuzzer's bytes get the right checksum, else nothing else
// would ever be reached.
func FuzzParse(f *testing.F) {
	whole := fileOf(f, small(f))
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(whole[:64])
	f.Fuzz(func(t *testing.T, data []byte) {
		data = bytes.Clone(data)
		if len(data) >= 64 { // snapshot.go: the length at 16, the checksum at 24
			binary.LittleEndian.PutUint64(data[16:], uint64(len(data)))
			sum := xxhash.New()
			sum.Write(data[:24])
			sum.Write(data[32:])
			binary.LittleEndian.PutUint64(data[24:], sum.Sum64())
		}
		m, err := Parse(data)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("error %v, want Invalid", err)
			}
			return
		}
		s := NewScratch()
		m.Score(s, []uint32{0, 1, Unknown}, nil)
		m.Top(s, 20, nil, nil)
		var out bytes.Buffer
		if _, err := m.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(io.Reader(&out)); err != nil {
			t.Fatalf("a model that was read cannot be read again: %v", err)
		}
	})
}
