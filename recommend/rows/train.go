package rows

import (
	"context"
	"math"
	"slices"
	"sync"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/corpus"
)

// chunkRows is how many rows a worker takes at a time: enough to make taking
// cheap, few enough to stop soon and to share popular rows between workers.
const chunkRows = 64

// Train computes the rows of all items of c. The corpus is only read and may be
// closed afterwards. The error is a fault of kind Invalid for bad parameters,
// or the context's.
func Train(ctx context.Context, c *corpus.Corpus, p Params, opts *BuildOptions) (*Model, error) {
	if opts == nil {
		opts = &BuildOptions{}
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	m := &Model{
		params: p,
		latest: c.Latest(), sessions: uint64(c.Sessions()), clicks: uint64(c.Clicks()),
		counts: make([]uint32, c.Len()), mass: make([]float64, c.Len()), start: make([]uint32, c.Len()),
	}
	if !opts.TrainedAt.IsZero() {
		m.trainedAt = opts.TrainedAt.UnixMilli()
	}
	m.setItems(c)
	t := &training{c: c, params: p, opts: opts, weights: sessionWeights(c, p.SWDays), model: m}
	chunks, err := t.run(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.join(chunks); err != nil {
		return nil, err
	}
	m.checksum = m.writer().Checksum()
	m.prepare()
	return m, nil
}

// sessionWeights are w_s = exp(-(t_max - t_s)/sw).
func sessionWeights(c *corpus.Corpus, sw float64) []float32 {
	weights := make([]float32, c.Sessions())
	for s := range weights {
		weights[s] = float32(math.Exp(-(c.Latest() - c.Day(s)) / sw))
	}
	return weights
}

// setItems copies the ids and the counts, and orders the items by popularity.
func (m *Model) setItems(c *corpus.Corpus) {
	size := 0
	for i := range uint32(c.Len()) {
		size += len(c.ID(i))
	}
	all := make([]byte, 0, size)
	m.idOff = make([]uint32, 1, c.Len()+1)
	m.popular = make([]uint32, c.Len())
	for i := range uint32(c.Len()) {
		all = append(all, c.ID(i)...)
		m.idOff = append(m.idOff, uint32(len(all)))
		m.counts[i] = c.Count(i)
		m.popular[i] = i
	}
	m.ids = string(all)
	slices.SortFunc(m.popular, func(x, y uint32) int { return m.moreClicks(x, y) })
}

// moreClicks orders items by clicks, most first, ties by item id.
func (m *Model) moreClicks(x, y uint32) int {
	if m.counts[x] != m.counts[y] {
		return int(m.counts[y]) - int(m.counts[x])
	}
	return int(x) - int(y)
}

// training is one run of Train, shared by its workers.
type training struct {
	c       *corpus.Corpus
	params  Params
	opts    *BuildOptions
	weights []float32 // w_s per session
	model   *Model    // order, and mass, which workers fill
	mu      sync.Mutex
	next    int // chunk to take
	done    int // chunks finished
}

// chunk is the finished rows of some items that follow each other in
// popularity, one after the other as the model holds them.
type chunk struct{ words []uint32 }

// run computes all rows, chunk by chunk, the most popular items first: theirs
// take longest. The result is the same for any number of workers.
func (t *training) run(ctx context.Context) ([]chunk, error) {
	chunks := make([]chunk, (t.c.Len()+chunkRows-1)/chunkRows)
	take := func() int {
		t.mu.Lock()
		defer t.mu.Unlock()
		if ctx.Err() != nil {
			return len(chunks)
		}
		t.next++
		return t.next - 1
	}
	finish := func(n int, ready chunk) {
		t.mu.Lock()
		defer t.mu.Unlock()
		chunks[n] = ready
		t.done++
		if t.opts.Progress != nil {
			t.opts.Progress(min(t.done*chunkRows, t.c.Len()), t.c.Len())
		}
	}
	var wg sync.WaitGroup
	for range max(1, t.opts.Workers) {
		wg.Go(func() {
			w := newRowWorker(t)
			for n := take(); n < len(chunks); n = take() {
				finish(n, w.chunk(n*chunkRows))
			}
		})
	}
	wg.Wait()
	return chunks, ctx.Err()
}

// join puts the chunks' rows one after the other.
func (m *Model) join(chunks []chunk) error {
	total := 0
	for _, c := range chunks {
		total += len(c.words)
	}
	if total > math.MaxUint32 {
		return fault.Invalidf("too_many_entries", "the rows take more than 16 GiB; lower top")
	}
	m.words = make([]uint32, 0, total)
	for n, c := range chunks {
		m.words = append(m.words, c.words...)
		chunks[n] = chunk{} // joined: let its memory go
	}
	at := uint32(0)
	for _, i := range m.popular {
		m.start[i] = at
		m.entries += int(m.words[at])
		at += uint32(rowWords(int(m.words[at])))
	}
	return nil
}
