package httpapi

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

// oracle is the answer as encoding/json writes it.
type oracle struct {
	RecommendationID string             `json:"recommendation_id"`
	Placement        string             `json:"placement"`
	Items            []oracleItem       `json:"items"`
	Blend            recommend.Blend    `json:"blend"`
	Session          *oracleSession     `json:"session"`
	Degraded         []string           `json:"degraded"`
	Versions         recommend.Versions `json:"versions"`
	Events           *oracleResult      `json:"events,omitempty"`
	Candidates       map[string]int     `json:"candidates,omitempty"`
	Drops            map[string]int     `json:"drops,omitempty"`
	WhyNot           []recommend.WhyNot `json:"why_not,omitempty"`
}

type oracleItem struct {
	ItemID     string            `json:"item_id"`
	Slot       int               `json:"slot"`
	Score      float64           `json:"score"`
	Reason     string            `json:"reason"`
	Attributes map[string]any    `json:"attributes"`
	Ledger     []recommend.Entry `json:"ledger,omitempty"`
}

type oracleSession struct {
	SessionID   string `json:"session_id"`
	Events      int    `json:"events"`
	LastEventID string `json:"last_event_id"`
}

type oracleResult struct {
	Accepted   int             `json:"accepted"`
	Duplicate  int             `json:"duplicate"`
	Invalid    []event.Verdict `json:"invalid"`
	Shed       int             `json:"shed"`
	Durability string          `json:"durability"`
	Session    *oracleSession  `json:"session"`
	EventIDs   []ingest.MadeID `json:"event_ids,omitempty"`
}

// sample makes an answer of what a fuzzer found.
func sample(id, text string, n int, f float64) (*site.Answer, oracle) {
	price := f
	it := &catalog.Item{ItemID: id, Name: text, Price: &price, Attributes: map[string]json.RawMessage{"colour": json.RawMessage(`["r",1]`)}}
	a := &site.Answer{Answer: recommend.Answer{
		Items: []recommend.Item{
			{ItemID: id, Slot: n, Score: f, Reason: recommend.ReasonBlend, Catalog: it},
			{ItemID: text, Slot: -n, Score: -f, Reason: "", Ledger: []recommend.Entry{{Stage: text, Signal: id, Value: f, Factor: -f, MovedFrom: n}}},
		},
		Blend: recommend.Blend{Session: f, Profile: 1 - f}, Degraded: []string{text, "store"},
		Versions:    recommend.Versions{Model: id, Catalog: text, Rules: "", Profiles: "p"},
		Explanation: &recommend.Explanation{Candidates: map[string]int{"rows": n}, Drops: map[string]int{"seen": n, "bought": 1}, WhyNot: []recommend.WhyNot{{ItemID: id, Stage: text, Rule: text, Detail: id}}},
	}}
	a.HasSession, a.Session = true, site.SessionSummary{SessionID: id, Events: n, LastEventID: text}
	a.Events = &ingest.Result{Accepted: n, Duplicate: 1, Shed: 2, Durability: "os", Invalid: []event.Verdict{{Index: n, EventID: id, Code: text, Detail: id}}, Made: []ingest.MadeID{{Index: n, EventID: id}}}
	attributes := map[string]any{"price": f, "colour": []any{"r", 1.0}, "available": true}
	if text != "" {
		attributes["name"] = text
	}
	x := a.Explanation
	return a, oracle{
		RecommendationID: "rid", Placement: text, Blend: a.Blend, Degraded: a.Degraded, Versions: a.Versions,
		Items: []oracleItem{
			{ItemID: id, Slot: n, Score: f, Reason: "blend", Attributes: attributes},
			{ItemID: text, Slot: -n, Score: -f, Attributes: map[string]any{}, Ledger: a.Items[1].Ledger},
		},
		Session:    &oracleSession{id, n, text},
		Events:     &oracleResult{Accepted: n, Duplicate: 1, Shed: 2, Durability: "os", Invalid: a.Events.Invalid, EventIDs: a.Events.Made},
		Candidates: x.Candidates, Drops: x.Drops, WhyNot: x.WhyNot,
	}
}

// FuzzAnswer holds the hand-written encoder against encoding/json: valid JSON
// with the same values.
func FuzzAnswer(f *testing.F) {
	f.Add("85123A", "White \"T-light\" <holder>", 3, 0.81)
	f.Add("a\x00b\u2028\u2029\x7f", "\xff\xfe\\ \t\n\r\b\f", -1, 1e-9)
	f.Add("😀é", "</script>", math.MaxInt32, 1e300)
	f.Fuzz(func(t *testing.T, id, text string, n int, x float64) {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			x = 0
		}
		a, want := sample(id, text, n, x)
		got := appendAnswer(nil, a, []byte("rid"), text, []string{"name", "price", "colour", "available", "nothing"})
		std, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var have, expected any
		if err := json.Unmarshal(got, &have); err != nil {
			t.Fatalf("%v in %s", err, got)
		}
		if err := json.Unmarshal(std, &expected); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(normal(have), normal(expected)) {
			t.Errorf("wrote\n%s\nencoding/json writes\n%s", got, std)
		}
	})
}

// normal drops what one of the two may leave out because it is empty.
func normal(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			e = normal(e)
			x[k] = e
			if e == nil || e == "" || e == 0.0 || reflect.DeepEqual(e, []any{}) {
				delete(x, k)
			}
		}
	case []any:
		for i := range x {
			x[i] = normal(x[i])
		}
	case float64:
		if x == 0 {
			return 0.0 // -0 as well
		}
	}
	return v
}

func TestBrokenNumbersDoNotBreakTheAnswer(t *testing.T) {
	a := &site.Answer{Answer: recommend.Answer{Items: []recommend.Item{{ItemID: "a", Score: math.NaN()}, {ItemID: "b", Score: math.Inf(1)}}}}
	got := appendAnswer(nil, a, nil, "home", nil)
	if !json.Valid(got) || strings.Contains(string(got), "NaN") {
		t.Errorf("wrote %s", got)
	}
}

// TestNothingIsNotNamed: what there is none of is left out, or null.
func TestNothingIsNotNamed(t *testing.T) {
	for want, got := range map[string][]byte{
		`null`:                          appendSession(nil, "", 0, ""),
		`{"session_id":"s","events":0}`: appendSession(nil, "s", 0, ""),
		`{"session_id":"","events":2}`:  appendSession(nil, "", 2, ""),
		`{"session_id":"s","events":1,"last_event_id":"e"}`:                                   appendSession(nil, "s", 1, "e"),
		`{"accepted":0,"duplicate":0,"invalid":[],"shed":1,"session":null}`:                   appendResult(nil, &ingest.Result{Shed: 1}),
		`{"accepted":0,"duplicate":1,"invalid":[],"shed":0,"durability":"os","session":null}`: appendResult(nil, &ingest.Result{Duplicate: 1, Durability: "os"}),
	} {
		if string(got) != want {
			t.Errorf("wrote %s, want %s", got, want)
		}
	}
	nobody := site.Answer{HasSession: true}
	if got := appendAnswer(nil, &nobody, nil, "home", nil); !strings.Contains(string(got), `"session":null`) {
		t.Errorf("wrote %s", got)
	}
}

func TestAllAttributes(t *testing.T) {
	off := false
	it := &catalog.Item{ItemID: "a", Name: "n", Available: &off, Categories: []string{"x>y"}, Attributes: map[string]json.RawMessage{"b": json.RawMessage("2"), "a": json.RawMessage(`"1"`), "broken": json.RawMessage(`{`)}}
	got := string(appendAttributes(nil, it, []string{"*"}))
	if want := `{"name":"n","available":false,"categories":["x>y"],"a":"1","b":2}`; got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
	if got := string(appendAttributes(nil, it, []string{"b", "b", "zzz"})); got != `{"b":2}` {
		t.Errorf("wrote %s", got)
	}
}

// FuzzQuery feeds the decoder anything: it must not panic, and what it accepts
// must be valid JSON to encoding/json too.
func FuzzQuery(f *testing.F) {
	f.Add([]byte(`{"placement":"home","limit":5,"exclude":["a","\u0062"],"context":{"cart":["x"]},"events":[],"blend":{"a":0.1}}`))
	f.Add([]byte(`{"exclude":["\\","\"",""]}`))
	f.Add([]byte(`{"placement":"ho`))
	s := newServer(f, newFakeSite())
	f.Fuzz(func(t *testing.T, body []byte) {
		c := newCall(s)
		d := c.startQuery()
		if err := d.decode(body); err == nil && !json.Valid(body) {
			t.Errorf("accepted %q", body)
		}
		_ = keyOf(body)
	})
}
