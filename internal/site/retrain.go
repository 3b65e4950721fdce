package site

import (
	"context"
	"errors"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
)

// retrain trains every so often until ctx ends. A training that fails or is
// refused changes nothing; the next one is tried at its time.
func (s *Site) retrain(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.trainAgain(ctx)
		}
	}
}

func (s *Site) trainAgain(ctx context.Context) {
	_, _, err := s.Train(ctx, TrainOptions{}, nil)
	f := fault.Of(err)
	switch {
	case err == nil || errors.Is(err, context.Canceled):
	case f != nil && (f.Code == nothingToTrain || f.Kind == fault.Conflict):
		s.cfg.Logger.Info("no training this time", "site", s.cfg.Name, "cause", f.Detail)
	default:
		s.cfg.Logger.Error("a training failed; the next one is tried at its time", "site", s.cfg.Name, "cause", err)
	}
}
