//go:build !linux

package pace

import "time"

func ownThread() (unlock func()) { return func() {} }

func sleepUntil(at time.Time) { time.Sleep(time.Until(at)) }

// cpuTime is not known here.
func cpuTime() time.Duration { return 0 }
