package wire

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func serve(t *testing.T, h http.HandlerFunc) *Conn {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c := &Conn{Addr: s.Listener.Addr().String(), Key: "sk_test"}
	t.Cleanup(c.Close)
	return c
}

func TestAnswers(t *testing.T) {
	long := strings.Repeat("recommendation ", 5000)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Authorization") != "Bearer sk_test" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/echo":
			w.WriteHeader(http.StatusAccepted)
			_, _ = w.Write(body)
		case "/long":
			_, _ = io.WriteString(w, long) // chunked: no length is known
		case "/close":
			w.Header().Set("Connection", "close")
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		}
	})
	for range 2 { // twice: the connection is used again
		for _, s := range []struct {
			method, path, body string
			status             int
			want               string
		}{
			{"POST", "/echo", `{"a":1}`, 202, `{"a":1}`},
			{"GET", "/long", "", 200, long},
			{"GET", "/close", "", 200, ""},
			{"GET", "/empty", "", 204, ""},
		} {
			var body []byte
			if s.body != "" {
				body = []byte(s.body)
			}
			res, err := c.Do(s.method, s.path, body)
			if err != nil || res.Status != s.status || string(res.Body) != s.want {
				t.Errorf("%s %s answered %d, %d bytes, %v", s.method, s.path, res.Status, len(res.Body), err)
			}
		}
	}
}

func TestDoAllocatesNothing(t *testing.T) {
	c, stop := canned(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
	defer stop()
	body := []byte(`{"a":1}`)
	if _, err := c.Do("POST", "/x", body); err != nil {
		t.Fatal(err)
	}
	if got := testing.AllocsPerRun(100, func() {
		if res, err := c.Do("POST", "/x", body); err != nil || !res.OK() {
			t.Error(res.Status, err)
		}
	}); got > 1 { // the fake's own connection may add some
		t.Errorf("Do allocates %v times", got)
	}
}

func TestBrokenAnswers(t *testing.T) {
	for _, answer := range []string{
		"", "SSH-2.0\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
	} {
		c, stop := canned(t, answer)
		c.Timeout = 200 * time.Millisecond
		if res, err := c.Do("GET", "/", nil); err == nil {
			t.Errorf("%q was read as %+v", answer, res)
		}
		stop()
	}
}

func TestServerAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	c := &Conn{Addr: addr}
	if _, err := c.Do("GET", "/", nil); err == nil {
		t.Error("a closed port answered")
	}
}

// canned answers every request of one connection with the same bytes, and
// closes it when they are no whole answer.
func canned(t *testing.T, answer string) (*Conn, func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		buf := make([]byte, 4096)
		for {
			if _, err := conn.Read(buf); err != nil {
				return
			}
			if _, err := conn.Write([]byte(answer)); err != nil || !strings.HasSuffix(answer, "\r\n\r\nhi") || strings.Contains(answer, ": 5") {
				return
			}
		}
	}()
	c := &Conn{Addr: l.Addr().String()}
	return c, func() { c.Close(); _ = l.Close(); <-done }
}
