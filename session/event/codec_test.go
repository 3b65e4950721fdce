package event_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/session/event"
)

func drawRecord(t *rapid.T) event.Record {
	text := rapid.StringN(0, 20, 60)
	raw := rapid.SampledFrom([][]byte{nil, []byte(`{}`), []byte(`{"a":[1,2]}`)})
	amount := rapid.Float64Range(0, 1e6)
	ms := rapid.Int64Range(0, 253402300799999)
	flag := rapid.Bool()
	lines := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event.Line {
		return event.Line{ItemID: text.Draw(t, "line"), Quantity: amount.Draw(t, "n"), Price: amount.Draw(t, "p")}
	}), 0, 4).Draw(t, "lines")
	if len(lines) == 0 {
		lines = nil
	}
	return event.Record{
		Site: text.Draw(t, "site"), Visitor: text.Draw(t, "visitor"), Session: text.Draw(t, "session"), UserID: text.Draw(t, "user"),
		Proven: flag.Draw(t, "proven"), ReceivedAt: ms.Draw(t, "received"), Bot: flag.Draw(t, "bot"),
		Lasting: flag.Draw(t, "lasting"), Unfolded: flag.Draw(t, "unfolded"),
		Event: event.Event{
			ID: text.Draw(t, "id"), Seq: rapid.Uint32().Draw(t, "seq"), Kind: event.Kind(rapid.IntRange(0, int(event.Custom)).Draw(t, "kind")),
			Name: text.Draw(t, "name"), ItemID: text.Draw(t, "item"), TS: ms.Draw(t, "ts"), HasTS: flag.Draw(t, "hasTS"), Time: ms.Draw(t, "time"),
			Quantity: amount.Draw(t, "quantity"), Price: amount.Draw(t, "price"), Currency: text.Draw(t, "currency"),
			RecommendationID: text.Draw(t, "rec"), Slot: rapid.IntRange(0, math.MaxInt32).Draw(t, "slot"), Query: text.Draw(t, "query"),
			Items: lines, Context: raw.Draw(t, "context"), Properties: raw.Draw(t, "properties"),
		},
	}
}

func TestRecordCodecKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawRecord(t)
		b := want.AppendBinary([]byte("before"))
		var got event.Record
		if err := got.UnmarshalBinary(b[len("before"):]); err != nil {
			t.Fatal(err)
		}
		clear(b) // nothing of the record may be a part of b
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestRecordCodecRefusesWhatIsCutOrChanged(t *testing.T) {
	r := event.Record{Site: "demo", Visitor: "a1", Session: "s1", Event: event.Event{ID: "e1", Kind: event.Purchase,
		Items: []event.Line{{ItemID: "i1", Quantity: 1}}, Context: []byte(`{}`)}}
	b := r.AppendBinary(nil)
	for n := range b {
		if new(event.Record).UnmarshalBinary(b[:n]) == nil {
			t.Errorf("the first %d of %d bytes passed", n, len(b))
		}
	}
	if new(event.Record).UnmarshalBinary(append(b, 0)) == nil {
		t.Error("a byte too many passed")
	}
	for i := range b { // no flipped byte may panic
		changed := append([]byte(nil), b...)
		changed[i] ^= 0xff
		_ = new(event.Record).UnmarshalBinary(changed)
	}
	if new(event.Record).UnmarshalBinary(make([]byte, event.MaxRecordBytes+1)) == nil {
		t.Error("an oversized record passed")
	}
}

func FuzzRecordCodec(f *testing.F) {
	for _, r := range []event.Record{
		{},
		{Site: "demo", Visitor: "a1", Session: "s1", ReceivedAt: 1764000000100, Lasting: true,
			Event: event.Event{ID: "e1", Kind: event.View, ItemID: "85123A", TS: 1764000000000, HasTS: true, Time: 1764000000050}},
		{Site: "demo", Event: event.Event{ID: "e2", Kind: event.Purchase, Price: 2.5, Items: []event.Line{{ItemID: "i", Quantity: 1, Price: 2}}}},
	} {
		f.Add(r.AppendBinary(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r event.Record
		if r.UnmarshalBinary(b) != nil {
			return
		}
		var again event.Record
		if err := again.UnmarshalBinary(r.AppendBinary(nil)); err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		// Parts that are present but empty are written as absent.
		normal := cmp.Transformer("empty", func(b []byte) string { return string(b) })
		if diff := cmp.Diff(r, again, normal); diff != "" {
			t.Fatal(diff)
		}
	})
}

func BenchmarkRecordCodec(b *testing.B) {
	r := event.Record{Site: "demo", Visitor: "0b5fb0a5-0d3c-4c43-8f8f-0f3a7cb2d9a1", Session: "6b0d1c66-40c1-4d6e-b0a2-2f5f1f0a7f11",
		ReceivedAt: 1764000000100, Lasting: true, Event: event.Event{ID: "0193a5e4-7b1c-7c1e-9a3f-5d2c7b8e9f10", Seq: 7, Kind: event.View,
			ItemID: "85123A", TS: 1764000000000, HasTS: true, Time: 1764000000050, Price: 2.55, Currency: "GBP"}}
	buf := r.AppendBinary(nil)
	b.ReportAllocs()
	b.ReportMetric(float64(len(buf)), "bytes/record")
	for b.Loop() {
		buf = r.AppendBinary(buf[:0])
		if err := r.UnmarshalBinary(buf); err != nil {
			b.Fatal(err)
		}
	}
}
