package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// running is a server on a real socket.
type running struct {
	t    testing.TB
	addr string
	http *http.Client
}

// run starts a server and stops it at the end of the test.
func run(t testing.TB, s *Server) *running {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Listen(ln) }()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	r := &running{t: t, addr: ln.Addr().String(), http: &http.Client{Transport: transport, Timeout: 20 * time.Second}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("listen ended with %v", err)
		}
	})
	return r
}

// reply is an answer as a test looks at it.
type reply struct {
	status int
	header http.Header
	body   string
}

// problem reads a problem+json answer.
func (r reply) problem(t testing.TB) problemView {
	t.Helper()
	var p problemView
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatalf("status %d with a body that is no problem: %q (%v)", r.status, r.body, err)
	}
	return p
}

type problemView struct {
	Type, Title, Detail, Code string
	Status                    int
	RequestID                 string `json:"request_id"`
	Errors                    []struct{ Pointer, Detail string }
}

// call sends a request and reads the whole answer. Headers are "Name: value".
func (r *running) call(method, path, body string, headers ...string) reply {
	r.t.Helper()
	req, err := http.NewRequest(method, "http://"+r.addr+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	return r.do(req)
}

func (r *running) do(req *http.Request) reply {
	r.t.Helper()
	res, err := r.http.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatalf("%s %s: read the answer: %v", req.Method, req.URL.Path, err)
	}
	return reply{res.StatusCode, res.Header, string(b)}
}

const bearer = "Authorization: Bearer "

// raw sends bytes as they are and reads one answer; status 0 when the server
// closed without one. left says whether the connection stayed open.
func (r *running) raw(request string) (got reply, left bool) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	// The server may have refused and stopped reading before all is written.
	_, _ = io.WriteString(c, request)
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return reply{}, false
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatalf("read the answer of a raw request: %v", err)
	}
	_ = res.Body.Close()
	return reply{res.StatusCode, res.Header, string(b)}, !res.Close
}
