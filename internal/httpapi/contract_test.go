package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session/ingest"
)

// contract holds every request and answer of a test against openapi.json.
type contract struct {
	*running
	doc    *openapi3.T
	router routers.Router
	seen   map[string]bool // operations that were exercised
}

func newContract(t *testing.T, r *running) *contract {
	t.Helper()
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(document)
	if err != nil {
		t.Fatalf("openapi.json cannot be read: %v", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatalf("openapi.json is not valid: %v", err)
	}
	doc.Servers = nil // the test's address is another each time
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &contract{running: r, doc: doc, router: router, seen: map[string]bool{}}
}

// find is the router's FindRoute, and knows a verb behind a parameter too.
func (c *contract) find(req *http.Request) (*routers.Route, map[string]string, error) {
	const verb = "/v1/models/{id}:activate"
	id, ok := strings.CutSuffix(req.URL.Path, ":activate")
	if !ok {
		return c.router.FindRoute(req)
	}
	item := c.doc.Paths.Value(verb)
	return &routers.Route{Spec: c.doc, Path: verb, PathItem: item, Method: req.Method, Operation: item.GetOperation(req.Method)},
		map[string]string{"id": strings.TrimPrefix(id, "/v1/models/")}, nil
}

// check sends a request and validates both directions.
func (c *contract) check(t *testing.T, want int, method, path, body string, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+c.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	route, params, err := c.find(req)
	if err != nil {
		t.Fatalf("%s %s is not in openapi.json: %v", method, path, err)
	}
	c.seen[route.Operation.OperationID] = true
	input := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true},
	}
	binary := strings.HasPrefix(req.Header.Get("Content-Type"), "application/octet-stream") || strings.Contains(path, "/imports/")
	if want < 300 && !binary {
		if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
			t.Errorf("%s %s: the request breaks the contract: %v", method, path, err)
		}
	}
	req.Body = io.NopCloser(strings.NewReader(body))
	got := c.do(req)
	if got.status != want {
		t.Fatalf("%s %s answered %d %s, want %d", method, path, got.status, got.body, want)
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: got.status, Header: got.header,
		Body: io.NopCloser(bytes.NewReader([]byte(got.body))), Options: input.Options,
	})
	if err != nil {
		t.Errorf("%s %s: the answer breaks the contract: %v\n%s", method, path, err, got.body)
	}
	return got
}

// TestContract exercises every operation of openapi.json, refusals included.
func TestContract(t *testing.T) {
	f := newFakeSite()
	c := newContract(t, run(t, newServer(t, f)))
	sk, pk, js := bearer+testSecret, bearer+testPublishable, "Content-Type: application/json"
	c.check(t, 202, "POST", "/v1/events", `{"anonymous_id":"a1","session_id":"s1","consent":"full","sent_at":"2026-11-24T10:00:00.000Z",
		"events":[{"event_id":"e1","seq":1,"kind":"view","item_id":"85123A","ts":"2026-11-24T10:00:00.000Z","price":2.55,"currency":"GBP"},
		{"kind":"purchase","items":[{"item_id":"a","quantity":2,"price":1.2}],"context":{"path":"/p"}},{"event_id":"e3","kind":"view"}]}`, pk, js)
	c.check(t, 202, "POST", "/v1/events", `{"key":"pk_test","anonymous_id":"a1","events":[]}`, "Content-Type: text/plain")
	c.check(t, 422, "POST", "/v1/events", `{"events":[]}`, pk, js)
	full := `{"placement":"item","limit":20,"anonymous_id":"a1","user_id":"u9","session_id":"s1","consent":"full",
		"context":{"item_id":"85123A","category":"lanterns","cart":["x"]},"events":[{"event_id":"e1","kind":"view","item_id":"y"}],"after":"e0",
		"filter":{"all":[{"attribute":"price","op":"<=","value":20}]},"exclude":["z"],"candidates":["c1"],"sent_at":1790000000000,"ack":true,
		"fields":["*"],"exclude_purchased":"never","exclude_seen":true,"blend":{"a":0.5},"explain":true,"why_not":["w"]}`
	c.check(t, 200, "POST", "/v1/recommendations", full, sk, js)
	c.check(t, 200, "POST", "/v1/recommendations", `{"placement":"home","exclude_purchased":30}`, pk, js)
	c.check(t, 404, "POST", "/v1/recommendations", `{"placement":"nowhere"}`, pk, js)
	c.check(t, 403, "POST", "/v1/recommendations", `{"placement":"home","explain":true}`, pk, js)
	c.check(t, 401, "POST", "/v1/recommendations", `{"placement":"home"}`, js)
	c.check(t, 200, "GET", "/v1/recommendations?placement=item&item_id=x&limit=3&key=pk_test", "")
	c.check(t, 200, "GET", "/v1/recommendations?placement=item&blend=0.4&why_not=a,b&explain=1&exclude_seen=true&exclude_current=0&exclude_purchased=30&filter=%7B%7D&candidates=x,y", "", sk)
	c.check(t, 422, "GET", "/v1/recommendations?placement=item&events=%5B%5D", "", pk)
	c.check(t, 200, "POST", "/v1/rank", `{"placement":"search","candidates":["a","b"]}`, pk, js)
	c.check(t, 200, "GET", "/v1/placements", "", sk)
	c.check(t, 200, "GET", "/v1/decisions?limit=2&before=2026-11-24T10:00:00Z", "", sk)
	c.check(t, 422, "GET", "/v1/decisions?limit=101", "", sk)
	_, id, _ := strings.Cut(c.check(t, 200, "POST", "/v1/recommendations", full, sk, js).body, `"recommendation_id":"`)
	id, _, _ = strings.Cut(id, `"`)
	c.check(t, 200, "GET", "/v1/decisions/"+id, "", sk)
	c.check(t, 404, "GET", "/v1/decisions/forged", "", sk)
	c.check(t, 200, "PUT", "/v1/items", `{"items":[{"item_id":"n1","group_id":"g","name":"N","price":1.5,"available":true,"categories":["a>b"],"attributes":{"colour":"red","stock":4,"tags":["x"]},"published_at":"2026-01-01T00:00:00Z"}]}`, sk, js)
	c.check(t, 200, "GET", "/v1/items/n1", "", sk)
	c.check(t, 404, "GET", "/v1/items/n2", "", sk)
	c.check(t, 200, "PATCH", "/v1/items/n1", `{"available":false}`, sk, js)
	c.check(t, 200, "GET", "/v1/visitors/a1", "", sk)
	c.check(t, 404, "GET", "/v1/visitors/nobody", "", sk)
	c.check(t, 422, "GET", "/v1/visitors/null", "", sk)
	f.visitor = &richVisitor
	c.check(t, 200, "GET", "/v1/visitors/a1", "", sk)
	f.visitor = &site.VisitorView{Profile: &profile.Profile{Version: "history"}, Session: &site.SessionView{}}
	c.check(t, 200, "GET", "/v1/visitors/a1", "", sk)
	f.result = &ingest.Result{Shed: 1}
	c.check(t, 202, "POST", "/v1/events", `{"anonymous_id":"a1","consent":"none","events":[{"kind":"page"}]}`, pk, js)
	c.check(t, 200, "DELETE", "/v1/visitors/a1", "", sk)
	made := c.check(t, 201, "POST", "/v1/keys", `{"scope":"pk","origins":["https://new.example"],"label":"new"}`, sk, js)
	var key keyView
	if err := json.Unmarshal([]byte(made.body), &key); err != nil {
		t.Fatal(err)
	}
	c.check(t, 200, "GET", "/v1/keys", "", sk)
	c.check(t, 200, "DELETE", "/v1/keys/"+key.ID, "", sk)
	c.check(t, 201, "PUT", "/v1/models?force=true", "model bytes", sk, "Content-Type: application/octet-stream")
	c.check(t, 200, "POST", "/v1/models/m1:activate?force=false", "", sk)
	c.check(t, 200, "POST", "/v1/models:train", "", sk)
	c.check(t, 200, "POST", "/v1/models:train", `{"model":"best","force":true,"params":{"a":0.5,"lambda":1,"tw":2,"sw_days":30,"delta":3,"top":20,"last":5,"dim":null}}`, sk, js)
	f.gate = refusal()
	c.check(t, 200, "POST", "/v1/models:train", `{"model":"rows"}`, sk, js)
	c.check(t, 409, "POST", "/v1/models/m4:activate", "", sk)
	c.check(t, 422, "POST", "/v1/models:train", `{"params":{"a":2}}`, sk, js)
	c.check(t, 200, "GET", "/v1/models", "", sk)
	c.check(t, 200, "POST", "/v1/imports/events", `{"anonymous_id":"a","kind":"view","item_id":"i","ts":"2011-01-01T00:00:00Z"}`+"\n{}\n", sk, "Content-Type: application/x-ndjson")
	c.check(t, 200, "GET", "/openapi.json", "")
	c.everythingSeen(t)
}

// everythingSeen fails for an operation that no test calls, and for a route
// that openapi.json does not know.
func (c *contract) everythingSeen(t *testing.T) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		}
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		t.Fatal(err)
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if !c.seen[op.OperationID] {
				t.Errorf("%s %s (%s) is not exercised", method, path, op.OperationID)
			}
		}
	}
	s := newServer(t, newFakeSite())
	for _, r := range s.routes() {
		if _, known := doc.Paths[r.name][strings.ToLower(r.method)]; !known && r.method != http.MethodOptions {
			t.Errorf("%s %s is not in openapi.json", r.method, r.name)
		}
	}
}
