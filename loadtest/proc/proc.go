// Package proc starts, pins, watches and kills the processes that a load test
// measures.
package proc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/nextbest/nextbest/loadtest/wire"
)

// AnyCore leaves a process where the kernel puts it.
const AnyCore = -1

// Process is a running child.
type Process struct {
	cmd  *exec.Cmd
	log  *tail
	done chan struct{} // closed when it has ended
	err  error         // valid after done
}

// Start starts a command on a core. Its output is kept for Log.
func Start(core int, out io.Writer, name string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(name, args...), log: &tail{also: out}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := onCore(core, p.cmd.Start); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Kill ends the process as a power cut would (SIGKILL) and waits for it.
func (p *Process) Kill() error {
	err := p.cmd.Process.Kill()
	<-p.done
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Stop asks the process to end and kills it when it does not.
func (p *Process) Stop(wait time.Duration) error {
	_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended by itself
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s: %w\n%s", p.cmd.Path, p.err, p.Log())
		}
		return nil
	case <-time.After(wait):
		_ = p.Kill()
		return fmt.Errorf("%s did not end within %v and was killed", p.cmd.Path, wait)
	}
}

// Log is the newest part of what the process wrote.
func (p *Process) Log() string { return p.log.String() }

// WaitReady asks addr for path until it answers 2xx.
func (p *Process) WaitReady(ctx context.Context, addr, path string) error {
	c := wire.Conn{Addr: addr, Timeout: 2 * time.Second}
	defer c.Close()
	return p.wait(ctx, func() error {
		res, err := c.Do("GET", path, nil)
		if err == nil && !res.OK() {
			err = fmt.Errorf("%s answers %d", path, res.Status)
		}
		return err
	})
}

// WaitListening waits until addr takes connections.
func (p *Process) WaitListening(ctx context.Context, addr string) error {
	return p.wait(ctx, func() error {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// wait tries until it works, the process ends or ctx does.
func (p *Process) wait(ctx context.Context, try func() error) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it was ready (%v):\n%s", p.cmd.Path, p.err, p.Log())
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready in time: %w (%w)\n%s", p.cmd.Path, err, ctx.Err(), p.Log())
		case <-tick.C:
		}
	}
}

// FreeAddr is a loopback address that nobody listens on at the moment.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// Run runs a command to its end and returns what it wrote to standard output.
func Run(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, errOut.String(), out.String())
	}
	return out.Bytes(), nil
}

// Nextbest is our server over one data folder. It can be started, killed and
// started again; its addresses and its key stay.
type Nextbest struct {
	Bin        string
	Dir        string // of the data
	Durability string // "os" when empty
	Core       int    // AnyCore leaves it free
	Out        io.Writer
	Key        string // a secret key, made by Prepare

	addr, ops string
	process   *Process
}

// Prepare makes the key and chooses addresses. The server must be stopped.
func (n *Nextbest) Prepare(ctx context.Context) error {
	out, err := Run(ctx, n.Bin, "keys", "create", "--data", n.Dir, "--scope", "sk", "--site", "main", "--json")
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	var made struct{ Key string }
	if err := json.Unmarshal(out, &made); err != nil || made.Key == "" {
		return fmt.Errorf("make a key: %q holds none (%w)", out, err)
	}
	n.Key = made.Key
	if n.addr, err = FreeAddr(); err != nil {
		return err
	}
	n.ops, err = FreeAddr()
	return err
}

// Addr is where the server answers.
func (n *Nextbest) Addr() string { return n.addr }

// Start starts the server and waits until it is ready.
func (n *Nextbest) Start(ctx context.Context) error {
	durability := n.Durability
	if durability == "" {
		durability = "os"
	}
	p, err := Start(n.Core, n.Out, n.Bin, "serve", "--listen", n.addr, "--ops-listen", n.ops,
		"--store", "embedded", "--data", n.Dir, "--durability", durability)
	if err != nil {
		return err
	}
	n.process = p
	ready, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := p.WaitReady(ready, n.ops, "/readyz"); err != nil {
		_ = p.Kill()
		return err
	}
	return nil
}

// Kill ends the server with SIGKILL.
func (n *Nextbest) Kill() error { return n.process.Kill() }

// Stop ends the server as an operator would.
func (n *Nextbest) Stop() error { return n.process.Stop(30 * time.Second) }

// tail keeps the newest bytes of a log.
type tail struct {
	mu   sync.Mutex
	buf  []byte
	also io.Writer
}

const tailBytes = 8 << 10

// Write keeps the end of what was written.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if cut := len(t.buf) - tailBytes; cut > 0 {
		t.buf = append(t.buf[:0], t.buf[cut:]...)
	}
	if t.also != nil {
		_, _ = t.also.Write(b) // a copy for the reader; the process goes on without it
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
