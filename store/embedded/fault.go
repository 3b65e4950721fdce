package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/nextbest/nextbest/internal/fault"
)

// translate gives an error of pebble its meaning; nil stays nil and an error
// that has a meaning keeps it.
func translate(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case fault.Of(err) != nil:
		return fmt.Errorf("%s: %w", doing, err)
	case pebble.IsCorruptionError(err):
		return fault.New(fault.Internal, "store_damaged", "stored data is damaged").Because(fmt.Errorf("%s: %w", doing, err))
	case errors.Is(err, pebble.ErrClosed), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.Unavailablef("store", "the store did not answer").Because(fmt.Errorf("%s: %w", doing, err))
	default:
		return fault.Unavailablef("store", "the store could not do it").Because(fmt.Errorf("%s: %w", doing, err))
	}
}

// lockFolder makes the folder this process's own.
func lockFolder(dir string, fs vfs.FS) (*pebble.Lock, error) {
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Unavailablef("store", "the folder %s cannot be made", dir).Because(err)
	}
	lock, err := pebble.LockDirectory(dir, fs)
	if err == nil {
		return lock, nil
	}
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) || strings.Contains(err.Error(), "lock held") {
		return nil, fault.Conflictf("store_locked",
			"%s is in use by a running server; work through it with --server URL --key sk_…, or stop it first", dir).Because(err)
	}
	return nil, fault.Unavailablef("store", "the folder %s cannot be locked", dir).Because(err)
}

func openError(dir string, err error) error {
	if pebble.IsCorruptionError(err) {
		return damaged(dir, err)
	}
	if strings.Contains(err.Error(), "comparer name") { // pebble has no error of its own for it
		return fault.Conflictf("store_format", "%s was written by another version of the program", dir).Because(err)
	}
	return fault.Unavailablef("store", "the store in %s cannot be opened", dir).Because(err)
}

func damaged(dir string, err error) error {
	return fault.New(fault.Internal, "store_damaged",
		"the store in %s is damaged; restore the folder from a backup, or move it away to start empty", dir).Because(err)
}

// badRow is the error for a row that this package did not write so.
func badRow(what string, err error) error {
	return fault.New(fault.Internal, "store_damaged", "stored data is damaged").Because(fmt.Errorf("%s: %w", what, err))
}

// errBadValue is the cause of badRow when no decoder had a better one.
var errBadValue = errors.New("unexpected length or version")

// logger passes pebble's messages on.
type logger struct{ s *Store }

func (l logger) Infof(format string, args ...any) { l.s.logger.Debug(fmt.Sprintf(format, args...)) }

func (l logger) Errorf(format string, args ...any) { l.s.logger.Error(fmt.Sprintf(format, args...)) }

// Fatalf is called where pebble cannot go on and must not return. In a caller's
// goroutine guard turns the panic into an error.
func (l logger) Fatalf(format string, args ...any) {
	l.s.failed.Store(true)
	panic(fmt.Sprintf(format, args...))
}

// damage hears of damaged tables that pebble finds beside any call. Without it
// pebble would end the process; so the reads that need them answer with errors
// and the rest goes on.
func (l logger) damage(info pebble.DataCorruptionInfo) {
	l.s.logger.Error("stored data is damaged", "path", info.Path, "error", info.Details)
}
