package dataset

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session/event"
)

// fuzzRows checks what holds for any bytes in any format: no panic, rows =
// good + bad, errors are Invalid, and what is handed out is clean.
func fuzzRows(t *testing.T, format Format, data []byte) {
	source := func() Source {
		return Source{Name: "fuzz", Format: format, Size: int64(len(data)), Body: bytes.NewReader(data)}
	}
	check := func(report *Report, err error) {
		t.Helper()
		if report.Rows != report.Good+report.Bad || len(report.Errors) > maxErrors || len(report.Unknown) > maxUnknown {
			t.Fatalf("report %+v", report)
		}
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatalf("error %v, want Invalid", err)
		}
	}
	check(ReadCatalogFrom(t.Context(), source(), Options{}, func(it item) error {
		if it.Price != nil && !(*it.Price >= 0) {
			return errors.New("a price that is no price")
		}
		return event.CheckID(it.ItemID)
	}))
	check(ReadProfilesFrom(t.Context(), source(), Options{}, func(p ProfileRow) error {
		for _, x := range p.Vector {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				return errors.New("a vector that is not finite")
			}
		}
		return event.CheckID(p.ID)
	}))
	check(ReadEventsFrom(t.Context(), source(), Options{}, func(e EventRow) error {
		if e.Time < 0 {
			return errors.New("a time before the epoch")
		}
		return event.CheckID(e.EventID)
	}))
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("item_id,price,tags\n1,2.5,a|b\n2,x,\"y\n"))
	f.Add([]byte("user_id,vector,affinities\nana,\"[1,2]\",\"{\"\"x\"\":1}\"\n"))
	f.Add([]byte("session_id,item_id,ts\n1,2,3\n"))
	f.Add([]byte("\xef\xbb\xbfid,id\n"))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRows(t, CSV, data) })
}

func FuzzNDJSON(f *testing.F) {
	f.Add([]byte(`{"item_id":"1","price":2.5,"attributes":{"tags":["a"],"n":1e999}}`))
	f.Add([]byte(`{"user_id":"ana","vector":"AACAPw==","affinities":[{"item_id":"x","weight":1}]}`))
	f.Add([]byte(`{"session_id":"1","kind":"purchase","items":[{"item_id":"x"}],"ts":"2026-01-01"}`))
	f.Add([]byte("{\"id\":1}\n\n[]\n{\"id\":"))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRows(t, NDJSON, data) })
}
