package event_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session/event"
)

// FuzzDecodeBatch: whatever comes, nothing panics, errors say what they mean,
// every event has one outcome and every sound event survives the store's codec.
func FuzzDecodeBatch(f *testing.F) {
	f.Add([]byte(beacon))
	f.Add([]byte(one(`{"kind":"purchase","items":[{"item_id":"a","price":1e3}]}`, `{"kind":"view"}`, `7`)))
	f.Add([]byte(`{"anonymous_id":"a1","anonymous_id":"a2"}`))
	f.Add([]byte(`{"session_id":"s\u0031","events":[{"kind":"custom","name":"x","properties":{"a":[[1]]}}],"sent_at":1764000000000}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		b, err := event.DecodeBatch(body, now)
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid {
				t.Fatalf("an error of kind %v: %v", k, err)
			}
			return
		}
		if !json.Valid(body) {
			t.Fatal("invalid JSON passed")
		}
		if b.Sent != len(b.Events)+len(b.Invalid) || len(b.Index) != len(b.Events) {
			t.Fatalf("sent %d, sound %d at %d places, invalid %d", b.Sent, len(b.Events), len(b.Index), len(b.Invalid))
		}
		for i := range b.Events {
			checkSound(t, &b.Events[i])
		}
	})
}

func checkSound(t *testing.T, e *event.Event) {
	if e.ID != "" && (event.CheckID(e.ID) != nil || !utf8.ValidString(e.ID)) {
		t.Fatalf("event id %q passed", e.ID)
	}
	if e.Time > now.UnixMilli() || e.Time < now.Add(-event.MaxAge).UnixMilli() {
		t.Fatalf("time %d is not clamped", e.Time)
	}
	r := event.Record{Event: *e}
	if err := new(event.Record).UnmarshalBinary(r.AppendBinary(nil)); err != nil {
		t.Fatalf("a sound event cannot be read back: %v", err)
	}
}
