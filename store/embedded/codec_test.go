package embedded

import (
	"math"
	"reflect"
	"testing"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// A field that somebody adds to session.Visitor must be stored as well.
func TestVisitorCodecKeepsEveryField(t *testing.T) {
	var v session.Visitor
	fields := reflect.ValueOf(&v).Elem()
	for i := range fields.NumField() {
		switch f := fields.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(fields.Type().Field(i).Name)
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int64:
			f.SetInt(-1 - int64(i))
		case reflect.Uint32:
			f.SetUint(math.MaxUint32)
		default:
			t.Fatalf("field %s of session.Visitor has a kind that this test does not fill", fields.Type().Field(i).Name)
		}
	}
	got, err := decodeVisitor(appendVisitor(nil, &v))
	if err != nil {
		t.Fatal(err)
	}
	got.Site, got.ID = v.Site, v.ID // in the key
	got.ErasedAt = v.ErasedAt       // a row of its own
	if got != v {
		t.Fatalf("got %+v, want %+v", got, v)
	}
}

func TestProfileCodecKeepsVectorBits(t *testing.T) {
	p := profile.Profile{ID: "v", Vector: []float32{float32(math.NaN()), float32(math.Inf(-1)), math.SmallestNonzeroFloat32}}
	b, err := appendProfile(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeProfile(b, "one")
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Vector {
		if math.Float32bits(got.Vector[i]) != math.Float32bits(p.Vector[i]) {
			t.Errorf("value %d is %v, not %v", i, got.Vector[i], p.Vector[i])
		}
	}
	p.Affinities = []profile.Affinity{{ItemID: "i", Weight: math.NaN()}}
	if _, err := appendProfile(nil, p); fault.KindOf(err) != fault.Invalid {
		t.Fatalf("a weight that is no number: %v", err)
	}
}

// FuzzValues feeds damaged values to every decoder: an error, never a panic.
func FuzzValues(f *testing.F) {
	f.Add(appendVisitor(nil, &session.Visitor{Session: "x", SessionAt: 5}))
	p, err := appendProfile(nil, profile.Profile{ID: "v", Vector: []float32{1, 2}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p)
	r, err := appendRecord(nil, &event.Record{Site: "s", Visitor: "v", Event: event.Event{ID: "e", Kind: event.View}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(r)
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := decodeVisitor(b); err != nil && fault.KindOf(err) != fault.Internal {
			t.Errorf("visitor: %v", err)
		}
		if _, err := decodeProfile(b, "v"); err != nil && fault.KindOf(err) != fault.Internal {
			t.Errorf("profile: %v", err)
		}
		var r event.Record
		if err := decodeRecord(b, &r); err != nil && fault.KindOf(err) != fault.Internal {
			t.Errorf("record: %v", err)
		}
		mayName(b, 1)
		receivedAt(b)
		_, _ = afterCursor("s", b)
	})
}
