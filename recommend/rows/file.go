package rows

import (
	"fmt"
	"io"
	"math"

	"github.com/nextbest/nextbest/recommend/snapshot"
)

// The file is a snapshot of these sections:
//
//	about    11 float64: the parameters a, lambda, tw, sw_days, delta, top, last,
//	         then trained at (epoch ms), latest (days), sessions, clicks
//	ids      the items' ids, ascending, one after the other
//	id_off   n+1 uint32: offsets into ids
//	counts   n uint32: clicks
//	mass     n float64: G
//	popular  n uint32: the items by clicks
//	start    n uint32: where the item's row starts in words
//	words    uint32: the rows in the order of popular, as row.go says
const (
	fileKind   = "NBROWS"
	fileFormat = 2
	aboutSize  = 11
)

// writer is the model as a file.
func (m *Model) writer() *snapshot.Writer {
	p := m.params
	w := snapshot.NewWriter(fileKind, fileFormat)
	w.Add("about", []float64{
		p.A, p.Lambda, p.TW, p.SWDays, p.Delta, float64(p.Top), float64(p.Last),
		float64(m.trainedAt), m.latest, float64(m.sessions), float64(m.clicks),
	})
	w.Add("ids", m.ids)
	w.Add("id_off", m.idOff)
	w.Add("counts", m.counts)
	w.Add("mass", m.mass)
	w.Add("popular", m.popular)
	w.Add("start", m.start)
	w.Add("words", m.words)
	return w
}

// Size is the size of the model's file in bytes.
func (m *Model) Size() int64 { return m.writer().Size() }

// WriteTo writes the model's file.
func (m *Model) WriteTo(w io.Writer) (int64, error) { return m.writer().WriteTo(w) }

// Open maps a model's file into memory: nothing is decoded, and what is read of
// it is shared with other processes. See snapshot.Open for what the file must
// not suffer. Close the Model when nothing refers to it, nor to an id of it, any
// more. The error is a fault of kind Invalid (code model_file) when the file is
// no model, else the system's.
func Open(path string) (*Model, error) {
	f, err := snapshot.Open(path, fileKind)
	if err != nil {
		return nil, err
	}
	m, err := fromFile(f)
	if err != nil {
		f.Close() // the model's fault says more
		return nil, err
	}
	return m, nil
}

// Parse is the model in the bytes of a file; the Model refers to them, they
// must stay as they are. Whatever the bytes, it does not panic. The error is a
// fault of kind Invalid (code model_file).
func Parse(b []byte) (*Model, error) {
	f, err := snapshot.Parse(b, fileKind)
	if err != nil {
		return nil, err
	}
	return fromFile(f)
}

// Read is Parse of what r holds to its end; the error may be the reader's.
func Read(r io.Reader) (*Model, error) {
	b, err := readAll(r)
	if err != nil {
		return nil, fmt.Errorf("reading the model: %w", err)
	}
	return Parse(b)
}

// readAll reads to the end, into one piece of the right size when the reader
// knows how much there is.
func readAll(r io.Reader) ([]byte, error) {
	known, ok := r.(interface{ Len() int })
	if !ok {
		return io.ReadAll(r)
	}
	b := make([]byte, known.Len())
	_, err := io.ReadFull(r, b)
	return b, err
}

// Close gives back what Open mapped; other Models need no Close. Neither the
// Model nor anything it returned may be used any more.
func (m *Model) Close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}

// fromFile makes a Model of views into f.
func fromFile(f *snapshot.File) (*Model, error) {
	if f.Format() != fileFormat {
		return nil, corrupt("its format is %d, this program reads %d: train the model again", f.Format(), fileFormat)
	}
	m := &Model{file: f, checksum: f.Checksum()}
	about, err := snapshot.Slice[float64](f, "about")
	if err != nil {
		return nil, err
	}
	if err := m.setAbout(about); err != nil {
		return nil, err
	}
	if m.ids, err = snapshot.Text(f, "ids"); err != nil {
		return nil, err
	}
	if m.mass, err = snapshot.Slice[float64](f, "mass"); err != nil {
		return nil, err
	}
	for name, list := range map[string]*[]uint32{
		"id_off": &m.idOff, "counts": &m.counts, "popular": &m.popular, "start": &m.start, "words": &m.words,
	} {
		if *list, err = snapshot.Slice[uint32](f, name); err != nil {
			return nil, err
		}
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	m.prepare()
	return m, nil
}

// setAbout takes the parameters and what is known of the training.
func (m *Model) setAbout(x []float64) error {
	if len(x) != aboutSize {
		return corrupt("its description is of another size")
	}
	for _, whole := range []int{5, 6, 7, 9, 10} {
		if x[whole] != math.Trunc(x[whole]) || math.Abs(x[whole]) > 1<<53 {
			return corrupt("its description is impossible")
		}
	}
	if !finite(x[8]) || x[9] < 0 || x[10] < 0 || math.Abs(x[5]) > MaxTop || math.Abs(x[6]) > MaxLast {
		return corrupt("its description is impossible")
	}
	m.params = Params{A: x[0], Lambda: x[1], TW: x[2], SWDays: x[3], Delta: x[4], Top: int(x[5]), Last: int(x[6])}
	m.trainedAt, m.latest, m.sessions, m.clicks = int64(x[7]), x[8], uint64(x[9]), uint64(x[10])
	if err := m.params.Validate(); err != nil {
		return corrupt("its parameters are outside their range")
	}
	return nil
}
