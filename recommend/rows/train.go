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
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	if err := m.place(); err != nil {
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
	model   *Model    // the order of the items; mass, which workers fill; words

	mu     sync.Mutex // guards what follows and model.words
	next   int        // chunk to take
	joined int        // chunks in model.words
	ready  map[int][]uint32
	spare  [][]uint32
}

// run computes all rows, chunk by chunk, the most popular items first: theirs
// take longest. A chunk is the rows of some items that follow each other in
// popularity. The result is the same for any number of workers.
func (t *training) run(ctx context.Context) error {
	chunks := (t.c.Len() + chunkRows - 1) / chunkRows
	t.ready = map[int][]uint32{}
	t.model.words = make([]uint32, 0, t.mostWords())
	var wg sync.WaitGroup
	for range max(1, t.opts.Workers) {
		wg.Go(func() {
			w := newRowWorker(t)
			for n, words := t.take(ctx, chunks); n < chunks; n, words = t.take(ctx, chunks) {
				t.finish(n, w.chunk(n*chunkRows, words))
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// take is the next chunk and memory for it; the number of chunks when there is
// none left.
func (t *training) take(ctx context.Context, chunks int) (int, []uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ctx.Err() != nil || t.next == chunks {
		return chunks, nil
	}
	var words []uint32
	if last := len(t.spare) - 1; last >= 0 {
		words, t.spare = t.spare[last], t.spare[:last]
	}
	t.next++
	return t.next - 1, words
}

// finish joins a chunk to those before it, as soon as they are there.
func (t *training) finish(n int, words []uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ready[n] = words
	for words, ok := t.ready[t.joined]; ok; words, ok = t.ready[t.joined] {
		t.model.words = append(t.model.words, words...)
		t.spare = append(t.spare, words[:0])
		delete(t.ready, t.joined)
		t.joined++
	}
	if t.opts.Progress != nil {
		t.opts.Progress(min(t.joined*chunkRows, t.c.Len()), t.c.Len())
	}
}

// mostWords is what the rows take at most. Memory that is asked for at once and
// never written to costs nothing; a list that grows would cost twice its size.
func (t *training) mostWords() int {
	words := 0
	for i := range uint32(t.c.Len()) {
		met := 0
		for _, s := range t.c.Posts(i) {
			if met += len(t.c.Distinct(int(s))); met >= t.params.Top {
				break
			}
		}
		words += rowWords(min(met, t.params.Top))
	}
	return words
}

// place notes where the rows are, which follow each other by popularity.
func (m *Model) place() error {
	if len(m.words) > math.MaxUint32 {
		return fault.Invalidf("too_many_entries", "the rows take more than 16 GiB; lower top")
	}
	at := uint32(0)
	for _, i := range m.popular {
		m.start[i] = at
		m.entries += int(m.words[at])
		at += uint32(rowWords(int(m.words[at])))
	}
	return nil
}
