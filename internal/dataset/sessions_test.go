package dataset

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/internal/fault"
)

func sessionsOf(t *testing.T, name, body string, opts SessionOptions) string {
	t.Helper()
	s, err := ReadSessions(t.Context(), put(t, name, []byte(body)), opts)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for items, end := range s.All() {
		fmt.Fprintf(&out, "%v@%g ", items, end)
	}
	return strings.TrimSpace(out.String())
}

func TestSessionTable(t *testing.T) {
	body := "SESSIONID\tcolour\tItem_Id\tTime\r\n" +
		"s2\tred\tb\t172800.0\r\n" +
		"s1\tred\tx\t86400\r\n" +
		"s2\tred\ta\t86400\r\n" +
		"s1\tred\ty\t86400\r\n" + // the same time: as they came
		"\n" +
		"s2\tred\tb\t86401"
	const want = "[a b b]@2 [x y]@1"
	if got := sessionsOf(t, "a.txt", body, SessionOptions{}); got != want {
		t.Errorf("sessions %s, want %s", got, want)
	}
	if got := sessionsOf(t, "a.tsv.gz", string(gz(t, []byte(body))), SessionOptions{}); got != want {
		t.Errorf("packed: sessions %s, want %s", got, want)
	}
}

func TestSessionLines(t *testing.T) {
	body := "1 2 1\n\n3  4 \n5\n"
	if got, want := sessionsOf(t, "train_sessions.txt", body, SessionOptions{SpanDays: 4}), "[1 2 1]@0 [3 4]@2 [5]@4"; got != want {
		t.Errorf("sessions %s, want %s", got, want)
	}
	if got, want := sessionsOf(t, "x_sessions.txt.zst", string(zst(t, []byte(body))), SessionOptions{}), "[1 2 1]@0 [3 4]@15 [5]@30"; got != want {
		t.Errorf("packed: sessions %s, want %s", got, want)
	}
}

func TestBrokenSessionFiles(t *testing.T) {
	head := "SessionId\tItemId\tTime\n"
	for name, c := range map[string]struct{ file, body, want string }{
		"no header":     {"a.txt", "1\t2\t3\n", "line 1"},
		"commas":        {"a.txt", "SessionId,ItemId,Time\n1,2,3\n", "tab"},
		"empty":         {"a.txt", "", "line 1"},
		"header alone":  {"a.txt", head, "no session"},
		"few columns":   {"a.txt", head + "1\t2\t3\n1\t2\n", "line 3"},
		"no time":       {"a.txt", head + "1\t2\tnoon\n", "noon"},
		"NaN":           {"a.txt", head + "1\t2\tNaN\n", "line 2"},
		"no session id": {"a.txt", head + "\t2\t3\n", "SessionId"},
		"no item":       {"a.txt", head + "1\t\t3\n", "line 2"},
		"long item":     {"a_sessions.txt", "1 2\n" + strings.Repeat("x", 129), "line 2"},
		"bad UTF-8":     {"a_sessions.txt", "\xff\xfe", "UTF-8"},
		"no lines":      {"a_sessions.txt", "\n \n", "no session"},
		"no gzip":       {"a_sessions.txt.gz", "1 2", "a_sessions.txt.gz"},
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, c.file, []byte(c.body))
			_, err := ReadSessions(t.Context(), path, SessionOptions{})
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want Invalid naming the file and %q", err, c.want)
			}
		})
	}
	if _, err := ReadSessions(t.Context(), put(t, "a_sessions.txt", []byte("1 2")), SessionOptions{SpanDays: -1}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a negative span: error %v, want Invalid", err)
	}
}
