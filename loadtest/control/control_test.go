package control

import (
	"encoding/json"
	"net"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/loadtest/wire"
)

func TestAnswerIsAsLongAsAskedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	app := App(Answer{Items: 20, Bytes: 2500})
	done := make(chan error, 1)
	go func() { done <- app.Listener(l) }()
	defer func() {
		_ = app.Shutdown()
		<-done
	}()
	c := wire.Conn{Addr: l.Addr().String()}
	defer c.Close()
	for range 3 {
		res, err := c.Do("POST", Path, []byte(strings.Repeat("x", 70)))
		if err != nil || res.Status != 200 {
			t.Fatal(res.Status, err)
		}
		var answer struct {
			Items []struct {
				Slot int
			}
		}
		if err := json.Unmarshal(res.Body, &answer); err != nil || len(answer.Items) != 20 {
			t.Fatalf("answer %s (%v)", res.Body, err)
		}
		if n := len(res.Body); n < 2490 || n > 2510 {
			t.Errorf("the answer has %d bytes, want about 2500", n)
		}
	}
}
