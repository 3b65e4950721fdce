package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/internal/keys"
	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/recommend/profile"
)

// TestItemsAreJudgedOneByOne: what cannot be decoded is one item's verdict.
func TestItemsAreJudgedOneByOne(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	got := r.call("PUT", "/v1/items", `{"items":[{"item_id":"n0"},{"price":"2.55","item_id":"n1"},{"item_id":"n2","colour":"red"},{"item_id":3},7,null,{"item_id":"n6"}]}`, secretKey)
	const want = `{"stored":2,"invalid":5,"items":[` +
		`{"index":0,"item_id":"n0","status":"stored"},` +
		`{"index":1,"item_id":"n1","status":"invalid","code":"invalid_type","detail":"there is a value of the wrong type (/price must be a number)"},` +
		`{"index":2,"item_id":"n2","status":"invalid","code":"unknown_field","detail":"there is a field that does not exist here (/colour leave it out, or correct its name)"},` +
		`{"index":3,"item_id":"","status":"invalid","code":"invalid_type","detail":"there is a value of the wrong type (/item_id must be a string)"},` +
		`{"index":4,"item_id":"","status":"invalid","code":"invalid_type","detail":"there is a value of the wrong type (must be an object)"},` +
		`{"index":5,"item_id":"","status":"invalid","code":"item_id_missing","detail":"an item needs an id (/item_id missing)"},` +
		`{"index":6,"item_id":"n6","status":"stored"}]}` + "\n"
	if got.status != 200 || got.body != want {
		t.Errorf("answered %d %s", got.status, cmp.Diff(want, got.body))
	}
	for id, there := range map[string]bool{"n0": true, "n1": false, "n2": false, "n6": true} {
		if _, ok := f.items[id]; ok != there {
			t.Errorf("%s is stored: %v", id, ok)
		}
	}
	if got := r.call("PUT", "/v1/items", `{"items":[{"item_id":1}]}`, secretKey); got.status != 200 || !strings.Contains(got.body, `"stored":0,"invalid":1`) {
		t.Errorf("only bad items: %d %s", got.status, got.body)
	}
}

func TestAvailabilityIsAnswered(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	if got := r.call("GET", "/v1/items/item-00", "", secretKey); !strings.Contains(got.body, `"available":true`) {
		t.Errorf("an item that never said so: %s", got.body)
	}
	if got := r.call("PATCH", "/v1/items/item-00", `{"price":3}`, secretKey); !strings.Contains(got.body, `"available":true`) {
		t.Errorf("after another change: %s", got.body)
	}
	if f.items["item-00"].Available != nil {
		t.Error("the answer changed the item")
	}
	if got := r.call("PATCH", "/v1/items/item-00", `{"available":false}`, secretKey); !strings.Contains(got.body, `"available":false`) {
		t.Errorf("an item that is sold out: %s", got.body)
	}
}

// TestPathIDs: an id in a path is held to the rules for ids in bodies.
func TestPathIDs(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	long := strings.Repeat("x", 129)
	for _, c := range []struct {
		method, path, code string
	}{
		{"GET", "/v1/visitors/a%00b", "invalid_id"},
		{"GET", "/v1/visitors/" + long, "invalid_id"},
		{"GET", "/v1/visitors/%ff", "invalid_id"},
		{"GET", "/v1/visitors/undefined", "junk_id"},
		{"DELETE", "/v1/visitors/a%00b", "invalid_id"},
		{"DELETE", "/v1/visitors/" + long, "invalid_id"},
		{"DELETE", "/v1/visitors/null", "junk_id"},
		{"DELETE", "/v1/visitors/0", "junk_id"},
		{"GET", "/v1/items/a%00b", "invalid_id"},
		{"GET", "/v1/items/" + long, "invalid_id"},
		{"GET", "/v1/items/null", "junk_id"},
		{"PATCH", "/v1/items/a%0Ab", "invalid_id"},
		{"PATCH", "/v1/items/undefined", "junk_id"},
		{"POST", "/v1/models/a%00b:activate", "invalid_id"},
	} {
		got := r.call(c.method, c.path, map[string]string{"PATCH": `{"price":1}`}[c.method], secretKey)
		if p := got.problem(t); got.status != 422 || p.Code != c.code || !strings.Contains(got.body, `"pointer":"/id"`) {
			t.Errorf("%s %.40s answered %d %s", c.method, c.path, got.status, got.body)
		}
	}
	if len(f.erased) > 0 {
		t.Errorf("erased %v", f.erased)
	}
	// Shops number their products from 0, and 128 bytes are allowed.
	for _, id := range []string{"0", long[1:]} {
		if got := r.call("GET", "/v1/items/"+id, "", secretKey); got.status != 404 {
			t.Errorf("item %.9s answered %d", id, got.status)
		}
	}
}

// richVisitor is a visitor of whom everything is known.
var richVisitor = site.VisitorView{
	AnonymousID: "a1", UserID: "u1",
	Profile: &profile.Profile{
		ID: "u1", Version: "p1", Space: "s", Vector: []float32{.5}, Affinities: []profile.Affinity{{ItemID: "i", Weight: 2}},
		Attributes: []profile.Attribute{{Name: "colour", Value: "red", Weight: 1}}, Segments: []string{"new"}, List: []string{"l"},
		Purchased: []profile.Purchase{{ItemID: "b", Time: 1_790_000_000_123}, {ItemID: "c"}},
	},
}

func TestVisitorView(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	for _, c := range []struct {
		known site.VisitorView
		want  string
	}{
		{richVisitor, `{"anonymous_id":"a1","user_id":"u1","session":null,"profile":{"id":"u1","version":"p1",` +
			`"affinities":[{"item_id":"i","weight":2}],"segments":["new"],"attributes":[{"name":"colour","value":"red","weight":1}],"list":["l"],` +
			`"purchased":[{"item_id":"b","time":"2026-09-21T14:13:20.123Z"},{"item_id":"c"}],"space":"s","vector":[0.5]}}`},
		{site.VisitorView{AnonymousID: "a", Profile: &profile.Profile{Version: "history"}, Session: &site.SessionView{}},
			`{"anonymous_id":"a","session":{"session_id":"","events":0,"recent_events":[],"vector":[]},"profile":{"version":"history","affinities":[],"segments":[]}}`},
		{site.VisitorView{UserID: "u"}, `{"user_id":"u","session":null,"profile":null}`},
	} {
		f.visitor = &c.known
		if got := r.call("GET", "/v1/visitors/x", "", secretKey); got.status != 200 || got.body != c.want+"\n" {
			t.Errorf("answered %d %s", got.status, cmp.Diff(c.want+"\n", got.body))
		}
	}
}

func TestTrainTakesParameters(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	for body, want := range map[string]site.TrainOptions{
		"": {}, " \n": {}, `{}`: {}, `{"params":null}`: {},
		`{"params":{"a":0,"last":3,"top":null}}`:              {Params: map[string]float64{"a": 0, "last": 3}},
		`{"model":"rows","force":true,"params":{"top":1000}}`: {Model: "rows", Force: true, Params: map[string]float64{"top": 1000}},
	} {
		f.trained = nil
		if got := r.call("POST", "/v1/models:train", body, secretKey); got.status != 200 {
			t.Errorf("%q answered %d %s", body, got.status, got.body)
			continue
		}
		if diff := cmp.Diff(&want, f.trained); diff != "" {
			t.Errorf("%q: %s", body, diff)
		}
	}
	f.trained = nil
	for body, pointer := range map[string]string{
		`{"params":{"a":2}}`:                         "/params/a",
		`{"params":{"depth":2}}`:                     "/params/depth",
		`{"params":{"top":2.5}}`:                     "/params/top",
		`{"params":{"top":"x"}}`:                     "/params/top",
		`{"model":"rows","params":{"candidates":9}}`: "/params/candidates",
		`{"model":"oracle"}`:                         "/model",
	} {
		got := r.call("POST", "/v1/models:train", body, secretKey)
		if got.status != 422 || f.trained != nil || !strings.Contains(got.body, `"pointer":"`+pointer+`"`) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

// TestUploadOfTheActiveModel: the same bytes are the same version.
func TestUploadOfTheActiveModel(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	if got := r.call("PUT", "/v1/models", "model", secretKey); !strings.Contains(got.body, `"version":"m1","state":"kept"`) {
		t.Errorf("a new model: %s", got.body)
	}
	f.active = "m2"
	if got := r.call("PUT", "/v1/models", "model", secretKey); !strings.Contains(got.body, `"version":"m2","state":"active"`) {
		t.Errorf("the model that answers: %s", got.body)
	}
}

// refusal is a report that says no.
func refusal() *learn.GateReport {
	day := time.UnixMilli(1_790_000_000_000)
	return &learn.GateReport{
		Reason: learn.GateWorse, Text: "refused: HR .1 against .4", Against: "live", Candidate: &learn.GateFigures{HR: .1}, Live: &learn.GateFigures{HR: .4},
		Popular: &learn.GateFigures{}, Difference: &learn.GateDifference{HR: -.3, HRError: .01}, Exclude: learn.ExcludeCurrent, Top: 20,
		Predictions: 900, HeldOut: 900, Sessions: 300, From: day, Until: day.Add(time.Hour), TrainSessions: 2000,
	}
}

// TestRefusedModels: what the gate says is told, and is not overruled by
// accident.
func TestRefusedModels(t *testing.T) {
	f := newFakeSite()
	f.gate = refusal()
	r := run(t, newServer(t, f))
	got := r.call("POST", "/v1/models:train", "", secretKey)
	for _, want := range []string{
		`"state":"kept"`, `"activate":false`, `"reason":"worse"`, `"text":"refused: HR .1 against .4"`, `"from":"2026-09-21T14:13:20.000Z"`,
		`"trained_at":"2026-09-21T14:13:20.123Z"`, `"rankers":["current"]`,
	} {
		if got.status != 200 || !strings.Contains(got.body, want) {
			t.Errorf("a refused training answers %d %s; want %s", got.status, got.body, want)
		}
	}
	if list := r.call("GET", "/v1/models", "", secretKey); !strings.Contains(list.body, `"active":""`) || !strings.Contains(list.body, `"reason":"worse"`) {
		t.Errorf("the list: %s", list.body)
	}
	got = r.call("POST", "/v1/models/m1:activate", "", secretKey)
	if p := got.problem(t); got.status != 409 || p.Code != "model_refused" || f.active != "" {
		t.Errorf("activated without force: %d %s", got.status, got.body)
	}
	if got := r.call("POST", "/v1/models/m1:activate?force=perhaps", "", secretKey); got.status != 422 || f.active != "" {
		t.Errorf("force=perhaps: %d %s", got.status, got.body)
	}
	if got := r.call("POST", "/v1/models/m1:activate?force=true", "", secretKey); got.status != 200 || f.active != "m1" || !f.force {
		t.Errorf("with force: %d %s", got.status, got.body)
	}
	for query, want := range map[string]bool{"": false, "?force=false": false, "?force=1": true, "?force=true": true} {
		f.force = !want
		if got := r.call("PUT", "/v1/models"+query, "model", secretKey); got.status != 201 || f.force != want {
			t.Errorf("PUT %s: %d, force %v", query, got.status, f.force)
		}
	}
}

// keyShelf is a program's key store; it lets a key count as it likes.
type keyShelf struct {
	ring *keys.Ring
	kept []keys.Key
	fail error
}

func (s *keyShelf) PutKey(_ context.Context, k keys.Key) error {
	if s.fail != nil {
		return s.fail
	}
	s.kept = append(s.kept, k)
	if s.ring != nil {
		s.ring.Put(k)
	}
	return nil
}

// TestOneMakesAKeyCount: the key store where there is one, the server else.
func TestOneMakesAKeyCount(t *testing.T) {
	ring := testRing(t)
	shelf := &keyShelf{ring: ring}
	for name, store := range map[string]KeyStore{"no store": nil, "store": shelf} {
		before := ring.Len()
		r := run(t, newServer(t, newFakeSite(), func(c *Config) { c.Keys, c.KeyStore = ring, store }))
		if got := r.call("POST", "/v1/keys", `{"scope":"pk"}`, secretKey); got.status != 201 || ring.Len() != before+1 {
			t.Errorf("%s: answered %d, %d keys", name, got.status, ring.Len()-before)
		}
	}
	shelf.ring = nil
	before := ring.Len()
	r := run(t, newServer(t, newFakeSite(), func(c *Config) { c.Keys, c.KeyStore = ring, shelf }))
	if got := r.call("POST", "/v1/keys", `{"scope":"pk"}`, secretKey); got.status != 201 || ring.Len() != before || len(shelf.kept) != 2 {
		t.Errorf("the server made a key count that its store holds back: %d, %d keys", got.status, ring.Len()-before)
	}
	shelf.fail = errors.New("the disk is full")
	if got := r.call("POST", "/v1/keys", `{"scope":"pk"}`, secretKey); got.status != 503 || ring.Len() != before {
		t.Errorf("a key that was not stored: %d, %d keys", got.status, ring.Len()-before)
	}
}

// TestAnswersAreNotEscapedForHTML: they are JSON, read by programs.
func TestAnswersAreNotEscapedForHTML(t *testing.T) {
	f := newFakeSite()
	s := newServer(t, f, func(c *Config) { c.Ready = func() error { return errors.New("a < b") } })
	r := run(t, s)
	put := r.call("PUT", "/v1/items", `{"items":[{"item_id":"<&>","name":"a & b","categories":["home>lanterns"],"attributes":{"x":"<y>"}}]}`, secretKey)
	if !strings.Contains(put.body, `"item_id":"<&>"`) {
		t.Errorf("verdict %s", put.body)
	}
	got := r.call("GET", "/v1/items/%3C&%3E", "", secretKey)
	for _, want := range []string{`"a & b"`, `"home>lanterns"`, `{"x":"<y>"}`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("%s is not in %s", want, got.body)
		}
	}
	w := httptest.NewRecorder()
	s.Ops(nil).ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
	if body, _ := io.ReadAll(w.Body); !strings.Contains(string(body), "a < b") {
		t.Errorf("/readyz answered %s", body)
	}
}
