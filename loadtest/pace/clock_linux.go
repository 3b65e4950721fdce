package pace

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// spin is the last part of a wait: shorter than a thread takes to wake up.
const spin = 15 * time.Microsecond

// ownThread gives the calling goroutine a thread with a fine timer; the
// returned function gives it back. The runtime's own timers are a millisecond
// coarse when nothing else runs, more than the latencies that are measured.
func ownThread() (unlock func()) {
	runtime.LockOSThread()
	// The kernel may delay a wake-up by the slack, 50 µs unless told otherwise.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	return func() {
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) // 0 restores the default
		runtime.UnlockOSThread()
	}
}

// sleepUntil returns at a moment, a few microseconds late at most on an idle
// core.
func sleepUntil(at time.Time) {
	for {
		left := time.Until(at) - spin
		if left <= 0 {
			break
		}
		ts := unix.NsecToTimespec(int64(left))
		_ = unix.Nanosleep(&ts, nil) // interrupted: the loop looks at the clock again
	}
	for time.Until(at) > 0 { // the last microseconds
	}
}

// cpuTime is what this process has used of the cores.
func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
