package best

import (
	"encoding/json"
	"io"
	"math"
	"slices"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/embedding"
	"github.com/nextbest/nextbest/recommend/snapshot"
)

// The model's file is a snapshot: its sections are the model's slices as they
// are in memory, and one of JSON for what is small.
const (
	fileKind   = "NBBEST"
	fileFormat = 1
	maxID      = 1 << 20 // bytes
)

// fileHead is the section of JSON.
type fileHead struct {
	Params  Params   `json:"params"`
	About   About    `json:"about"`
	Dim     int      `json:"dim"` // of the embedding in the file, 0 for none
	Tau     float32  `json:"tau"`
	Rankers []string `json:"rankers"` // policies with one
	Inputs  int      `json:"inputs"`  // of the rankers
}

// writer adds all sections.
func (m *Model) writer() (*snapshot.Writer, error) {
	head := fileHead{Params: m.params, About: m.about, Inputs: inputs}
	w := snapshot.NewWriter(fileKind, fileFormat)
	if q := m.vectors; q != nil {
		head.Dim, head.Tau = q.Dim, q.Tau
		w.Add("vectors", q.Codes)
		w.Add("vector_meta", q.Meta)
		w.Add("positions", q.Pos[:])
		w.Add("neighbours", m.near)
	}
	for policy := range policies {
		if r := m.rankers[policy]; r != nil {
			head.Rankers = append(head.Rankers, policy.String())
			w.Add("ranker_"+policy.String(), r.floats())
		}
	}
	text, err := json.Marshal(head)
	if err != nil {
		return nil, fault.New(fault.Internal, "model_head", "the model's head cannot be written").Because(err)
	}
	w.Add("head", string(text))
	w.Add("ids", m.ids)
	w.Add("id_offsets", m.idOff)
	w.Add("counts", m.counts)
	w.Add("traits", m.traits)
	w.Add("row_offsets", m.rowOff)
	w.Add("entries", m.entries)
	return w, nil
}

// seal finds the version and the size of the finished model.
func (m *Model) seal() error {
	w, err := m.writer()
	if err != nil {
		return err
	}
	m.version, m.size = w.Version(), w.Size()
	return nil
}

// Size is the size of the model's file in bytes; mapped, it takes as much
// memory where all of it is used.
func (m *Model) Size() int64 { return m.size }

// WriteTo writes the model's file.
func (m *Model) WriteTo(out io.Writer) (int64, error) {
	w, err := m.writer()
	if err != nil {
		return 0, err
	}
	return w.WriteTo(out)
}

// Open maps a model's file into memory. It must not be changed while it is
// open. The error is a fault of kind Invalid (code model_file) when the bytes
// are no model, else the system's.
func Open(path string) (*Model, error) {
	f, err := snapshot.Open(path, fileKind)
	if err != nil {
		return nil, err
	}
	m, err := read(f)
	if err != nil {
		f.Close() // it was only read: nothing is lost
		return nil, err
	}
	return m, nil
}

// Parse reads a model's file that is in memory; the model refers to b, which
// must stay as it is. No bytes make it panic. The error is a fault of kind
// Invalid (code model_file).
func Parse(b []byte) (*Model, error) {
	f, err := snapshot.Parse(b, fileKind)
	if err != nil {
		return nil, err
	}
	return read(f)
}

// Close gives a mapped file back: nothing that came from the model may be used
// any more.
func (m *Model) Close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}

func corrupt(format string, args ...any) error {
	return fault.Invalidf("model_file", "not a usable model file: "+format, args...)
}

// read makes a model of views of the file.
func read(f *snapshot.File) (*Model, error) {
	if f.Format() != fileFormat {
		return nil, corrupt("its format is %d, this program reads %d", f.Format(), fileFormat)
	}
	r := &reader{f: f}
	m := &Model{file: f, version: f.Version(), size: f.Size()}
	var head fileHead
	text := r.text("head")
	m.ids = r.text("ids")
	m.idOff, m.counts = section[uint32](r, "id_offsets"), section[uint32](r, "counts")
	m.traits = section[float32](r, "traits")
	m.rowOff, m.entries = section[uint32](r, "row_offsets"), section[uint32](r, "entries")
	if r.err != nil {
		return nil, r.err
	}
	if err := json.Unmarshal([]byte(text), &head); err != nil {
		return nil, corrupt("its head cannot be read")
	}
	m.params, m.about = head.Params, head.About
	if err := m.params.Validate(); err != nil {
		return nil, corrupt("%s", fault.Of(err).Detail)
	}
	if head.Dim != 0 {
		m.readVectors(r, &head)
	}
	if head.Inputs != inputs {
		return nil, corrupt("its rankers take %d inputs, those of this program %d: train the model again", head.Inputs, inputs)
	}
	m.readRankers(r, head.Rankers)
	if r.err != nil {
		return nil, r.err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	m.prepare()
	m.index()
	return m, nil
}

// reader takes sections and keeps the first error.
type reader struct {
	f   *snapshot.File
	err error
}

func section[T snapshot.Element](r *reader, name string) []T {
	list, err := snapshot.Slice[T](r.f, name)
	if r.err == nil {
		r.err = err
	}
	return list
}

func (r *reader) text(name string) string {
	text, err := snapshot.Text(r.f, name)
	if r.err == nil {
		r.err = err
	}
	return text
}

func (m *Model) readVectors(r *reader, head *fileHead) {
	q := &embedding.Quantised{
		Dim: head.Dim, Tau: head.Tau,
		Codes: section[uint8](r, "vectors"), Meta: section[float32](r, "vector_meta"),
	}
	if n := copy(q.Pos[:], section[float32](r, "positions")); n != len(q.Pos) && r.err == nil {
		r.err = corrupt("its embedding has %d positions", n)
	}
	m.near = section[uint32](r, "neighbours")
	m.vectors = q
}

func (m *Model) readRankers(r *reader, names []string) {
	for _, name := range names {
		policy := Policy(slices.Index(policyNames(), name))
		if policy >= policies {
			r.err = corrupt("it has a ranker for no policy")
			return
		}
		x := newRanker(section[float32](r, "ranker_"+name))
		if x == nil && r.err == nil {
			r.err = corrupt("its ranker %s is damaged", name)
		}
		m.rankers[policy] = x
	}
}

// check verifies everything that using the model relies on.
func (m *Model) check() error {
	n := len(m.counts)
	if n == 0 || n > math.MaxInt32 || len(m.idOff) != n+1 || len(m.rowOff) != n+1 ||
		len(m.traits) != traitWords*n || len(m.entries)%entryWords != 0 {
		return corrupt("its sections have sizes that do not fit together")
	}
	if err := checkOffsets(m.idOff, len(m.ids), maxID); err != nil {
		return err
	}
	if err := checkOffsets(m.rowOff, len(m.entries)/entryWords, MaxTop); err != nil {
		return err
	}
	for i := 1; i < n; i++ {
		if m.ID(uint32(i-1)) >= m.ID(uint32(i)) {
			return corrupt("its item ids are not in order")
		}
	}
	for at := 0; at < len(m.entries); at += entryWords {
		if int(m.entries[at]) >= n {
			return corrupt("its entry %d points at no item", at/entryWords)
		}
	}
	for k, x := range m.traits {
		if x-x != 0 {
			return corrupt("its item %d has an impossible trait", k/traitWords)
		}
	}
	return m.checkVectors()
}

func (m *Model) checkVectors() error {
	if m.vectors == nil {
		return nil
	}
	n := len(m.counts)
	if err := m.vectors.Check(); err != nil || m.vectors.Len() != n || len(m.near) != n*m.params.Neighbours {
		return corrupt("its embedding is damaged")
	}
	for k, j := range m.near {
		if int(j) >= n && j != Unknown {
			return corrupt("its item %d has an impossible neighbour", k/m.params.Neighbours)
		}
	}
	return nil
}

func checkOffsets(off []uint32, end, longest int) error {
	if off[0] != 0 || int(off[len(off)-1]) != end {
		return corrupt("its offsets do not span their section")
	}
	for n := 1; n < len(off); n++ {
		if off[n] < off[n-1] || int(off[n]-off[n-1]) > longest {
			return corrupt("its offset %d is impossible", n)
		}
	}
	return nil
}

// floats are the ranker's numbers, as its section holds them: mean, sd, w0, the
// base, W1, b1, w2.
func (r *ranker) floats() []float32 {
	var list []float32
	list = append(list, r.mean[:]...)
	list = append(list, r.sd[:]...)
	list = append(list, r.linear[:]...)
	list = append(list, r.base)
	list = append(list, r.first...)
	list = append(list, r.bias...)
	return append(list, r.second...)
}

// newRanker reads what floats wrote; nil when it cannot be that.
func newRanker(list []float32) *ranker {
	const fixed = 3*inputs + 1
	hidden := (len(list) - fixed) / (inputs + 2)
	if len(list) < fixed || len(list) != fixed+hidden*(inputs+2) || hidden > MaxHidden || hidden%8 != 0 {
		return nil
	}
	for _, x := range list {
		if x-x != 0 {
			return nil
		}
	}
	r := &ranker{hidden: hidden, base: list[fixed-1]}
	list = list[copy(r.mean[:], list):]
	list = list[copy(r.sd[:], list):]
	list = list[copy(r.linear[:], list)+1:]
	r.first, list = list[:inputs*hidden], list[inputs*hidden:]
	r.bias, r.second = list[:hidden], list[hidden:]
	return r
}
