package catalog

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/internal/fault"
)

func ptr[T any](x T) *T { return &x }

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func shop() []Item {
	return []Item{
		{ItemID: "lamp", Name: "Red Lamp", Price: ptr(20.0), Categories: []string{"home > lights>table"},
			Attributes:  map[string]json.RawMessage{"colour": raw(`"red"`), "stock": raw(`4`), "tags": raw(`["sale","new"]`), "eco": raw(`true`)},
			PublishedAt: "2026-11-01T00:00:00Z"},
		{ItemID: "bulb-e14", GroupID: "bulb", Price: ptr(3.0), Categories: []string{"home>lights"},
			Attributes: map[string]json.RawMessage{"colour": raw(`"white"`), "stock": raw(`0`), "mixed": raw(`7`)}},
		{ItemID: "bulb-e27", GroupID: "bulb", Price: ptr(4.0), Available: ptr(false), Categories: []string{"home>lights"},
			Attributes: map[string]json.RawMessage{"colour": raw(`["white","red"]`), "mixed": raw(`"seven"`)}},
		{ItemID: "chair", Categories: []string{"home>chairs"}, PublishedAt: "2026-11-20"},
	}
}

func matches(s *Snapshot, f *Compiled) []string {
	var b Bound
	s.Bind(f, &b)
	var out []string
	for v := range uint32(s.Len()) {
		if b.Match(v) {
			out = append(out, s.ID(v))
		}
	}
	return out
}

func TestFilter(t *testing.T) {
	s := Build(shop())
	for _, c := range []struct{ filter, want string }{
		{`{}`, "bulb-e14 bulb-e27 chair lamp"},
		{`{"all":[]}`, "bulb-e14 bulb-e27 chair lamp"},
		{`{"attribute":"colour","op":"=","value":"red"}`, "bulb-e27 lamp"},
		{`{"attribute":"colour","op":"!=","value":"red"}`, "bulb-e14 chair"},
		{`{"attribute":"colour","op":"in","value":["red","white"]}`, "bulb-e14 bulb-e27 lamp"},
		{`{"attribute":"colour","op":"in","value":[]}`, ""},
		{`{"attribute":"colour","op":"not_in","value":["red"]}`, "bulb-e14 chair"},
		{`{"attribute":"colour","op":"exists"}`, "bulb-e14 bulb-e27 lamp"},
		{`{"attribute":"colour","op":"exists","value":false}`, "chair"},
		{`{"attribute":"tags","op":"contains","value":"sale"}`, "lamp"},
		{`{"attribute":"eco","op":"=","value":true}`, "lamp"},
		{`{"attribute":"stock","op":">=","value":0}`, "bulb-e14 lamp"},
		{`{"attribute":"stock","op":"<","value":4}`, "bulb-e14"},
		{`{"attribute":"stock","op":"in","value":[4,0]}`, "bulb-e14 lamp"},
		{`{"attribute":"stock","op":"exists"}`, "bulb-e14 lamp"},
		{`{"attribute":"mixed","op":"in","value":[7,"seven"]}`, "bulb-e14 bulb-e27"},
		{`{"attribute":"nothing","op":"=","value":"x"}`, ""},
		{`{"attribute":"nothing","op":"!=","value":"x"}`, "bulb-e14 bulb-e27 chair lamp"},
		{`{"attribute":"price","op":"<=","value":4}`, "bulb-e14 bulb-e27"},
		{`{"attribute":"price","op":"!=","value":4}`, "bulb-e14 chair lamp"},
		{`{"attribute":"price","op":"exists","value":false}`, "chair"},
		{`{"attribute":"available","op":"=","value":false}`, "bulb-e27"},
		{`{"attribute":"available","op":"!=","value":false}`, "bulb-e14 chair lamp"},
		{`{"attribute":"categories","op":"=","value":"home>lights"}`, "bulb-e14 bulb-e27 lamp"},
		{`{"attribute":"category","op":"contains","value":"home > lights > table"}`, "lamp"},
		{`{"attribute":"category","op":"=","value":"table"}`, "lamp"},
		{`{"attribute":"item_id","op":"in","value":["lamp","?"]}`, "lamp"},
		{`{"attribute":"group_id","op":"=","value":"bulb"}`, "bulb-e14 bulb-e27"},
		{`{"attribute":"group_id","op":"=","value":"chair"}`, "chair"},
		{`{"attribute":"name","op":"contains","value":"LAMP"}`, "lamp"},
		{`{"attribute":"name","op":"=","value":"Red Lamp"}`, "lamp"},
		{`{"attribute":"name","op":"exists"}`, "lamp"},
		{`{"attribute":"published_at","op":">","value":"2026-11-10"}`, "chair"},
		{`{"attribute":"published_at","op":"exists","value":false}`, "bulb-e14 bulb-e27"},
		{`{"any":[{"attribute":"stock","op":"=","value":4},{"attribute":"price","op":"=","value":3}]}`, "bulb-e14 lamp"},
		{`{"not":{"any":[{"attribute":"stock","op":"=","value":4},{"attribute":"price","op":"=","value":3}]}}`, "bulb-e27 chair"},
		{`{"not":{"all":[{"attribute":"colour","op":"=","value":"red"},{"not":{"attribute":"eco","op":"exists"}}]}}`, "bulb-e14 chair lamp"},
		{`{"all":[{"attribute":"colour","op":"=","value":"red"}],"not":{"attribute":"eco","op":"exists"}}`, "bulb-e27"},
	} {
		f, err := Compile([]byte(c.filter))
		if err != nil {
			t.Errorf("%s: %v", c.filter, err)
			continue
		}
		if got := strings.Join(matches(s, f), " "); got != c.want {
			t.Errorf("%s passes %q, want %q", c.filter, got, c.want)
		}
	}
}

func TestFilterRefuses(t *testing.T) {
	deep := strings.Repeat(`{"not":`, MaxFilterDepth+1) + `{}` + strings.Repeat(`}`, MaxFilterDepth+1)
	wide := `{"all":[` + strings.TrimSuffix(strings.Repeat(`{},`, MaxFilterNodes), ",") + `]}`
	many := `{"attribute":"a","op":"in","value":[` + strings.TrimSuffix(strings.Repeat(`1,`, MaxFilterValues+1), ",") + `]}`
	for _, c := range []struct{ filter, pointer string }{
		{``, "/filter"},
		{`null`, "/filter"},
		{`[]`, "/filter"},
		{`{"all":[],"all":[]}`, "/filter"},
		{`{"all":{}}`, "/filter/all"},
		{`{"any":[]}`, "/filter/any"},
		{`{"every":[]}`, "/filter/every"},
		{`{"all":[{"attribute":"a","op":"~","value":1}]}`, "/filter/all/0/op"},
		{`{"all":[{"attribute":"","op":"=","value":1}]}`, "/filter/all/0/attribute"},
		{`{"not":{"attribute":"a","op":"=","value":[1]}}`, "/filter/not/value"},
		{`{"attribute":"a","op":"=","value":null}`, "/filter/value"},
		{`{"attribute":"a","op":"="}`, "/filter/value"},
		{`{"attribute":"a","op":"=","value":1e999}`, "/filter/value"},
		{`{"attribute":"a","op":"<","value":"x"}`, "/filter/value"},
		{`{"attribute":"a","op":"in","value":"x"}`, "/filter/value"},
		{`{"attribute":"a","op":"contains","value":1}`, "/filter/value"},
		{`{"attribute":"a","op":"exists","value":"x"}`, "/filter/value"},
		{`{"attribute":"a","op":"=","value":1,"boost":2}`, "/filter/boost"},
		{`{"attribute":"price","op":"=","value":"cheap"}`, "/filter/value"},
		{`{"attribute":"available","op":"=","value":"yes"}`, "/filter/value"},
		{`{"attribute":"name","op":"=","value":1}`, "/filter/value"},
		{`{"attribute":"published_at","op":">","value":"soon"}`, "/filter/value"},
		{`{"op":"=","value":1}`, "/filter/attribute"},
		{deep, "/filter" + strings.Repeat("/not", MaxFilterDepth+1)},
		{strings.Repeat(`[`, 10_000), "/filter"},
		{wide, fmt.Sprintf("/filter/all/%d", MaxFilterNodes-1)},
		{many, "/filter/value"},
	} {
		_, err := Compile([]byte(c.filter))
		f := fault.Of(err)
		if f == nil || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Pointer != c.pointer {
			t.Errorf("%.80s: %+v, want an invalid filter at %s", c.filter, f, c.pointer)
		}
	}
}

// TestEnumerationFindsAll: where a filter can be enumerated, what Append names
// holds all that pass, also after prices moved.
func TestEnumerationFindsAll(t *testing.T) {
	items := make([]Item, 200)
	for i := range items {
		items[i] = Item{ItemID: fmt.Sprintf("i%03d", i), GroupID: fmt.Sprintf("g%d", i/3), Price: ptr(float64(i % 10)),
			Attributes: map[string]json.RawMessage{"a": raw(fmt.Sprintf(`"v%d"`, i%7)), "n": raw(fmt.Sprint(i % 13))}}
	}
	leaf := rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{
			`{"attribute":"a","op":"=","value":"v3"}`, `{"attribute":"a","op":"not_in","value":["v3","v4"]}`,
			`{"attribute":"n","op":">","value":9}`, `{"attribute":"n","op":"in","value":[1,2]}`,
			`{"attribute":"price","op":"<","value":3}`, `{"attribute":"price","op":"=","value":5}`,
			`{"attribute":"group_id","op":"in","value":["g1","g60"]}`, `{"attribute":"item_id","op":"=","value":"i007"}`,
			`{"attribute":"n","op":"exists"}`, `{"attribute":"missing","op":"exists"}`, `{"attribute":"available","op":"=","value":true}`,
		}).Draw(t, "leaf")
	})
	rapid.Check(t, func(t *rapid.T) {
		s := Build(items)
		for range rapid.IntRange(0, 20).Draw(t, "moves") {
			id := fmt.Sprintf("i%03d", rapid.IntRange(0, 199).Draw(t, "moved"))
			s.Apply(id, Patch{Price: ptr(float64(rapid.IntRange(0, 9).Draw(t, "price")))})
		}
		leaves := rapid.SliceOfN(leaf, 1, 4).Draw(t, "leaves")
		text := fmt.Sprintf(`{%q:[%s]}`, rapid.SampledFrom([]string{"all", "any"}).Draw(t, "kind"), strings.Join(leaves, ","))
		if rapid.Bool().Draw(t, "not") {
			text = `{"not":` + text + `}`
		}
		f, err := Compile([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var b Bound
		s.Bind(f, &b)
		if b.Size() < 0 {
			return
		}
		named := b.Append(nil, 10_000)
		if len(named) > b.Size() {
			t.Fatalf("%s: %d named, Size says at most %d", text, len(named), b.Size())
		}
		for v := range uint32(s.Len()) {
			if b.Match(v) && !slices.Contains(named, v) {
				t.Fatalf("%s: %s passes and is not named", text, s.ID(v))
			}
		}
		if short := b.Append(nil, 3); len(short) > 3 {
			t.Fatalf("%s: %d named, at most 3 wanted", text, len(short))
		}
	})
}

func TestGroups(t *testing.T) {
	s := Build(append(shop(), Item{ItemID: "lamp", Name: "Later"}))
	if s.Len() != 4 || s.Groups() != 3 {
		t.Fatalf("%d items in %d groups, want 4 in 3", s.Len(), s.Groups())
	}
	if it, ok := s.Find("lamp"); !ok || it.Name != "Later" {
		t.Errorf("lamp = %+v, want the later of two", it)
	}
	g, v := s.Resolve("bulb")
	if v != None || s.Key(g) != "bulb" || len(s.Members(g)) != 2 {
		t.Errorf("bulb is group %d with variant %d", g, v)
	}
	if g2, v := s.Resolve("bulb-e27"); g2 != g || s.ID(v) != "bulb-e27" {
		t.Error("a variant does not lead to its group")
	}
	if g, v := s.Resolve("?"); g != None || v != None || s.Variant("?") != None {
		t.Error("an unknown id leads somewhere")
	}
	if f := Build(shop()).Fresh(); len(f) != 3 || s.Key(f[0]) != "chair" {
		t.Errorf("fresh = %v, want the chair first", f)
	}
	want := Summary{Items: 4, Groups: 3, Available: 3, Attributes: 3}
	if got := s.Summary(); got != want {
		t.Errorf("summary = %+v, want %+v", got, want)
	}
}

func TestVersionFollowsContent(t *testing.T) {
	a, shuffled, changed := shop(), shop(), shop()
	slices.Reverse(shuffled)
	changed[0].Price = ptr(21.0)
	if Build(a).Version() != Build(shuffled).Version() {
		t.Error("the version depends on the order of the items")
	}
	if Build(a).Version() == Build(changed).Version() {
		t.Error("another price, the same version")
	}
}

// TestCarry: what was patched while a snapshot was rebuilt is not lost, what
// was patched before does not come back over newer items.
func TestCarry(t *testing.T) {
	old := Build(shop())
	old.Apply("lamp", Patch{Price: ptr(99.0)}) // stored, so the items read below have it or newer
	mark := old.Mark()
	old.Apply("chair", Patch{Available: ptr(false)})
	old.Apply("chair", Patch{Price: ptr(1.0)})
	if old.Apply("?", Patch{}) || (*Snapshot)(nil).Apply("lamp", Patch{}) {
		t.Error("a patch of nothing was taken")
	}
	next := BuildFrom(shop(), Options{Version: "v2", Carry: old, Mark: mark})
	if p := next.Price(next.Variant("lamp")); p != 20 {
		t.Errorf("lamp costs %v, want the newer 20", p)
	}
	chair := next.Variant("chair")
	if next.Available(chair) || next.Price(chair) != 1 || *next.Item(chair).Price != 1 || *next.Item(chair).Available {
		t.Errorf("chair = %+v, want both patches", next.Item(chair))
	}
	if next.Version() != "v2" || next.Mark() < old.Mark() {
		t.Error("version or mark did not carry on")
	}
	old.Apply("lamp", Patch{Price: ptr(math.NaN())})
	if p := old.Price(old.Variant("lamp")); p != 99 {
		t.Errorf("lamp costs %v after a patch with no price", p)
	}
}

// TestLiveIsSafe is for the race detector: readers while prices move.
func TestLiveIsSafe(t *testing.T) {
	s := Build(shop())
	f, err := Compile([]byte(`{"attribute":"price","op":"<","value":50}`))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			var b Bound
			for i := range 500 {
				s.Apply("lamp", Patch{Price: ptr(float64(i * n)), Available: ptr(i%2 == 0)})
				s.Bind(f, &b)
				for _, v := range b.Append(nil, 10) {
					_ = b.Match(v) && s.Available(v) && s.Item(v).Name != ""
				}
			}
		})
	}
	wg.Wait()
}

func TestValidate(t *testing.T) {
	for _, it := range shop() {
		if err := Validate(&it); err != nil {
			t.Errorf("%s: %v", it.ItemID, err)
		}
	}
	many := map[string]json.RawMessage{}
	for n := range MaxAttributes + 1 {
		many[fmt.Sprint(n)] = raw(`1`)
	}
	bad := Item{
		GroupID: "\x00", Name: strings.Repeat("x", MaxName+1), URL: "javascript:alert(1)", Price: ptr(-1.0),
		Categories: []string{" > ", strings.Repeat("a>", 9) + "a"}, PublishedAt: "soon",
		Attributes: map[string]json.RawMessage{
			"": raw(`1`), "price": raw(`1`), "object": raw(`{}`), "null": raw(`null`), "list": raw(`[1]`),
			"nulls": raw(`[null]`), "a/b": raw(`tru`), "huge": raw(`1e999`), "long": raw(`"` + strings.Repeat("x", MaxValue+1) + `"`),
		},
	}
	want := []string{"/item_id", "/group_id", "/name", "/url", "/price", "/published_at", "/categories/0", "/categories/1",
		"/attributes/", "/attributes/a~1b", "/attributes/huge", "/attributes/list", "/attributes/long",
		"/attributes/null", "/attributes/nulls", "/attributes/object", "/attributes/price"}
	if d := cmp.Diff(want, pointers(Validate(&bad))); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	wide := Item{ItemID: "x", Price: ptr(math.Inf(1)), Attributes: many, Categories: make([]string, MaxCategories+1)}
	if d := cmp.Diff([]string{"/price", "/categories", "/attributes"}, pointers(Validate(&wide))); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if err := (Patch{Price: ptr(math.NaN())}).Validate(); fault.KindOf(err) != fault.Invalid {
		t.Errorf("patch: %v, want an invalid price", err)
	}
	if err := (Patch{Price: ptr(0.0)}).Validate(); err != nil {
		t.Error(err)
	}
}

func pointers(err error) []string {
	var out []string
	if f := fault.Of(err); f != nil {
		for _, field := range f.Fields {
			out = append(out, field.Pointer)
		}
	}
	return out
}

func TestAttributeLookups(t *testing.T) {
	s := Build(shop())
	colour := s.Attribute("colour")
	white := colour.Code("white")
	if v := s.Variant("bulb-e27"); colour.First(v) != white || !colour.Has(v, colour.Code("red")) {
		t.Error("the values of bulb-e27 are not found")
	}
	if n := len(colour.Variants(white)); n != 2 {
		t.Errorf("%d white variants, want 2", n)
	}
	none := s.Attribute("nothing")
	if none.Code("x") != None || none.First(0) != None || none.Has(0, 0) || none.Variants(0) != nil || colour.Code("x") != None {
		t.Error("an attribute that nobody has says something")
	}
	if codes := s.AppendWords(nil, "the RED-lamp, ok", 8); len(codes) != 2 || len(s.Word().Variants(codes[0])) != 1 {
		t.Errorf("codes = %v, want those of red and lamp", codes)
	}
}

func TestBindDoesNotAllocate(t *testing.T) {
	s := Build(shop())
	f, err := Compile([]byte(`{"all":[{"attribute":"colour","op":"in","value":["red","white"]},{"attribute":"price","op":"<","value":9}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var b Bound
	buf := make([]uint32, 0, 16)
	s.Bind(f, &b)
	if n := testing.AllocsPerRun(100, func() {
		s.Bind(f, &b)
		for _, v := range b.Append(buf, 16) {
			_ = b.Match(v)
		}
	}); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// FuzzCompile: no filter text brings the process down, and what compiles can be
// bound, tested and enumerated.
func FuzzCompile(f *testing.F) {
	f.Add([]byte(`{"all":[{"attribute":"colour","op":"=","value":"red"}],"not":{"attribute":"price","op":"<","value":3}}`))
	f.Add([]byte(`{"any":[{"attribute":"stock","op":"in","value":[1,"2",true]},{"attribute":"name","op":"contains","value":"ß"}]}`))
	f.Add([]byte(`{"attribute":"published_at","op":">=","value":"2026-11-24T00:00:00Z"}`))
	f.Add([]byte(`{"not":{"not":{"attribute":"item_id","op":"exists","value":false}}}`))
	s := Build(shop())
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Compile(text)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("error = %v, want an invalid filter", err)
			}
			return
		}
		var b Bound
		s.Bind(c, &b)
		named := b.Append(nil, 100)
		for v := range uint32(s.Len()) {
			if b.Match(v) && b.Size() >= 0 && !slices.Contains(named, v) {
				t.Fatalf("%s passes %q and is not named", s.ID(v), text)
			}
		}
	})
}
