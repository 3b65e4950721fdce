package httpapi

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestDeadlineEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeadline(t.Context(), time.Now().Add(time.Second))
		child, cancel := context.WithTimeout(d, time.Hour)
		defer cancel()
		if d.Err() != nil || child.Err() != nil {
			t.Error("done at the start")
		}
		start := time.Now()
		<-child.Done()
		if took := time.Since(start); took != time.Second {
			t.Errorf("done after %v", took)
		}
		if !errors.Is(d.Err(), context.DeadlineExceeded) || !errors.Is(child.Err(), context.DeadlineExceeded) {
			t.Errorf("ended with %v and %v", d.Err(), child.Err())
		}
		<-d.Done()
	})
}

func TestDeadlineWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeadline(t.Context(), time.Now())
		if !errors.Is(d.Err(), context.DeadlineExceeded) {
			t.Errorf("a past deadline says %v", d.Err())
		}
	})
}

func TestDeadlineEndsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeadline(t.Context(), time.Now().Add(time.Hour))
		child, cancel := context.WithCancel(d)
		defer cancel()
		ran := make(chan struct{})
		stopped := d.AfterFunc(func() { t.Error("a stopped function ran") })
		d.AfterFunc(func() { close(ran) })
		if !stopped() || stopped() {
			t.Error("stop did not say what it did")
		}
		d.end(context.Canceled)
		d.end(context.DeadlineExceeded)
		<-child.Done()
		<-ran
		<-d.Done()
		if !errors.Is(d.Err(), context.Canceled) {
			t.Errorf("the first reason must stay, got %v", d.Err())
		}
		late := make(chan struct{})
		if stop := d.AfterFunc(func() { close(late) }); stop() {
			t.Error("a function that runs at once was stopped")
		}
		<-late
	})
}
