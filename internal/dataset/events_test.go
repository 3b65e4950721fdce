package dataset

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/session/event"
)

func readEvents(t *testing.T, name, body string) ([]EventRow, *Report) {
	t.Helper()
	var rows []EventRow
	report, err := ReadEvents(t.Context(), put(t, name, []byte(body)), Options{}, func(e EventRow) error {
		rows = append(rows, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows, report
}

func TestEventFormats(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC).UnixMilli()
	want := EventRow{
		Visitor: "a1", User: "u9", Session: "s1", EventID: "e1", Kind: event.CartAdd, ItemID: "85123A", Time: at,
		Quantity: 2, Price: 2.55, Currency: "GBP", Number: 1,
	}
	csv := "anonymous_id,user_id,session_id,event_id,kind,item_id,ts,quantity,price,currency,colour\n" +
		"a1,u9,s1,e1,cart_add,85123A,2026-11-24T10:00:00Z,2,2.55,GBP,red\n"
	ndjson := `{"anonymous_id":"a1","user_id":"u9","session_id":"s1","event_id":"e1","kind":"cart_add","item_id":"85123A","ts":1795514400000,"quantity":2,"price":2.55,"currency":"GBP","colour":"red"}`
	for name, body := range map[string]string{"a.csv": csv, "a.ndjson": ndjson} {
		rows, report := readEvents(t, name, body)
		if diff := cmp.Diff([]EventRow{want}, rows); diff != "" {
			t.Errorf("%s: the event (-want +got):\n%s\n%+v", name, diff, report)
		}
		if diff := cmp.Diff([]string{"colour"}, report.Unknown); diff != "" {
			t.Errorf("%s: unknown columns (-want +got):\n%s", name, diff)
		}
	}
}

func TestSessionFilesAreEventsToo(t *testing.T) {
	body := "SessionId\tItemId\tTime\n27\t5959\t1593536687.5\n27\t5959\t1593536687.5\n"
	rows, _ := readEvents(t, "train.txt", body)
	if len(rows) != 2 {
		t.Fatalf("%d rows, want 2", len(rows))
	}
	r := rows[0]
	if r.Session != "27" || r.ItemID != "5959" || r.Kind != event.View || r.Time != 1593536687500 {
		t.Errorf("read %+v", r)
	}
	again, _ := readEvents(t, "train.txt", body)
	if r.EventID != again[0].EventID || r.EventID == rows[1].EventID {
		t.Errorf("ids %s, %s, again %s: want one per row, the same every time", r.EventID, rows[1].EventID, again[0].EventID)
	}
}

func TestEventRecord(t *testing.T) {
	r := EventRow{User: "u9", EventID: "e1", Kind: event.Purchase, Time: 5, Items: []event.Line{{ItemID: "x", Quantity: 1}}}
	got := r.Record("shop", 77)
	want := event.Record{
		Site: "shop", Visitor: "u9", UserID: "u9", Proven: true, Lasting: true, ReceivedAt: 77,
		Event: event.Event{ID: "e1", Kind: event.Purchase, TS: 5, HasTS: true, Time: 5, Items: r.Items},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the record (-want +got):\n%s", diff)
	}
	if v := (&EventRow{Session: "s"}).Record("shop", 1).Visitor; v != "s" {
		t.Errorf("the visitor of a session alone is %q, want the session", v)
	}
}

func TestBadEventsAreReported(t *testing.T) {
	for name, c := range map[string]struct{ body, code string }{
		"nobody":          {`{"kind":"view","item_id":"x","ts":1}`, "anonymous_id_missing"},
		"no time":         {`{"user_id":"u","item_id":"x"}`, "ts_missing"},
		"no item":         {`{"user_id":"u","ts":1}`, "item_id_missing"},
		"no lines":        {`{"user_id":"u","ts":1,"kind":"purchase","items":[]}`, "item_id_missing"},
		"custom nameless": {`{"user_id":"u","ts":1,"kind":"custom"}`, "name_missing"},
		"kind":            {`{"user_id":"u","ts":1,"kind":"looked"}`, "kind"},
		"time":            {`{"user_id":"u","ts":"yesterday","item_id":"x"}`, "time"},
		"quantity":        {`{"user_id":"u","ts":1,"item_id":"x","quantity":-1}`, "number"},
		"slot":            {`{"user_id":"u","ts":1,"item_id":"x","slot":1.5}`, "number"},
		"line":            {`{"user_id":"u","ts":1,"kind":"purchase","items":[{"quantity":1}]}`, "items"},
		"line price":      {`{"user_id":"u","ts":1,"kind":"purchase","items":[{"item_id":"x","price":-1}]}`, "items"},
		"junk":            {`{"user_id":"null","ts":1,"item_id":"x"}`, "junk_id"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, report := readEvents(t, "a.ndjson", c.body)
			if len(rows) != 0 || len(report.Errors) != 1 || report.Errors[0].Code != c.code {
				t.Errorf("%d good rows, report %+v; want code %s", len(rows), report, c.code)
			}
		})
	}
}
