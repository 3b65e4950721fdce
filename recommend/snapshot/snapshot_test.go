package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/internal/fault"
)

const testKind = "NBTEST"

// everything holds one section of each type, the empty one included.
func everything() *Writer {
	w := NewWriter(testKind, 7)
	w.Add("bytes", []uint8{1, 2, 255})
	w.Add("small", []int8{-128, 0, 127})
	w.Add("shorts", []uint16{1, 65535})
	w.Add("words", []uint32{1, 2, 1 << 31})
	w.Add("floats", []float32{-1.5, 0, 3e38})
	w.Add("doubles", []float64{-1.5e300, 1})
	w.Add("text", "lantern")
	w.Add("nothing", []uint32{})
	return w
}

func fileOf(t testing.TB, w *Writer) []byte {
	t.Helper()
	var out bytes.Buffer
	n, err := w.WriteTo(&out)
	if err != nil || n != int64(out.Len()) || n != w.Size() {
		t.Fatalf("wrote %d bytes of %d, Size says %d: %v", n, out.Len(), w.Size(), err)
	}
	return out.Bytes()
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sectionOf[T Element](t *testing.T, f *File, name string, want ...T) {
	t.Helper()
	got, err := Slice[T](f, name)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("section %s: %v %v, want %v", name, got, err, want)
	}
}

func TestWhatIsWrittenComesBack(t *testing.T) {
	w := everything()
	whole := fileOf(t, w)
	odd := append([]byte{0}, whole...)[1:] // starts at an odd address
	for name, open := range map[string]func() (*File, error){
		"parse":         func() (*File, error) { return Parse(whole, testKind) },
		"parse a shift": func() (*File, error) { return Parse(odd, testKind) },
		"open":          func() (*File, error) { return Open(write(t, whole), testKind) },
	} {
		t.Run(name, func(t *testing.T) {
			f, err := open()
			if err != nil {
				t.Fatal(err)
			}
			sectionOf[uint8](t, f, "bytes", 1, 2, 255)
			sectionOf[int8](t, f, "small", -128, 0, 127)
			sectionOf[uint16](t, f, "shorts", 1, 65535)
			sectionOf[uint32](t, f, "words", 1, 2, 1<<31)
			sectionOf[float32](t, f, "floats", -1.5, 0, 3e38)
			sectionOf[float64](t, f, "doubles", -1.5e300, 1)
			sectionOf[uint32](t, f, "nothing")
			if text, err := Text(f, "text"); err != nil || text != "lantern" {
				t.Errorf("text: %q %v", text, err)
			}
			if f.Version() != w.Version() || len(f.Version()) != 16 || f.Size() != w.Size() || f.Format() != 7 {
				t.Errorf("version %s, size %d, format %d; want %s, %d, 7", f.Version(), f.Size(), f.Format(), w.Version(), w.Size())
			}
			for range 2 {
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestSectionsAreAligned(t *testing.T) {
	whole := fileOf(t, everything())
	f, err := Parse(whole, testKind)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range f.sections {
		if s.offset%64 != 0 {
			t.Errorf("section %s is at %d, want a multiple of 64", s.name, s.offset)
		}
	}
}

func TestVersionNamesTheContent(t *testing.T) {
	a, b := NewWriter(testKind, 1), NewWriter(testKind, 1)
	a.Add("x", []uint8{1})
	b.Add("x", []uint8{2})
	if a.Version() == b.Version() {
		t.Error("two contents share a version")
	}
}

func TestSliceRefusesOtherSections(t *testing.T) {
	f, err := Parse(fileOf(t, everything()), testKind)
	if err != nil {
		t.Fatal(err)
	}
	_, missing := Slice[uint32](f, "nobody")
	_, other := Slice[float32](f, "words")
	_, text := Text(f, "doubles")
	for _, err := range []error{missing, other, text} {
		if got := fault.Of(err); got == nil || got.Code != "model_file" {
			t.Errorf("error %v, want code model_file", err)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	for name, spoil := range map[string]func(w *Writer){
		"another type": func(w *Writer) { w.Add("x", []int{1}) },
		"name twice":   func(w *Writer) { w.Add("text", "again") },
		"no name":      func(w *Writer) { w.Add("", "again") },
		"long name":    func(w *Writer) { w.Add("abcdefghijklmnopqrstuvwxyzabcdefg", "x") },
	} {
		w := everything()
		spoil(w)
		if _, err := w.WriteTo(&bytes.Buffer{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := NewWriter("NBTOOLONG", 1).WriteTo(&bytes.Buffer{}); err == nil {
		t.Error("a kind of nine bytes was taken")
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	whole := fileOf(t, everything())
	refused := func(what string, b []byte) {
		t.Helper()
		if _, err := Parse(b, testKind); fault.KindOf(err) != fault.Invalid {
			t.Fatalf("%s: error %v, want Invalid", what, err)
		}
	}
	for n := range whole {
		refused("the begin of a file", whole[:n])
		damaged := bytes.Clone(whole)
		damaged[n] ^= 0x41
		refused("a changed byte", damaged)
	}
	refused("a byte too many", append(bytes.Clone(whole), 0))
	if _, err := Parse(whole, "NBROWS"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("another kind: error %v, want Invalid", err)
	}
	if _, err := Open(write(t, whole[:len(whole)-1]), testKind); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a short file: error %v, want Invalid", err)
	}
	if _, err := Open(write(t, nil), testKind); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an empty file: error %v, want Invalid", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), testKind); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: error %v, want ErrNotExist", err)
	}
}

func TestSwappedTurnsEveryElement(t *testing.T) {
	if diff := cmp.Diff([]byte{4, 3, 2, 1, 8, 7, 6, 5}, swapped([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 4)); diff != "" {
		t.Error(diff)
	}
}

type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.ErrUnsupported
	}
	return len(p), nil
}

func TestWriteToPassesErrorsOn(t *testing.T) {
	for _, left := range []int{10, 600, 700} {
		if _, err := everything().WriteTo(&failing{left}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("with room for %d bytes: error %v, want the writer's", left, err)
		}
	}
}

// reseal gives bytes the checksum and the length they claim to have, else
// nothing behind the first check would ever be reached.
func reseal(b []byte) []byte {
	b = bytes.Clone(b)
	if len(b) >= headerSize {
		binary.LittleEndian.PutUint64(b[16:], uint64(len(b)))
		sum := xxhash.New()
		sum.Write(b[:checksumAt])
		sum.Write(b[checksumAt+8:])
		binary.LittleEndian.PutUint64(b[checksumAt:], sum.Sum64())
	}
	return b
}

// FuzzParse: whatever the bytes, Parse returns a File whose sections lie
// within it, or an Invalid fault.
func FuzzParse(f *testing.F) {
	whole := fileOf(f, everything())
	f.Add(whole)
	f.Add(whole[:headerSize])
	f.Add(whole[:headerSize+entrySize])
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(reseal(data), testKind)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("error %v, want Invalid", err)
			}
			return
		}
		total := 0
		for _, s := range file.sections {
			total += len(s.data)
		}
		if total > len(data) {
			t.Fatalf("%d bytes of sections in a file of %d", total, len(data))
		}
		for _, name := range []string{"words", "doubles", "bytes"} {
			words, _ := Slice[uint32](file, name)
			doubles, _ := Slice[float64](file, name)
			for range words {
				total--
			}
			for range doubles {
				total--
			}
		}
	})
}
