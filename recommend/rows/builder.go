package rows

import (
	"context"
	"time"

	"github.com/nextbest/nextbest/recommend/corpus"
)

// Builder collects sessions and trains a Model from them. Not safe for
// concurrent use.
type Builder struct {
	params Params
	corpus *corpus.Builder
}

// NewBuilder is an empty Builder; Build checks the parameters.
func NewBuilder(p Params) *Builder {
	return &Builder{params: p, corpus: corpus.NewBuilder(corpus.Options{})}
}

// Add takes a whole session, as corpus.Builder.Add does.
func (b *Builder) Add(items []string, endDays float64) { b.corpus.Add(items, endDays) }

// Sessions is the number of sessions taken, 0 after Build.
func (b *Builder) Sessions() int { return b.corpus.Sessions() }

// Skipped is the number of sessions left out.
func (b *Builder) Skipped() int { return b.corpus.Skipped() }

// BuildOptions are the circumstances of a training; nil and the zero value
// work.
type BuildOptions struct {
	TrainedAt time.Time             // kept in the model; the epoch when zero
	Workers   int                   // goroutines, 1 when zero; the result does not depend on it
	Progress  func(done, total int) // items, called from one goroutine at a time; may be nil
}

// Build trains the model; the Builder is spent. The errors are those of
// corpus.Builder.Build and Train.
func (b *Builder) Build(ctx context.Context, opts *BuildOptions) (*Model, error) {
	if err := b.params.Validate(); err != nil {
		return nil, err
	}
	c, err := b.corpus.Build(ctx)
	if err != nil {
		return nil, err
	}
	m, err := Train(ctx, c, b.params, opts)
	if closed := c.Close(); err == nil && closed != nil {
		return nil, closed
	}
	return m, err
}
