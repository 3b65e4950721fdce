package site

import "context"

// Turns lets the sites of a process work on their models one after the other: a
// training takes memory and processor time that answers need too. Other
// processes are not looked at: each trains for itself.
type Turns struct{ free chan struct{} }

// NewTurns makes one turn.
func NewTurns() *Turns {
	t := &Turns{free: make(chan struct{}, 1)}
	t.free <- struct{}{}
	return t
}

// take waits for the turn, or returns the context's error.
func (t *Turns) take(ctx context.Context) error {
	select {
	case <-t.free:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *Turns) give() { t.free <- struct{}{} }
