package rows

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/internal/fault"
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
	forgeries := map[string]func(m *Model){
		"entry points nowhere":  func(m *Model) { m.cols[0] = 99 },
		"weight is NaN":         func(m *Model) { m.weights[0] = float32(math.NaN()) },
		"weight is negative":    func(m *Model) { m.weights[0] = -1 },
		"count is negative":     func(m *Model) { m.counts[1] = -1 },
		"mass is infinite":      func(m *Model) { m.mass[1] = math.Inf(1) },
		"rows overlap":          func(m *Model) { m.rowOff[1] = 7; m.rowOff[2] = 1 },
		"rows leave the file":   func(m *Model) { m.rowOff[len(m.rowOff)-1]++ },
		"ids out of order":      func(m *Model) { m.ids = "muglanternbag"; m.idOff = []uint32{0, 3, 10, 13} },
		"ids twice":             func(m *Model) { m.ids = "bagbaglantern"; m.idOff = []uint32{0, 3, 6, 13} },
		"last beyond the ring":  func(m *Model) { m.params.Last = 1 << 30 },
		"delta is zero":         func(m *Model) { m.params.Delta = 0 },
		"latest is not a day":   func(m *Model) { m.latest = math.NaN() },
		"first offset is not 0": func(m *Model) { m.idOff[0] = 1 },
	}
	for name, forge := range forgeries {
		t.Run(name, func(t *testing.T) {
			m := small(t)
			forge(m)
			sum := xxhash.New()
			sum.Write(m.header()[:headerSize-8])
			if err := m.writeBody(sum); err != nil {
				t.Fatal(err)
			}
			m.checksum = sum.Sum64()
			if _, err := Read(bytes.NewReader(fileOf(t, m))); fault.KindOf(err) != fault.Invalid {
				t.Errorf("error %v, want Invalid", err)
			}
		})
	}
}

func TestReadAllocatesWhatIsThere(t *testing.T) {
	head := fileOf(t, small(t))[:headerSize]
	binary.LittleEndian.PutUint64(head[16:], math.MaxInt32)  // items
	binary.LittleEndian.PutUint64(head[24:], math.MaxUint32) // entries
	got := testing.AllocsPerRun(5, func() {
		if _, err := Read(bytes.NewReader(head)); err == nil {
			t.Fatal("a header alone was taken")
		}
	})
	if got > 50 {
		t.Errorf("%v allocations for a header that lies", got)
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

// FuzzRead: whatever the bytes, Read returns a usable model or an Invalid
// fault. The fuzzer's bytes get the right checksum, else nothing else would
// ever be reached.
func FuzzRead(f *testing.F) {
	whole := fileOf(f, small(f))
	f.Add(whole)
	f.Add(whole[:headerSize])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		data = bytes.Clone(data)
		if len(data) >= headerSize {
			sum := xxhash.New()
			sum.Write(data[:headerSize-8])
			sum.Write(data[headerSize:])
			binary.LittleEndian.PutUint64(data[headerSize-8:], sum.Sum64())
		}
		m, err := Read(bytes.NewReader(data))
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
