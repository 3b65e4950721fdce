package merch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/catalog"
)

func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

func snapshot() *catalog.Snapshot {
	items := make([]catalog.Item, 40)
	for i := range items {
		items[i] = catalog.Item{
			ItemID: fmt.Sprintf("i%02d", i), Categories: []string{fmt.Sprintf("home>c%d", i%3)},
			Attributes: map[string]json.RawMessage{"brand": json.RawMessage(fmt.Sprintf(`"b%d"`, i%4))},
		}
	}
	return catalog.Build(items)
}

func bind(t testing.TB, text string) *Bound {
	t.Helper()
	rules, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	set, err := Compile(rules)
	if err != nil {
		t.Fatal(err)
	}
	return set.Bind(snapshot())
}

func TestParseRefuses(t *testing.T) {
	pin := `"action":{"type":"pin","item":"x","slot":1}`
	for _, c := range []struct {
		text     string
		pointers string
	}{
		{`{"rules":[{"id":"a",` + pin + `,"weight":1}]}`, "/rules/0/weight"},
		{`[{"id":"a",` + pin + `},{"id":"a",` + pin + `}]`, "/1/id"},
		{`[{` + pin + `}]`, "/0/id"},
		{`[{"id":"a","priority":1.5,` + pin + `}]`, "/0/priority"},
		{`[{"id":"a","id":"b",` + pin + `}]`, "/0/id"},
		{`[{"id":"a","action":{"type":"shout"}}]`, "/0/action/type"},
		{`[{"id":"a","action":{"type":"pin","slot":0}}]`, "/0/action/item /0/action/slot"},
		{`[{"id":"a","action":{"type":"pin","item":["x","y"],"slot":101}}]`, "/0/action/item /0/action/slot"},
		{`[{"id":"a","action":{"type":"boost","strength":101}}]`, "/0/action/strength /0/action/filter"},
		{`[{"id":"a","action":{"type":"bury","strength":5,"item":"x","filter":{}}}]`, "/0/action/filter"},
		{`[{"id":"a","action":{"type":"hide","filter":{"attribute":"b","op":"?"}}}]`, "/0/action/filter/op"},
		{`[{"id":"a","action":{"type":"filter"}}]`, "/0/action/only"},
		{`[{"id":"a","action":{"type":"slot","slots":[0],"source":"magic"}}]`, "/0/action/slots/0 /0/action/source"},
		{`[{"id":"a","action":{"type":"slot"}}]`, "/0/action/slots /0/action/filter"},
		{`[{"id":"a","action":{"type":"diversify","max":0,"window":-1}}]`, "/0/action/attribute /0/action/max /0/action/window"},
		{`[{"id":"a","from":"tomorrow","until":"x","timezone":"Mars",` + pin + `}]`, "/0/timezone"},
		{`[{"id":"a","from":"tomorrow","until":"x",` + pin + `}]`, "/0/from /0/until"},
		{`[{"id":"a","from":"2026-11-24","until":"2026-11-24",` + pin + `}]`, "/0/until"},
		{`[{"id":"a","placements":[""],` + pin + `}]`, "/0/placements/0"},
		{`[{"id":"a","when":{"audience":{"new":true,"returning":true}},` + pin + `}]`, "/0/when/audience"},
		{`[{"id":"a","when":{"attributes":{"all":1}},` + pin + `}]`, "/0/when/attributes/all"},
	} {
		_, err := Parse([]byte(c.text))
		f := fault.Of(err)
		if f == nil || f.Kind != fault.Invalid {
			t.Errorf("%s: %v, want invalid rules", c.text, err)
			continue
		}
		var got []string
		for _, field := range f.Fields {
			got = append(got, field.Pointer)
		}
		if d := strings.Join(got, " "); d != c.pointers {
			t.Errorf("%s: faults at %q, want %q", c.text, d, c.pointers)
		}
	}
	if _, err := Parse([]byte(`[`)); fault.KindOf(err) != fault.Invalid {
		t.Errorf("half a list: %v", err)
	}
	if _, err := Compile(make([]Rule, MaxRules+1)); fault.KindOf(err) != fault.Invalid {
		t.Errorf("too many rules: %v", err)
	}
}

func TestSet(t *testing.T) {
	var none *Set
	if none.Version() != "" || none.Rules() != nil || none.Bind(snapshot()).Len() != 0 {
		t.Error("no set says something")
	}
	a, err := Parse([]byte(`{"rules":[{"id":"a","enabled":false,"action":{"type":"hide","item":"i01"}},{"id":"b","action":{"type":"hide","item":["i02"]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	set, err := Compile(a)
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Rules()) != 2 || set.Bind(snapshot()).Len() != 1 {
		t.Error("a disabled rule must be kept and must not hold")
	}
	a[1].Priority++
	other, err := Compile(a)
	if err != nil || other.Version() == set.Version() {
		t.Errorf("another priority, the same version; %v", err)
	}
}

// TestWhen: each condition, met and not.
func TestWhen(t *testing.T) {
	snap := snapshot()
	item := snap.Variant("i04") // brand b0, home>c1
	base := Request{Placement: "home", Now: noon(), Item: catalog.None}
	for _, c := range []struct {
		rule   string // without action
		yes    func(*Request)
		failed func(*Request)
	}{
		{`"placements":["home","cart"]`, func(*Request) {}, func(r *Request) { r.Placement = "item" }},
		{`"from":"2026-11-24T12:00:00Z"`, func(*Request) {}, func(r *Request) { r.Now = r.Now.Add(-1) }},
		{`"until":"2026-11-24T13:00","timezone":"Europe/Vienna"`, func(r *Request) { r.Now = r.Now.Add(-1) }, func(*Request) {}},
		{`"when":{"item":["i04","?"]}`, func(r *Request) { r.Item = item }, func(*Request) {}},
		{`"when":{"category":"home>c1"}`, func(r *Request) { r.Item = item }, func(r *Request) { r.Item = item + 1 }},
		{`"when":{"category":"home"}`, func(r *Request) { r.Category = "home>c9" }, func(r *Request) { r.Category = "homes" }},
		{`"when":{"query":"Lamp"}`, func(r *Request) { r.Query = "lamp" }, func(*Request) {}},
		{`"when":{"attributes":{"attribute":"brand","op":"=","value":"b0"}}`, func(r *Request) { r.Item = item }, func(*Request) {}},
		{`"when":{"audience":{"segments":["vip"]}}`, func(r *Request) { r.Segments = []string{"x", "vip"} }, func(*Request) {}},
		{`"when":{"audience":{"new":true}}`, func(*Request) {}, func(r *Request) { r.Returning = true }},
		{`"when":{"audience":{"returning":true}}`, func(r *Request) { r.Returning = true }, func(*Request) {}},
		{`"when":{"audience":{"viewed":"i05"}}`, func(r *Request) { r.Session = []uint32{snap.GroupOf(snap.Variant("i05"))} }, func(*Request) {}},
		{`"when":{"audience":{"min_steps":2}}`, func(r *Request) { r.Session = []uint32{1, 2} }, func(r *Request) { r.Session = []uint32{1} }},
	} {
		b := bind(t, `[{"id":"a",`+c.rule+`,"action":{"type":"hide","item":"i00"}}]`)
		var a Active
		for want, change := range map[bool]func(*Request){true: c.yes, false: c.failed} {
			req := base
			change(&req)
			b.Active(&req, &a)
			if got := a.Hiding(snap, snap.Variant("i00")) != nil; got != want {
				t.Errorf("%s with %+v holds: %v, want %v", c.rule, req, got, want)
			}
		}
	}
}

func TestFactorIsBounded(t *testing.T) {
	b := bind(t, `[{"id":"a","action":{"type":"boost","strength":100,"item":"i01"}},
		{"id":"b","action":{"type":"boost","strength":100,"filter":{"attribute":"brand","op":"=","value":"b1"}}},
		{"id":"c","action":{"type":"bury","strength":100,"item":["i02","i05"]}},
		{"id":"d","action":{"type":"bury","strength":1,"item":"i02"}}]`)
	var a Active
	b.Active(&Request{Now: noon(), Item: catalog.None}, &a)
	for id, want := range map[string]float64{"i01": 8, "i02": 1.0 / 8, "i05": 1, "i03": 1} {
		if got, _ := a.Factor(b.snap, b.snap.Variant(id)); got != want {
			t.Errorf("factor of %s = %v, want %v", id, got, want)
		}
	}
	if _, by := a.Factor(b.snap, b.snap.Variant("i01")); by.ID() != "a" {
		t.Errorf("by %s, want the first of the strongest", by.ID())
	}
}

// drawArrangement is a list and the rules that order it.
func drawArrangement(t *rapid.T) (string, []int) {
	var rules []string
	for n := range rapid.IntRange(0, 5).Draw(t, "rules") {
		slot := rapid.IntRange(1, 12).Draw(t, "slot")
		item := rapid.IntRange(0, 39).Draw(t, "item")
		rules = append(rules, fmt.Sprintf(`{"id":"r%d","action":%s}`, n, rapid.SampledFrom([]string{
			fmt.Sprintf(`{"type":"pin","item":"i%02d","slot":%d}`, item, slot),
			fmt.Sprintf(`{"type":"slot","slots":[%d],"filter":{"attribute":"brand","op":"=","value":"b%d"}}`, slot, item%4),
			fmt.Sprintf(`{"type":"slot","slots":[%d],"source":"new"}`, slot),
			fmt.Sprintf(`{"type":"diversify","attribute":"brand","max":%d,"window":%d}`, 1+item%2, slot%5),
		}).Draw(t, "action")))
	}
	order := rapid.Permutation(rapid.SliceOfNDistinct(rapid.IntRange(0, 39), 0, 30, rapid.ID[int]).Draw(t, "list")).Draw(t, "order")
	return "[" + strings.Join(rules, ",") + "]", order
}

// TestArrangeLosesNothing: what goes in comes out, once; a pin of a listed item
// is in its slot or, in a shorter list, behind all others.
func TestArrangeLosesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text, order := drawArrangement(rt)
		b := bind(t, text)
		list := make([]Placed, len(order))
		for n, i := range order {
			list[n] = Placed{Index: i, Group: uint32(i), Variant: uint32(i), From: n + 1, Sources: Sources(1 << (i % 5))}
		}
		var a Active
		b.Active(&Request{Now: noon(), Item: catalog.None}, &a)
		a.Arrange(b.snap, list)
		got := make([]int, len(list))
		for n := range list {
			got[n] = list[n].Index
			if list[n].From < 1 || order[list[n].From-1] != list[n].Index || list[n].Stage != Ranked && list[n].Rule == nil {
				rt.Fatalf("entry %d = %+v", n, list[n])
			}
		}
		slots, items := map[int]bool{}, map[string]bool{}
		for _, r := range a.pins {
			slot, id := r.rule.Action.Slot, r.rule.Action.Item[0]
			at := slices.Index(got, int(b.snap.Variant(id)))
			if at < 0 || slots[slot] || items[id] {
				continue
			}
			slots[slot], items[id] = true, true
			if slot <= len(list) && at != slot-1 {
				rt.Fatalf("%s: %s is in slot %d, pinned to %d", text, id, at+1, slot)
			}
		}
		slices.Sort(got)
		slices.Sort(order)
		if !slices.Equal(order, got) {
			rt.Fatalf("%s: %v went in, %v came out", text, order, got)
		}
	})
}

func TestDiversifyKeepsItsWindow(t *testing.T) {
	b := bind(t, `[{"id":"d","action":{"type":"diversify","attribute":"brand","max":1,"window":3}}]`)
	var list []Placed
	for i := range 24 { // all of b0, then all of b1 …
		v := uint32(i%6*4 + i/6)
		list = append(list, Placed{Index: i, Group: v, Variant: v, From: i + 1})
	}
	var a Active
	b.Active(&Request{Now: noon(), Item: catalog.None}, &a)
	a.Arrange(b.snap, list)
	for n := 2; n < 12; n++ {
		if x, y, z := list[n-2].Variant%4, list[n-1].Variant%4, list[n].Variant%4; x == z || y == z || x == y {
			t.Fatalf("slots %d to %d hold brands %d %d %d", n-1, n+1, x, y, z)
		}
	}
	if list[0].From != 1 || list[1].From != 7 || list[1].Stage != Diversified {
		t.Errorf("start = %+v", list[:2])
	}
}

func TestSlotSources(t *testing.T) {
	for name, bit := range map[string]Sources{
		"session": FromSession, "profile": FromProfile, "trending": FromTrending, "popular": FromPopular, "new": FromNew,
	} {
		b := bind(t, `[{"id":"s","action":{"type":"slot","slots":[1],"source":"`+name+`"}}]`)
		list := []Placed{{Index: 0, From: 1, Sources: ^bit}, {Index: 1, Group: 1, Variant: 1, From: 2, Sources: bit}}
		var a Active
		b.Active(&Request{Now: noon(), Item: catalog.None}, &a)
		a.Arrange(b.snap, list)
		if list[0].Index != 1 || list[0].Stage != Slotted || !a.NamesSources() {
			t.Errorf("%s: %+v", name, list)
		}
	}
}

// FuzzParse: no text brings the process down, and what is taken can be applied.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`[{"id":"a","action":{"type":"pin","item":"i01","slot":2,"soft":true}}]`))
	f.Add([]byte(`{"rules":[{"id":"b","when":{"category":["home"],"audience":{"segments":"vip"}},"from":"2026-01-01","action":{"type":"boost","strength":10,"filter":{"attribute":"brand","op":"=","value":"b1"}}}]}`))
	f.Add([]byte(`[{"id":"s","action":{"type":"slot","slots":[1,100],"source":"new"}},{"id":"d","action":{"type":"diversify","attribute":"brand","max":1}}]`))
	f.Add([]byte(`[{"id":"f","timezone":"Europe/Vienna","until":"2030-01-01T10:00","action":{"type":"filter","only":{"not":{"attribute":"brand","op":"exists"}}}}]`))
	snap := snapshot()
	f.Fuzz(func(t *testing.T, text []byte) {
		rules, err := Parse(text)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("error = %v, want invalid rules", err)
			}
			return
		}
		set, err := Compile(rules)
		if err != nil {
			t.Fatalf("what was parsed does not compile: %v", err)
		}
		b := set.Bind(snap)
		var a Active
		b.Active(&Request{Now: noon(), Item: 3, Category: "home"}, &a)
		list := []Placed{{Variant: 0, From: 1}, {Index: 1, Group: 1, Variant: 1, From: 2}, {Index: 2, Group: 2, Variant: 2, From: 3}}
		a.Arrange(snap, list)
		if f, _ := a.Factor(snap, 1); f < 1.0/MaxFactor || f > MaxFactor {
			t.Fatalf("factor %v", f)
		}
	})
}
