package store_test

import (
	"testing"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/store"
)

func TestErased(t *testing.T) {
	const mark, hour = 1_000_000_000, 3600_000
	for name, c := range map[string]struct {
		ts, time, received int64
		mark               int64
		want               bool
	}{
		"no mark":                      {1, 1, 1, 0, false},
		"before":                       {mark - 1, mark - 1, mark - 1, mark, true},
		"at the mark":                  {mark, mark, mark, mark, true},
		"happened before, came after":  {mark, mark, mark + hour, mark, true},
		"clock ahead, came before":     {mark + 9, mark + 9, mark, mark, true},
		"after":                        {mark + 1, mark + 1, mark + 1, mark, false},
		"slow clock, corrected":        {mark - hour, mark + 1, mark + 1, mark, false},
		"so old that it was clamped":   {mark - hour, mark + hour, mark + 73*hour, mark, true},
		"clamped, from after the mark": {mark + 1, mark + hour, mark + 73*hour, mark, false},
	} {
		r := event.Record{ReceivedAt: c.received, Event: event.Event{TS: c.ts, Time: c.time}}
		if got := store.Erased(&r, c.mark); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestOwner(t *testing.T) {
	for want, r := range map[string]event.Record{
		"visitor":                     {Visitor: "visitor", UserID: "said"},
		session.UserVisitor("proven"): {Visitor: "v", UserID: "proven", Proven: true},
		"nobody":                      {Visitor: "nobody", Proven: true},
	} {
		if got := store.Owner(&r); got != want {
			t.Errorf("the owner is %q, not %q", got, want)
		}
	}
}

func TestMarkedWithoutMarks(t *testing.T) {
	v := session.Visitor{Site: "s", ID: "v", UserID: "u", Proven: true} // SessionAt 0
	if got := store.Marked(v, func(string) int64 { return 0 }); got != v {
		t.Fatalf("a row without marks is shown as %+v", got)
	}
}

func TestSealed(t *testing.T) {
	v, err := store.Sealed(store.Version{ID: "m"}, "model", []byte("abc"))
	const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if err != nil || v.SHA256 != digest || v.Bytes != 3 || v.Kind != "model" {
		t.Fatalf("%+v, %v", v, err)
	}
	if _, err := store.Sealed(v, "model", []byte("abd")); fault.KindOf(err) != fault.Invalid {
		t.Fatalf("another body: %v", err)
	}
}
