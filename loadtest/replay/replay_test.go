package replay

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func file(t *testing.T, name, content string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// clicks replays one session after the other.
func clicks(t *testing.T, s *Sessions, n int) []string {
	t.Helper()
	c := s.Cursor(1, "t", 1)
	var out []string
	for range n {
		var step Step
		c.Next(&step)
		out = append(out, step.Item)
	}
	return out
}

func TestRead(t *testing.T) {
	for name, content := range map[string]string{
		"a_sessions.txt": "x y z\n\n",
		"a.txt":          "SessionId\tItemId\tTime\tExtra\n1\tz\t30.5\t\n1\tx\t10\t\n1\ty\t20\t\n",
		"b.tsv":          "Time\tItemId\tSessionId\n10\tx\t1\n20\ty\t1\n30\tz\t1\n",
	} {
		s, err := Read(file(t, name, content))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := clicks(t, s, 4); s.Len() != 1 || got[0] != "x" || got[1] != "y" || got[2] != "z" || got[3] != "x" {
			t.Errorf("%s: %d sessions, replayed as %v", name, s.Len(), got)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for name, content := range map[string]string{
		"empty_sessions.txt": "\n", "a.tsv": "session,item\n", "b.tsv": "SessionId\tItemId\tTime\n1\tx\n",
		"c.tsv": "SessionId\tItemId\tTime\n1\tx\tnoon\n",
	} {
		if _, err := Read(file(t, name, content)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	if _, err := Read("/nowhere"); err == nil {
		t.Error("a missing file was read")
	}
}

func TestGenerateIsAPowerLawAndRepeats(t *testing.T) {
	a, b := Generate(7, 2000, 1000), Generate(7, 2000, 1000)
	var one, two bytes.Buffer
	if a.WriteLines(&one) != nil || b.WriteLines(&two) != nil || one.String() != two.String() {
		t.Error("one seed gave two sets of sessions")
	}
	counts := make([]int, len(a.Items))
	total := 0
	for _, s := range a.list {
		for _, i := range s {
			counts[i]++
			total++
		}
	}
	head := 0
	for _, n := range counts[:100] {
		head += n
	}
	if share := float64(head) / float64(total); share < .5 {
		t.Errorf("the first tenth of the items has %.2f of the clicks", share)
	}
	back, err := Read(file(t, "g_sessions.txt", one.String()))
	if err != nil || back.Len() != a.Len() {
		t.Errorf("written sessions are read back as %v (%v)", back, err)
	}
}

func TestCursorKeepsVisitorsApart(t *testing.T) {
	s := Generate(1, 50, 20)
	events, visitors := map[string]bool{}, map[string]string{}
	for _, name := range []string{"a", "b"} {
		c := s.Cursor(3, name, 8)
		last := ""
		for range 500 {
			var step Step
			c.Next(&step)
			if events[step.EventID] {
				t.Fatalf("%s was made twice", step.EventID)
			}
			events[step.EventID] = true
			if owner, ok := visitors[step.Visitor]; ok && owner != name {
				t.Fatalf("%s has two cursors", step.Visitor)
			}
			visitors[step.Visitor] = name
			if step.Visitor == last {
				t.Fatalf("%s clicks twice in a row", last)
			}
			last = step.Visitor
		}
	}
}

func TestBodiesAreJSON(t *testing.T) {
	b := Bodies{Placement: "item", Limit: 20}
	s := &Step{Visitor: `v"1`, Session: `s\1`, Item: "ä", EventID: "e1"}
	for name, body := range map[string][]byte{
		"events": b.Events(nil, s, 5), "recommend": b.Recommend(nil, s, "e0"), "inline": b.Inline(nil, s, 5),
	} {
		var got struct {
			Visitor string `json:"anonymous_id"`
			Session string `json:"session_id"`
			Limit   int
			After   string
			Ack     bool
			Events  []struct {
				ID   string `json:"event_id"`
				Item string `json:"item_id"`
				TS   int64
			}
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%s: %v in %s", name, err, body)
		}
		if got.Visitor != s.Visitor || got.Session != s.Session {
			t.Errorf("%s names %+v", name, got)
		}
		if name != "recommend" && (len(got.Events) != 1 || got.Events[0].Item != "ä" || got.Events[0].TS != 5) {
			t.Errorf("%s carries %+v", name, got.Events)
		}
		if name == "recommend" && got.After != "e0" || name == "inline" && !got.Ack {
			t.Errorf("%s: %s", name, body)
		}
	}
}
