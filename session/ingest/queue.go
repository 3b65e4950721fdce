package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// job is a batch that waits for a background writer.
type job struct {
	write  Write
	claim  *session.Claim
	bytes  int64
	unread bool // the visitor's row is still to be read, and added
}

// enqueue is append in mode Async: the session shows the events at once, and
// the store follows. A full queue sheds them: they are shown all the same, for
// the visitor's next answer, but counted as not stored, and a later copy is
// stored.
func (c *Collector) enqueue(ctx context.Context, p *passage) {
	p.summarise(p.claim.Fold())
	if len(p.claim.Records) == 0 {
		p.claim.Stored()
		return
	}
	j := &job{write: p.toStore(), claim: p.claim, bytes: size(p.claim.Records), unread: p.place.Unread}
	if reason, ok := c.offer(j); !ok {
		p.claim.Failed()
		p.result.Shed += len(p.claim.Records)
		c.meter.drop(ctx, reason, len(p.claim.Records))
		return
	}
	p.result.Accepted = len(p.claim.Records)
}

// offer puts a job into the queue, or says why it does not fit.
func (c *Collector) offer(j *job) (dropReason, bool) {
	c.closing.RLock()
	defer c.closing.RUnlock()
	if c.closed {
		return dropClosing, false
	}
	if c.queued.Add(j.bytes) > c.cfg.QueueBytes {
		c.queued.Add(-j.bytes)
		return dropQueueFull, false
	}
	select {
	case c.queue <- j:
		return 0, true
	default:
		c.queued.Add(-j.bytes)
		return dropQueueFull, false
	}
}

// size estimates the memory that records hold.
func size(recs []event.Record) int64 {
	n := int64(0)
	for i := range recs {
		r := &recs[i]
		n += 512 + int64(len(r.Context)+len(r.Properties)+len(r.Query)+64*len(r.Items))
	}
	return n
}

// mergeBatches bounds how many batches one background write takes together.
const mergeBatches = 64

// write is a background writer: it stores what waits, several batches at once
// when several wait, until the queue is closed and empty.
func (c *Collector) write() {
	defer c.writers.Done()
	jobs := make([]*job, 0, mergeBatches)
	for first := range c.queue {
		jobs = append(jobs[:0], first)
		for more := true; more && len(jobs) < mergeBatches; {
			select {
			case j, ok := <-c.queue:
				if more = ok; ok {
					jobs = append(jobs, j)
				}
			default:
				more = false
			}
		}
		c.flush(jobs)
		clear(jobs)
	}
}

// flush stores jobs together; when that fails, each by itself, so that one
// batch which cannot be stored does not take the others with it.
func (c *Collector) flush(jobs []*job) {
	live := jobs[:0]
	for _, j := range jobs {
		if j.claim.Gone() {
			c.end(j, dropErased, errErased)
			continue
		}
		live = append(live, j)
	}
	if len(live) > 1 && c.together(live) == nil {
		for _, j := range live {
			c.end(j, 0, nil)
		}
		return
	}
	for _, j := range live {
		c.end(j, dropStore, c.persist(j))
	}
}

var errErased = errors.New("the visitor was erased")

// end settles a job's claim.
func (c *Collector) end(j *job, reason dropReason, err error) {
	c.queued.Add(-j.bytes)
	if err == nil {
		j.claim.Stored()
		return
	}
	j.claim.Failed()
	c.meter.drop(c.life, reason, len(j.write.Records))
	if reason == dropStore {
		c.cfg.Logger.Error("events given up after background writes failed", "events", len(j.write.Records), "error", err)
	}
}

func (c *Collector) together(jobs []*job) error {
	for _, j := range jobs {
		if err := c.confirm(j); err != nil {
			return err
		}
	}
	return c.try(merge(jobs))
}

// confirm adds the visitor's row to a job for which it could not be read before.
func (c *Collector) confirm(j *job) error {
	if !j.unread {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.life, c.cfg.WriteTimeout)
	defer cancel()
	v, err := j.claim.Confirm(ctx)
	if err != nil {
		return fmt.Errorf("read the visitor of queued events: %w", err)
	}
	j.write.Visitors, j.unread = []session.Visitor{v}, false
	return nil
}

func merge(jobs []*job) Write {
	var w Write
	for _, j := range jobs {
		w.Records = append(w.Records, j.write.Records...)
		w.Visitors = append(w.Visitors, j.write.Visitors...)
	}
	return w
}

func (c *Collector) try(w Write) error {
	ctx, cancel := context.WithTimeout(c.life, c.cfg.WriteTimeout)
	defer cancel()
	return c.store(ctx, w)
}

// persist stores one job, again after a pause when it fails. The last attempt
// does not insist on the visitor's row.
func (c *Collector) persist(j *job) error {
	var err error
	pause := 50 * time.Millisecond
	for attempt := range c.cfg.Attempts {
		if attempt > 0 {
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-c.life.Done():
				timer.Stop()
				return c.life.Err()
			}
			pause *= 2
		}
		if err = c.confirm(j); err == nil || attempt == c.cfg.Attempts-1 {
			err = c.try(j.write)
		}
		if err == nil || c.life.Err() != nil {
			return err
		}
	}
	return err
}

// Close stops taking events in the background and waits until those that were
// taken are stored. When ctx ends first the rest is given up.
func (c *Collector) Close(ctx context.Context) error {
	c.closing.Lock()
	if !c.closed {
		c.closed = true
		close(c.queue)
	}
	c.closing.Unlock()
	done := make(chan struct{})
	go func() {
		c.writers.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
		c.stop()
		<-done
	}
	c.stop()
	return errors.Join(err, c.meter.close())
}
