package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

func TestRecommendations(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	got := r.call("POST", "/v1/recommendations", `{"placement":"item","limit":3,"anonymous_id":"a\u0031","consent":"full",
		"context":{"item_id":"x"},"exclude":["z","\u0079"],"exclude_purchased":"always","exclude_seen":false,"after":"e9","fields":["colour","price"],
		"events":[{"event_id":"e9","kind":"view","item_id":"x"},{"kind":"view"}],"new_thing":1,"ack":true}`, pageKey, "Sec-GPC: 1")
	if got.status != 200 {
		t.Fatalf("answered %d %s", got.status, got.body)
	}
	var a struct {
		RecommendationID string `json:"recommendation_id"`
		Placement        string
		Items            []struct {
			ItemID     string `json:"item_id"`
			Slot       int
			Score      float64
			Reason     string
			Attributes map[string]any
		}
		Session  *struct{ Events int }
		Degraded []string
		Versions map[string]string
		Events   *struct{ Accepted int }
	}
	if err := json.Unmarshal([]byte(got.body), &a); err != nil {
		t.Fatalf("%v in %s", err, got.body)
	}
	if len(a.Items) != 3 || a.Items[2].Slot != 3 || a.Items[0].Attributes["colour"] != "red" || a.Items[0].Attributes["price"] != 2.55 || a.Items[0].Attributes["name"] != nil {
		t.Errorf("items %+v", a.Items)
	}
	if a.Degraded == nil || a.Session == nil || a.Events == nil || a.Versions["model"] != "m1" {
		t.Errorf("answer %s", got.body)
	}
	q := f.lastQuery()
	if q.Who.AnonymousID != "a1" || q.Exclude[1] != "y" || *q.ExcludePurchased != 0 || *q.ExcludeSeen || q.ExcludeCurrent != nil || q.After != "e9" || !q.GPC || q.Who.Consent != event.ConsentFull {
		t.Errorf("query %+v", q)
	}
	if q.Events == nil || q.Events.Sent != 2 || len(q.Events.Invalid) != 1 || q.Events.AnonymousID != "a1" || !q.Ack {
		t.Errorf("inline events %+v", q.Events)
	}
	if st := got.header.Get("Server-Timing"); !strings.Contains(st, "session;dur=") || !strings.Contains(st, "total;dur=") {
		t.Errorf("Server-Timing %q", st)
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Error("an answer for one visitor may be cached")
	}
}

func TestRecommendationsByQuery(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	got := r.call("GET", "/v1/recommendations?placement=home&session_id=abcdefghijklmnopqrstuv&item_id=x%2Fy&limit=2&fields=name,colour&exclude=a,b&key=pk_test", "")
	if got.status != 200 {
		t.Fatalf("answered %d %s", got.status, got.body)
	}
	q := f.lastQuery()
	if q.Limit != 2 || q.Context.ItemID != "x/y" || len(q.Fields) != 2 || len(q.Exclude) != 2 || q.Who.Site != "shop" {
		t.Errorf("query %+v", q)
	}
}

// TestNobodyIsAnswered: a request that names nobody is a good request.
func TestNobodyIsAnswered(t *testing.T) {
	r := run(t, newServer(t, newFakeSite()))
	for _, body := range []string{`{"placement":"home"}`, `{"placement":"home","anonymous_id":null,"limit":null,"context":null,"events":null}`, "\r\n {\"placement\":\"home\"} "} {
		if got := r.call("POST", "/v1/recommendations", body, pageKey); got.status != 200 || !strings.Contains(got.body, `"session":null`) {
			t.Errorf("%s answered %d %s", body, got.status, got.body)
		}
	}
}

func TestEvents(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	body := `{"anonymous_id":"a1","key":"pk_test","events":[{"event_id":"e1","kind":"view","item_id":"i1"},{"kind":"view","item_id":"i2"},{"event_id":"e3","kind":"nonsense"}]}`
	got := r.call("POST", "/v1/events", body, "Content-Type: text/plain;charset=UTF-8", "Origin: "+shopOrigin, "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0")
	if got.status != 202 || !strings.Contains(got.body, `"accepted":2`) || !strings.Contains(got.body, `"index":2`) || !strings.Contains(got.body, `"event_ids":[{"index":1`) {
		t.Fatalf("answered %d %s", got.status, got.body)
	}
	if got.header.Get("Access-Control-Allow-Origin") != shopOrigin || got.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("CORS headers %v", got.header)
	}
	b := f.batches[0]
	if b.Mode != ingest.Wait || b.Secret || b.Bot || b.Batch.AnonymousID != "a1" {
		t.Errorf("request %+v", b)
	}
	for name, encode := range map[string]func(testing.TB, string) string{"gzip": gzipped, "zstd": zstded} {
		if got := r.call("POST", "/v1/events", encode(t, body), "Content-Encoding: "+name); got.status != 202 {
			t.Errorf("%s: answered %d %s", name, got.status, got.body)
		}
	}
}

func TestBotsAreFlaggedNotRefused(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	const browser = "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
	for _, c := range []struct {
		name, body string
		headers    []string
		bot        bool
	}{
		{"browser", `{"anonymous_id":"a","events":[]}`, []string{pageKey, browser}, false},
		{"curl", `{"anonymous_id":"a","events":[]}`, []string{pageKey, "User-Agent: curl/8.0"}, true},
		{"a driven browser", `{"anonymous_id":"a","events":[],"webdriver":true}`, []string{pageKey, browser}, true},
		{"Googlebot", `{"anonymous_id":"a","events":[]}`, []string{pageKey, "User-Agent: Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}, true},
		{"the shop's server", `{"anonymous_id":"a","events":[]}`, []string{secretKey, "User-Agent: Go-http-client/1.1"}, false},
	} {
		if got := r.call("POST", "/v1/events", c.body, c.headers...); got.status != 202 {
			t.Errorf("%s: answered %d", c.name, got.status)
			continue
		}
		if got := f.batches[len(f.batches)-1].Bot; got != c.bot {
			t.Errorf("%s: bot = %v", c.name, got)
		}
	}
}

func TestBotCacheIsBounded(t *testing.T) {
	b := newBotCache()
	for i := range maxAgents {
		b.verdicts[fmt.Sprint(i)] = false
	}
	if !b.isBot([]byte("curl/8.0")) || len(b.verdicts) > maxAgents {
		t.Errorf("%d verdicts are kept", len(b.verdicts))
	}
	if !b.isBot(nil) {
		t.Error("an agent that says nothing is taken for a browser")
	}
}

func TestCORS(t *testing.T) {
	r := run(t, newServer(t, newFakeSite()))
	for origin, allowed := range map[string]bool{shopOrigin: true, "https://evil.example": false, "null": false, "": false} {
		var headers []string
		if origin != "" {
			headers = append(headers, "Origin: "+origin, "Access-Control-Request-Method: POST")
		}
		got := r.call("OPTIONS", "/v1/events", "", headers...)
		if got.status != 204 || (got.header.Get("Access-Control-Allow-Origin") == origin && origin != "") != allowed {
			t.Errorf("preflight of %q: %d %v", origin, got.status, got.header)
		}
		if got.header.Get("Access-Control-Allow-Credentials") != "" || got.header.Get("Access-Control-Allow-Origin") == "*" {
			t.Errorf("preflight of %q lets credentials or everybody through", origin)
		}
	}
	// The reason of a refusal can be read by the page, a foreign one learns nothing.
	bad := r.call("POST", "/v1/recommendations", `{"placement":"x"}`, pageKey, "Origin: "+shopOrigin)
	if bad.status != 404 || bad.header.Get("Access-Control-Allow-Origin") != shopOrigin {
		t.Errorf("a refusal that the page cannot read: %d %v", bad.status, bad.header)
	}
	if f := r.call("POST", "/v1/recommendations", `{"placement":"home"}`, pageKey, "Origin: https://evil.example"); f.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("a foreign page may read the answer")
	}
	// The demo's keys are taken from the page that this server itself serves.
	if own := r.call("POST", "/v1/recommendations", `{"placement":"home","key":"pk_demo"}`, "Origin: http://"+r.addr); own.status != 200 {
		t.Errorf("the demo's own page: %d %s", own.status, own.body)
	}
	if own := r.call("POST", "/v1/recommendations", `{"placement":"home","key":"pk_test"}`, "Origin: http://"+r.addr); own.status != 403 {
		t.Errorf("another site's key at the demo's address: %d", own.status)
	}
}

func TestKeyPlaces(t *testing.T) {
	r := run(t, newServer(t, newFakeSite()))
	for name, send := range map[string]func() reply{
		"bearer": func() reply { return r.call("POST", "/v1/recommendations", `{"placement":"home"}`, pageKey) },
		"BEARER": func() reply {
			return r.call("POST", "/v1/recommendations", `{"placement":"home"}`, "Authorization: BEARER pk_test")
		},
		"basic": func() reply {
			return r.call("POST", "/v1/recommendations", `{"placement":"home"}`, "Authorization: Basic cGtfdGVzdDo=")
		},
		"body":         func() reply { return r.call("POST", "/v1/recommendations", `{"placement":"home","key":"pk_test"}`) },
		"body, last":   func() reply { return r.call("POST", "/v1/events", `{"anonymous_id":"a","events":[],"key":"pk_test"}`) },
		"query":        func() reply { return r.call("POST", "/v1/recommendations?key=pk_test", `{"placement":"home"}`) },
		"query, items": func() reply { return r.call("GET", "/v1/items/item-00?key=sk_test", "") },
	} {
		if got := send(); got.status >= 300 {
			t.Errorf("key in %s: answered %d %s", name, got.status, got.body)
		}
	}
	// A broken body still shows its key, so it is told what is wrong.
	if got := r.call("POST", "/v1/recommendations", `{"key":"pk_test","placement":}`); got.status != 400 {
		t.Errorf("a broken body with a key: %d %s", got.status, got.body)
	}
}

func TestSecretKeyExplains(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	got := r.call("POST", "/v1/recommendations", `{"placement":"home","limit":1,"explain":true,"why_not":["x"],"blend":{"a":0.25}}`, secretKey)
	for _, want := range []string{`"ledger":[{"stage":"score","signal":"session","value":0.5}`, `"candidates":{"popular":5,"rows":10}`, `"drops":{"seen":2}`, `"why_not":[{"item_id":"x"`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("%s is not in %s", want, got.body)
		}
	}
	if q := f.lastQuery(); *q.BlendA != .25 || !q.Who.Secret {
		t.Errorf("query %+v", q)
	}
}

func TestInProcess(t *testing.T) {
	s := newServer(t, newFakeSite())
	got := s.Recommend(t.Context(), DemoSite, []byte(`{"placement":"home","explain":true}`))
	if got.Status != 200 || got.ContentType != typeJSON || got.ServerTiming == "" || !strings.Contains(string(got.Body), "ledger") {
		t.Errorf("reply %+v", got)
	}
	if bad := s.Recommend(t.Context(), DemoSite, []byte(`{`)); bad.Status != 400 {
		t.Errorf("a broken body: %d %s", bad.Status, bad.Body)
	}
	if none := s.Recommend(t.Context(), "nowhere", []byte(`{}`)); none.Status != 404 {
		t.Errorf("an unknown site: %d", none.Status)
	}
}

func TestControlPlane(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	got := r.call("PUT", "/v1/items", `{"items":[{"item_id":"new/1","name":"N","attributes":{"stock":4}},{"name":"no id"}]}`, secretKey)
	if got.status != 200 || !strings.Contains(got.body, `"stored":1,"invalid":1`) || !strings.Contains(got.body, `"code":"item_id_missing"`) {
		t.Errorf("items: %d %s", got.status, got.body)
	}
	if got := r.call("GET", "/v1/items/new%2F1", "", secretKey); got.status != 200 || !strings.Contains(got.body, `"stock":4`) {
		t.Errorf("an id with a slash: %d %s", got.status, got.body)
	}
	if got := r.call("PATCH", "/v1/items/new%2F1", `{"available":false}`, secretKey); got.status != 200 || *f.items["new/1"].Available {
		t.Errorf("patch: %d %s", got.status, got.body)
	}
	if got := r.call("DELETE", "/v1/visitors/a%20b", "", secretKey); got.status != 200 || !f.erased["a b"] {
		t.Errorf("erase: %d %s", got.status, got.body)
	}
	if got := r.call("GET", "/v1/placements", "", secretKey); got.body != `{"placements":[{"name":"home"},{"name":"item"},{"name":"cart"},{"name":"search"},{"name":"email"}]}`+"\n" {
		t.Errorf("placements %s", got.body)
	}
}

func TestModels(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	big := "model" + strings.Repeat("x", 3<<20)
	if got := r.call("PUT", "/v1/models", big, secretKey, "Content-Type: application/octet-stream"); got.status != 201 || !strings.Contains(got.body, `"bytes":3145733`) {
		t.Fatalf("upload: %d %s", got.status, got.body)
	}
	if got := r.call("PUT", "/v1/models", gzipped(t, "model"), secretKey, "Content-Encoding: gzip"); got.status != 201 {
		t.Errorf("compressed upload: %d %s", got.status, got.body)
	}
	if got := r.call("POST", "/v1/models/m1:activate", "", secretKey); got.status != 200 || f.active != "m1" {
		t.Errorf("activate: %d %s", got.status, got.body)
	}
	if got := r.call("POST", "/v1/models:train", "", secretKey); got.status != 200 || f.active != "m3" {
		t.Errorf("train: %d %s", got.status, got.body)
	}
	if got := r.call("GET", "/v1/models", "", secretKey); !strings.Contains(got.body, `"active":"m3"`) {
		t.Errorf("models: %s", got.body)
	}
}

func TestImports(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	rows := `{"anonymous_id":"a","session_id":"s","event_id":"e1","kind":"view","item_id":"i1","ts":"2011-12-09T12:50:00Z"}` + "\n" +
		`{"anonymous_id":"a","kind":"view"}` + "\n" + `{broken` + "\n"
	got := r.call("POST", "/v1/imports/events", rows, secretKey, "Content-Type: application/x-ndjson")
	if got.status != 200 || !strings.Contains(got.body, `"rows":3,"good":1,"bad":2`) {
		t.Fatalf("events: %d %s", got.status, got.body)
	}
	want := time.Date(2011, 12, 9, 12, 50, 0, 0, time.UTC).UnixMilli()
	if len(f.events) != 1 || f.events[0].Time != want || f.events[0].TS != want || f.events[0].Site != "shop" || !f.events[0].Proven == (f.events[0].UserID != "") {
		t.Errorf("records %+v", f.events)
	}
	catalog := `{"item_id":"c1","name":"C","price":2}` + "\n" + `{"name":"no id"}` + "\n"
	if got := r.call("POST", "/v1/imports/catalog", gzipped(t, catalog), secretKey, "Content-Encoding: gzip"); got.status != 200 || !strings.Contains(got.body, `"good":1,"bad":1`) || f.items["c1"].Name != "C" {
		t.Errorf("catalog: %d %s", got.status, got.body)
	}
	profiles := `{"user_id":"u1","affinities":[{"item_id":"i","weight":1}]}` + "\n"
	got = r.call("POST", "/v1/imports/profiles?version=p7&activate=false", profiles, secretKey)
	if got.status != 200 || f.profiles["p7"] != 1 || f.active == "p7" || !strings.Contains(got.body, `"version":"p7"`) {
		t.Errorf("profiles: %d %s", got.status, got.body)
	}
	if got := r.call("POST", "/v1/imports/profiles?version=p7", profiles, secretKey); got.status != 200 || f.active != "p7" {
		t.Errorf("profiles are not active: %d %s", got.status, got.body)
	}
}

func TestFailuresOfTheSite(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	ask := func() reply { return r.call("POST", "/v1/recommendations", `{"placement":"home"}`, pageKey) }
	for _, c := range []struct {
		err    error
		status int
		code   string
		retry  string
	}{
		{errors.New("a secret of ours at 10.0.0.1"), 500, "internal", ""},
		{fault.Unavailablef("store", "the store is away").Because(errors.New("dial 10.0.0.1")), 503, "store", "1"},
		{fault.Overloadedf(2500*time.Millisecond, "overloaded", "too much at once"), 429, "overloaded", "3"},
		{fault.Conflictf("busy", "it is being changed"), 409, "busy", ""},
		{fmt.Errorf("rank: %w", fault.Invalidf("invalid_filter", "op ~ is not known").At("/filter/all/0/op", "use =")), 422, "invalid_filter", ""},
	} {
		f.fail = c.err
		got := ask()
		p := got.problem(t)
		if got.status != c.status || p.Code != c.code || got.header.Get("Retry-After") != c.retry {
			t.Errorf("%v answered %d %s, Retry-After %q", c.err, got.status, p.Code, got.header.Get("Retry-After"))
		}
		if strings.Contains(got.body, "10.0.0.1") {
			t.Errorf("the cause is shown: %s", got.body)
		}
	}
	f.fail, f.panics = nil, true
	if got := ask(); got.status != 500 || got.problem(t).Code != "internal" {
		t.Errorf("a panic answered %d %s", got.status, got.body)
	}
	f.panics = false
	if got := ask(); got.status != 200 {
		t.Errorf("after a panic: %d", got.status)
	}
}

func TestLanesRefuseBeyondTheirSize(t *testing.T) {
	s := newServer(t, newFakeSite(), func(c *Config) { c.Limits.Events = 1 })
	r := run(t, s)
	s.lanes[laneEvents].enter()
	got := r.call("POST", "/v1/events", `{"anonymous_id":"a","events":[]}`, pageKey)
	if got.status != 503 || got.problem(t).Code != "overloaded" || got.header.Get("Retry-After") != "1" {
		t.Errorf("a full lane answered %d %v", got.status, got.header)
	}
	if got := r.call("POST", "/v1/recommendations", `{"placement":"home"}`, pageKey); got.status != 200 {
		t.Errorf("beacons took the place of recommendations: %d", got.status)
	}
	s.lanes[laneEvents].leave()
	if got := r.call("POST", "/v1/events", `{"anonymous_id":"a","events":[]}`, pageKey); got.status != 202 {
		t.Errorf("after the flood: %d", got.status)
	}
}

func TestRequestID(t *testing.T) {
	r := run(t, newServer(t, newFakeSite()))
	if got := r.call("GET", "/openapi.json", "", "X-Request-Id: my-id.1"); got.header.Get("X-Request-Id") != "my-id.1" {
		t.Errorf("a sane id was not taken over: %q", got.header.Get("X-Request-Id"))
	}
	for _, bad := range []string{strings.Repeat("x", 65), `a"b`, "a b", "ä"} {
		if got := r.call("GET", "/openapi.json", "", "X-Request-Id: "+bad); got.header.Get("X-Request-Id") == bad || got.header.Get("X-Request-Id") == "" {
			t.Errorf("%q: answered with %q", bad, got.header.Get("X-Request-Id"))
		}
	}
}

func TestExtraRoutes(t *testing.T) {
	s := newServer(t, newFakeSite(), func(c *Config) {
		c.Extra = []Route{
			{Method: "GET", Path: "/page", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, "<p>"+r.URL.Query().Get("q"))
			})},
			{Method: "POST", Path: "/demo/*", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })},
		}
	})
	r := run(t, s)
	if got := r.call("GET", "/page?q=1", ""); got.status != 200 || got.body != "<p>1" || got.header.Get("Content-Type") != "text/html" {
		t.Errorf("page: %+v", got)
	}
	if got := r.call("HEAD", "/page", ""); got.status != 200 || got.body != "" {
		t.Errorf("HEAD: %+v", got)
	}
	if got := r.call("POST", "/demo/a", strings.Repeat("x", limitExtra+1)); got.status != 413 {
		t.Errorf("a body over the limit: %d", got.status)
	}
	body := strings.Repeat("x", 100_000)
	for range 2 { // on one connection: the body must have been read to its end
		if got := r.call("POST", "/demo/a/b", body); got.status != 200 || got.body != body {
			t.Errorf("echo: %d, %d bytes", got.status, len(got.body))
		}
	}
}

func TestOps(t *testing.T) {
	var notReady error
	s := newServer(t, newFakeSite(), func(c *Config) { c.Ready = func() error { return notReady } })
	ops := s.Ops(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metric 1\n") }))
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		ops.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	for path, want := range map[string]string{
		"/livez": "alive", "/readyz": "ready", "/version": `"version":"test"`, "/metrics": "metric 1", "/debug/pprof/": "goroutine",
	} {
		if w := get(path); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s answered %d %s", path, w.Code, w.Body)
		}
	}
	notReady = errors.New("the store is away")
	if w := get("/readyz"); w.Code != 503 || !strings.Contains(w.Body.String(), "store") {
		t.Errorf("/readyz answered %d %s", w.Code, w.Body)
	}
	notReady = nil
	s.Drain()
	if w := get("/readyz"); w.Code != 503 {
		t.Errorf("/readyz of a draining server answered %d", w.Code)
	}
	if w := get("/livez"); w.Code != 200 {
		t.Errorf("/livez of a draining server answered %d", w.Code)
	}
}
