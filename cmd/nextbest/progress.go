package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows how far long work is: a bar on a terminal, a line every few
// seconds elsewhere. Its methods are called from one goroutine at a time.
type progress struct {
	label string
	err   io.Writer
	bar   *progressbar.ProgressBar // nil off a terminal
	last  time.Time
}

const plainEvery = 5 * time.Second

func newProgress(err io.Writer, label string) *progress {
	p := &progress{label: label, err: err, last: time.Now()}
	if f, ok := err.(*os.File); ok && terminal(f) {
		p.bar = progressbar.NewOptions(100, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(label),
			progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
	}
	return p
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// set says how much of the total is done; a total of 0 is unknown.
func (p *progress) set(done, total int) {
	percent := 0
	if total > 0 {
		percent = int(100 * int64(done) / int64(total))
	}
	if p.bar != nil {
		_ = p.bar.Set(percent) // a bar that cannot be drawn stops nothing
		return
	}
	if now := time.Now(); now.Sub(p.last) >= plainEvery {
		p.last = now
		fmt.Fprintf(p.err, "%s: %d %%\n", p.label, percent)
	}
}

// bytes is set for amounts of bytes.
func (p *progress) bytes(done, total int64) {
	const unit = 1 << 10
	p.set(int(done/unit), int(total/unit))
}

func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
