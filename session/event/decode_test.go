package event_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session/event"
)

var now = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func decode(t *testing.T, body string) *event.Batch {
	t.Helper()
	b, err := event.DecodeBatch([]byte(body), now)
	if err != nil {
		t.Fatalf("decode %s: %v", body, err)
	}
	return b
}

// one wraps events as a request of visitor a1.
func one(events ...string) string {
	return `{"anonymous_id":"a1","events":[` + strings.Join(events, ",") + `]}`
}

func TestDecodeEverything(t *testing.T) {
	b := decode(t, `{"anonymous_id":"a1","user_id":"u9","user_token":"tok","session_id":"s1","consent":"full",
		"sent_at":"2026-11-24T09:59:50.000Z","key":"pk_x","dropped":{"x":1},
		"events":[{"event_id":"e1","seq":7,"kind":"view","item_id":"85123A","ts":"2026-11-24T09:59:40.123Z","quantity":1,"price":2.55,
		"currency":"GBP","recommendation_id":"r1","slot":3,"query":"lan\u0074ern","extra":null,"more":[1],
		"context":{"path":"/p/85123A"},"properties":{}},
		{"event_id":"e2","kind":"purchase","ts":1764000000000,"items":[{"item_id":"i1","quantity":2,"price":1.2,"x":1},{"item_id":"i2"}]}]}`)
	sent := now.Add(-10 * time.Second).UnixMilli()
	ts := now.Add(-20*time.Second).UnixMilli() + 123
	want := &event.Batch{
		AnonymousID: "a1", UserID: "u9", UserToken: "tok", SessionID: "s1", Consent: event.ConsentFull,
		SentAt: sent, Key: "pk_x", Sent: 2, Index: []int{0, 1}, Unknown: 3,
		Events: []event.Event{
			{ID: "e1", Seq: 7, Kind: event.View, ItemID: "85123A", TS: ts, HasTS: true, Time: ts + 10_000, Quantity: 1,
				Price: 2.55, Currency: "GBP", RecommendationID: "r1", Slot: 3, Query: "lantern",
				Context: []byte(`{"path":"/p/85123A"}`), Properties: []byte(`{}`)},
			{ID: "e2", Kind: event.Purchase, TS: 1764000000000, HasTS: true, Time: now.Add(-event.MaxAge).UnixMilli(),
				Items: []event.Line{{ItemID: "i1", Quantity: 2, Price: 1.2}, {ItemID: "i2"}}},
		},
	}
	if diff := cmp.Diff(want, b); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeDoesNotKeepTheBody(t *testing.T) {
	body := []byte(one(`{"event_id":"e1","kind":"view","item_id":"i1","context":{"a":"b"}}`))
	b, err := event.DecodeBatch(body, now)
	if err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = 'X'
	}
	if e := b.Events[0]; b.AnonymousID != "a1" || e.ID != "e1" || e.ItemID != "i1" || string(e.Context) != `{"a":"b"}` {
		t.Errorf("the batch changed with the body: %+v", b)
	}
}

func TestVerdicts(t *testing.T) {
	long := strings.Repeat("x", 129)
	for name, test := range map[string]struct{ event, code, says string }{
		"no kind":             {`{"item_id":"i"}`, "kind_missing", "send one of"},
		"unknown kind":        {`{"kind":"stare","item_id":"i"}`, "kind_unknown", "cart_add"},
		"kind of wrong type":  {`{"kind":3}`, "kind_invalid", "string"},
		"no item":             {`{"kind":"view"}`, "item_id_missing", "send the item's id"},
		"empty item":          {`{"kind":"view","item_id":""}`, "item_id_missing", "item_id"},
		"null item":           {`{"kind":"click","item_id":null}`, "item_id_missing", "item_id"},
		"numeric item":        {`{"kind":"view","item_id":85123}`, "item_id_invalid", "quotes"},
		"junk item":           {`{"kind":"view","item_id":"undefined"}`, "item_id_invalid", "placeholder"},
		"control in item":     {`{"kind":"view","item_id":"a\u0000b"}`, "item_id_invalid", "control"},
		"C1 control in item":  {`{"kind":"view","item_id":"a\u0085b"}`, "item_id_invalid", "control"},
		"long item":           {`{"kind":"view","item_id":"` + long + `"}`, "item_id_invalid", "128"},
		"items on a view":     {`{"kind":"view","items":[{"item_id":"i"}]}`, "item_id_missing", "item_id"},
		"purchase of nothing": {`{"kind":"purchase","items":[]}`, "item_id_missing", "items[]"},
		"items no array":      {`{"kind":"purchase","items":{}}`, "items_invalid", "array"},
		"item no object":      {`{"kind":"purchase","items":["i"]}`, "items_invalid", "items[0]"},
		"item without id":     {`{"kind":"purchase","items":[{"item_id":"a"},{"quantity":1}]}`, "items_invalid", "items[1]"},
		"line price":          {`{"kind":"purchase","items":[{"item_id":"a","price":-1}]}`, "price_invalid", "negative"},
		"custom unnamed":      {`{"kind":"custom"}`, "name_missing", "name"},
		"numeric id":          {`{"event_id":7,"kind":"page"}`, "event_id_invalid", "string"},
		"empty id":            {`{"event_id":"","kind":"page"}`, "event_id_invalid", "empty"},
		"junk id":             {`{"event_id":"null","kind":"page"}`, "event_id_invalid", "placeholder"},
		"long id":             {`{"event_id":"` + long + `","kind":"page"}`, "event_id_invalid", "128"},
		"price infinite":      {`{"kind":"view","item_id":"i","price":1e999}`, "price_invalid", "finite"},
		"price negative":      {`{"kind":"view","item_id":"i","price":-0.01}`, "price_invalid", "negative"},
		"price as text":       {`{"kind":"view","item_id":"i","price":"2.55"}`, "price_invalid", "without quotes"},
		"quantity":            {`{"kind":"view","item_id":"i","quantity":true}`, "quantity_invalid", "number"},
		"slot 0":              {`{"kind":"click","item_id":"i","slot":0}`, "slot_invalid", "from 1"},
		"slot half":           {`{"kind":"click","item_id":"i","slot":1.5}`, "slot_invalid", "whole"},
		"seq negative":        {`{"kind":"click","item_id":"i","seq":-1}`, "seq_invalid", "whole"},
		"ts":                  {`{"kind":"page","ts":"yesterday"}`, "ts_invalid", "RFC 3339"},
		"ts negative":         {`{"kind":"page","ts":-5}`, "ts_invalid", "RFC 3339"},
		"currency":            {`{"kind":"page","currency":"pounds sterling money"}`, "currency_invalid", "GBP"},
		"context":             {`{"kind":"page","context":"/p"}`, "context_invalid", "object"},
		"properties":          {`{"kind":"page","properties":[]}`, "properties_invalid", "object"},
		"too large":           {`{"kind":"page","context":{"p":"` + strings.Repeat("x", 33<<10) + `"}}`, "event_too_large", "32 KiB"},
		"no object":           {`"view"`, "event_invalid", "a string"},
		"null":                {`null`, "event_invalid", "null"},
	} {
		t.Run(name, func(t *testing.T) {
			b := decode(t, one(`{"event_id":"ok","kind":"page"}`, test.event, `{"event_id":"ok2","kind":"page"}`))
			if b.Sent != 3 || len(b.Events) != 2 || len(b.Invalid) != 1 {
				t.Fatalf("sent %d, sound %d, invalid %+v", b.Sent, len(b.Events), b.Invalid)
			}
			v := b.Invalid[0]
			if v.Index != 1 || v.Code != test.code || !strings.Contains(v.Detail, test.says) {
				t.Errorf("verdict %+v, want code %s saying %q", v, test.code, test.says)
			}
			if diff := cmp.Diff([]int{0, 2}, b.Index); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestVerdictNamesTheEvent(t *testing.T) {
	b := decode(t, one(`{"kind":"view","event_id":"e7"}`))
	if len(b.Invalid) != 1 || b.Invalid[0].EventID != "e7" {
		t.Errorf("invalid: %+v", b.Invalid)
	}
}

func TestOneBadEventOfFifty(t *testing.T) {
	events := make([]string, 50)
	for i := range events {
		events[i] = fmt.Sprintf(`{"event_id":"e%d","kind":"view","item_id":"i"}`, i)
	}
	events[7] = `{"event_id":"e7","kind":"view"}`
	b := decode(t, one(events...))
	if b.Sent != 50 || len(b.Events) != 49 || len(b.Invalid) != 1 || b.Invalid[0].Index != 7 {
		t.Errorf("sent %d, sound %d, invalid %+v", b.Sent, len(b.Events), b.Invalid)
	}
}

func TestRequestFaults(t *testing.T) {
	deep := strings.Repeat("[", 9) + strings.Repeat("]", 9)
	many := strings.Repeat(`{"kind":"page"},`, 500) + `{"kind":"page"}`
	for name, test := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"empty":              {``, 0, "invalid_json"},
		"cut off":            {`{"anonymous_id":"a1","events":[`, 0, "invalid_json"},
		"array":              {`[]`, 0, "not_an_object"},
		"text":               {`"a"`, 0, "not_an_object"},
		"trailing":           {`{"anonymous_id":"a1","events":[]}{}`, 0, "invalid_json"},
		"NaN":                {one(`{"kind":"view","item_id":"i","price":NaN}`), 0, "invalid_json"},
		"bad UTF-8":          {"{\"anonymous_id\":\"a\xff\"}", 0, "invalid_json"},
		"lone surrogate":     {`{"anonymous_id":"\ud800"}`, 0, "invalid_json"},
		"events no array":    {`{"anonymous_id":"a1","events":{}}`, 0, "invalid_json"},
		"duplicate":          {`{"anonymous_id":"a1","anonymous_id":"a2"}`, 0, "duplicate_key"},
		"duplicate escaped":  {`{"anonymous_id":"a1","anonymous\u005fid":"a2"}`, 0, "duplicate_key"},
		"duplicate in event": {one(`{"kind":"page","kind":"page"}`), 0, "duplicate_key"},
		"duplicate deep":     {one(`{"kind":"page","context":{"a":{"b":1,"b":2}}}`), 0, "duplicate_key"},
		"deep":               {`{"anonymous_id":"a1","x":` + deep + `}`, 0, "too_deep"},
		"nobody":             {`{"events":[]}`, 422, "nobody_named"},
		"null for nobody":    {`{"anonymous_id":null,"events":[]}`, 422, "nobody_named"},
		"numeric visitor":    {`{"anonymous_id":7}`, 422, "invalid_id"},
		"empty visitor":      {`{"anonymous_id":""}`, 422, "invalid_id"},
		"long session":       {`{"session_id":"` + strings.Repeat("s", 129) + `"}`, 422, "invalid_id"},
		"control":            {`{"session_id":"a\nb"}`, 422, "invalid_id"},
		"junk visitor":       {`{"anonymous_id":"Undefined"}`, 422, "junk_id"},
		"junk zero":          {`{"session_id":"0"}`, 422, "junk_id"},
		"junk user":          {`{"anonymous_id":"a1","user_id":"NULL"}`, 422, "junk_id"},
		"consent":            {`{"anonymous_id":"a1","consent":"maybe"}`, 422, "invalid_consent"},
		"sent_at":            {`{"anonymous_id":"a1","sent_at":"soon"}`, 422, "invalid_time"},
		"too many":           {one(many), 413, "too_many_events"},
		"too large":          {`{"anonymous_id":"` + strings.Repeat("a", 512<<10) + `"}`, 413, "body_too_large"},
		"syntax wins":        {`{"anonymous_id":7,"events":[}`, 0, "invalid_json"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := event.DecodeBatch([]byte(test.body), now)
			f := fault.Of(err)
			if f == nil || f.Kind != fault.Invalid || f.Status != test.status || f.Code != test.code || f.Detail == "" {
				t.Errorf("got %+v, want %d %s", f, test.status, test.code)
			}
		})
	}
}

func TestDecodeEvents(t *testing.T) {
	var b event.Batch
	if err := event.DecodeEvents([]byte(` [{"event_id":"e1","kind":"view","item_id":"i"},{"kind":"view"}] `), &b); err != nil {
		t.Fatal(err)
	}
	if b.Sent != 2 || len(b.Events) != 1 || len(b.Invalid) != 1 {
		t.Errorf("%+v", b)
	}
	for _, raw := range []string{``, `{}`, `7`, `[`, `[1] 2`, `[{"a":1,"a":2}]`, `[{"context":[[[[[[[1]]]]]]]}]`} {
		if err := event.DecodeEvents([]byte(raw), new(event.Batch)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestDepthIsCountedOutsideStrings(t *testing.T) {
	if err := event.CheckDepth([]byte(`{"a":"[[[[[[[[[[\"[[[[","b":[[1],[1],[1]]}`), 3); err != nil {
		t.Error(err)
	}
	if err := event.CheckDepth([]byte(`[[[[]]]]`), 3); err == nil {
		t.Error("four levels passed for three")
	}
}

func TestCheckID(t *testing.T) {
	for _, id := range []string{"a", "85123A", "0", "zażółć", "日本", "a b", strings.Repeat("x", 128)} {
		if err := event.CheckID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{"", "\x00", "a\tb", "\x7f", "a\xffb", "\u0085", strings.Repeat("x", 129)} {
		if event.CheckID(id) == nil {
			t.Errorf("%q passed", id)
		}
	}
}

func TestJunk(t *testing.T) {
	for _, id := range []string{"null", "UNDEFINED", "0", "None", "(not set)", " ", "", "NaN", "[object Object]", "00000000-0000-0000-0000-000000000000"} {
		if !event.Junk(id) {
			t.Errorf("%q is junk", id)
		}
	}
	for _, id := range []string{"a1", "1", "00", "nullable", "s1", "zero"} {
		if event.Junk(id) {
			t.Errorf("%q is not junk", id)
		}
	}
}

func TestParseTime(t *testing.T) {
	for raw, want := range map[string]int64{
		`"2026-11-24T10:00:00.000Z"`:       now.UnixMilli(),
		`"2026-11-24T11:00:00.5+01:00"`:    now.UnixMilli() + 500,
		`1764000000000`:                    1764000000000,
		`1764000000000.9`:                  1764000000000,
		`1.764e12`:                         1764000000000,
		`0`:                                0,
		`"1970-01-01T00:00:00Z"`:           0,
		`"9999-12-31T23:59:59.999999999Z"`: 253402300799999,
	} {
		if ms, ok := event.ParseTime([]byte(raw)); !ok || ms != want {
			t.Errorf("%s: %d %v, want %d", raw, ms, ok, want)
		}
	}
	for _, raw := range []string{``, `"`, `""`, `null`, `true`, `-1`, `1e300`, `"1764000000000"`, `"2026-11-24"`, `{}`, `"1969-12-31T00:00:00Z"`} {
		if ms, ok := event.ParseTime([]byte(raw)); ok {
			t.Errorf("%s: %d passed", raw, ms)
		}
	}
}

func TestSettle(t *testing.T) {
	received := now.UnixMilli()
	id7 := "019ab000-0000-7000-8000-000000000000"
	ms7, ok := event.UUIDTime(id7)
	if !ok || ms7 != 0x019ab0000000 {
		t.Fatalf("time of %s: %x %v", id7, ms7, ok)
	}
	for name, test := range map[string]struct {
		sentAt           int64
		e                event.Event
		wantTS, wantTime int64
	}{
		"as sent":              {0, event.Event{TS: received - 5000, HasTS: true}, received - 5000, received - 5000},
		"slow clock corrected": {received - 60_000, event.Event{TS: received - 61_000, HasTS: true}, received - 61_000, received - 1000},
		"fast clock corrected": {received + 3_600_000, event.Event{TS: received + 3_599_000, HasTS: true}, received + 3_599_000, received - 1000},
		"future is clamped":    {0, event.Event{TS: received + 5000, HasTS: true}, received + 5000, received},
		"old is clamped":       {0, event.Event{TS: 1000, HasTS: true}, 1000, received - event.MaxAge.Milliseconds()},
		"UUIDv7":               {0, event.Event{ID: id7}, ms7, max(ms7, received-event.MaxAge.Milliseconds())},
		"receipt":              {received - 60_000, event.Event{ID: "e1"}, received, received},
		"made by the server":   {0, event.Event{ID: id7, IDMade: true}, received, received},
	} {
		t.Run(name, func(t *testing.T) {
			b := event.Batch{SentAt: test.sentAt, Events: []event.Event{test.e}}
			for range 2 { // settling twice changes nothing
				b.Settle(now)
				if e := b.Events[0]; e.TS != test.wantTS || e.Time != test.wantTime {
					t.Errorf("ts %d time %d, want %d %d", e.TS, e.Time, test.wantTS, test.wantTime)
				}
			}
		})
	}
}

func TestKinds(t *testing.T) {
	for k := event.Impression; k <= event.Custom; k++ {
		if got, ok := event.ParseKind(k.String()); !ok || got != k {
			t.Errorf("%v parses to %v", k, got)
		}
	}
	if _, ok := event.ParseKind("unknown"); ok {
		t.Error("unknown is no kind")
	}
	if event.Kind(200).String() != "unknown" {
		t.Error("a kind beyond the last has no word")
	}
	for k, w := range map[event.Kind]float64{event.View: 1, event.Purchase: 4, event.Refund: -4, event.Impression: 0, event.Page: 0} {
		if k.Weight() != w || k.Engages() != (w != 0) {
			t.Errorf("%v: weight %v engages %v", k, k.Weight(), k.Engages())
		}
	}
	for _, c := range []event.Consent{event.ConsentNone, event.ConsentSession, event.ConsentFull} {
		if got, ok := event.ParseConsent(c.String()); !ok || got != c {
			t.Errorf("%v parses to %v", c, got)
		}
	}
	if _, ok := event.ParseConsent(""); ok || event.ConsentUnset.String() != "" {
		t.Error("nothing said is no level")
	}
}

const beacon = `{"anonymous_id":"0b5fb0a5-0d3c-4c43-8f8f-0f3a7cb2d9a1","session_id":"6b0d1c66-40c1-4d6e-b0a2-2f5f1f0a7f11","consent":"full","sent_at":"2026-11-24T09:59:59.900Z","key":"pk_demo","events":[{"event_id":"0193a5e4-7b1c-7c1e-9a3f-5d2c7b8e9f10","seq":7,"kind":"view","item_id":"85123A","ts":"2026-11-24T09:59:59.800Z","price":2.55,"currency":"GBP","context":{"path":"/p/85123A"}}]}`

func BenchmarkDecodeBeacon(b *testing.B) {
	body := []byte(beacon)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.DecodeBatch(body, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeBatch50(b *testing.B) {
	var m map[string]any
	if err := json.Unmarshal([]byte(beacon), &m); err != nil {
		b.Fatal(err)
	}
	first := m["events"].([]any)[0]
	m["events"] = []any{}
	for range 50 {
		m["events"] = append(m["events"].([]any), first)
	}
	body, err := json.Marshal(m)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.DecodeBatch(body, now); err != nil {
			b.Fatal(err)
		}
	}
}
