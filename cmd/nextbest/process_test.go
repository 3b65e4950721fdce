package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is built once for all tests that need the real program.
func binary(t *testing.T) string {
	t.Helper()
	path, err := builtBinary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var builtBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "nextbest-bin-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "nextbest")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := builtBinary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// process is a running server.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	ops    string
	output *lockedBuffer
	exited chan error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var serving = regexp.MustCompile(`serves (http://\S+) \(health and metrics: (http://[^)]+)\)`)

// start runs a serving command on free ports and waits until it serves.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	args = append(args, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0")
	p := &process{t: t, cmd: exec.Command(binary(t), args...), output: &lockedBuffer{}, exited: make(chan error, 1)}
	pipe, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); p.wait() })
	lines := make(chan string, 1)
	go func() {
		sc := bufio.NewScanner(io.TeeReader(pipe, p.output))
		for sc.Scan() {
			if m := serving.FindStringSubmatch(sc.Text()); m != nil {
				p.url, p.ops = m[1], m[2]
				lines <- sc.Text()
			}
		}
		p.exited <- p.cmd.Wait()
	}()
	select {
	case <-lines:
	case err := <-p.exited:
		t.Fatalf("the server ended at once: %v\n%s", err, p.output)
	case <-time.After(60 * time.Second):
		t.Fatalf("the server does not serve after a minute\n%s", p.output)
	}
	return p
}

// wait waits for the end of the process and returns its error.
func (p *process) wait() error {
	select {
	case err := <-p.exited:
		p.exited <- err
		return err
	case <-time.After(30 * time.Second):
		p.t.Errorf("the server did not end\n%s", p.output)
		return context.DeadlineExceeded
	}
}

// terminate asks the server to end and checks that it does so cleanly.
func (p *process) terminate() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := p.wait(); err != nil {
		p.t.Errorf("the server did not end cleanly: %v\n%s", err, p.output)
	}
}

// answer is a decoded answer of any endpoint.
type answer struct {
	Status int
	Header http.Header
	Raw    string

	Items []struct {
		ItemID string  `json:"item_id"`
		Slot   int     `json:"slot"`
		Score  float64 `json:"score"`
		Reason string  `json:"reason"`
		Ledger []any   `json:"ledger"`
	} `json:"items"`
	Blend   struct{ Session, Profile float64 } `json:"blend"`
	Session *struct {
		SessionID   string `json:"session_id"`
		Events      int    `json:"events"`
		LastEventID string `json:"last_event_id"`
	} `json:"session"`
	Degraded  []string                                 `json:"degraded"`
	Accepted  int                                      `json:"accepted"`
	Duplicate int                                      `json:"duplicate"`
	Code      string                                   `json:"code"`
	Detail    string                                   `json:"detail"`
	WhyNot    []struct{ ItemID, Stage, Detail string } `json:"why_not"`
}

func (a *answer) ids() string {
	ids := make([]string, len(a.Items))
	for i, it := range a.Items {
		ids[i] = it.ItemID
	}
	return strings.Join(ids, " ")
}

// call sends a JSON body; the key, when not empty, as a bearer.
func (p *process) call(method, path, key, body string) *answer {
	p.t.Helper()
	req, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatalf("%s %s: %v\n%s", method, path, err, p.output)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	a := &answer{Status: res.StatusCode, Header: res.Header, Raw: string(raw)}
	if strings.Contains(res.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(raw, a); err != nil {
			p.t.Fatalf("%s %s answered what is no JSON: %v\n%s", method, path, err, raw)
		}
	}
	return a
}

// post is call with the status that is expected.
func (p *process) post(path, key, body string, status int) *answer {
	p.t.Helper()
	a := p.call(http.MethodPost, path, key, body)
	if a.Status != status {
		p.t.Fatalf("POST %s: status %d, want %d\n%s", path, a.Status, status, a.Raw)
	}
	return a
}
