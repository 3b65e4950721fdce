package httpapi

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

func gzipped(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstded(t testing.TB, s string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return string(w.EncodeAll([]byte(s), nil))
}

type badInput struct {
	name, method, path, body string
	headers                  []string
	status                   int
	code, mentions           string
}

const (
	secretKey = bearer + testSecret
	pageKey   = bearer + testPublishable
	asJSON    = "Content-Type: application/json"
)

// badRecommendations are refused by POST /v1/recommendations with a page's key.
func badRecommendations(t testing.TB) []badInput {
	deep := strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20)
	long := strings.Repeat("x", 129)
	table := []badInput{
		{name: "empty", body: ``, status: 400, code: "invalid_json"},
		{name: "broken JSON", body: `{"placement":"home",}`, status: 400, code: "invalid_json", mentions: "byte"},
		{name: "cut off", body: `{"placement":"ho`, status: 400, code: "invalid_json"},
		{name: "NaN", body: `{"placement":"home","limit":NaN}`, status: 400, code: "invalid_json"},
		{name: "Infinity", body: `{"placement":"home","blend":{"a":Infinity}}`, status: 400, code: "invalid_json"},
		{name: "a comment", body: `{/*x*/"placement":"home"}`, status: 400, code: "invalid_json"},
		{name: "single quotes", body: `{'placement':'home'}`, status: 400, code: "invalid_json"},
		{name: "two objects", body: `{"placement":"home"}{"placement":"home"}`, status: 400, code: "invalid_json", mentions: "follows"},
		{name: "an array", body: `[]`, status: 400, code: "not_an_object"},
		{name: "a string", body: `"home"`, status: 400, code: "not_an_object"},
		{name: "null", body: `null`, status: 400, code: "not_an_object"},
		{name: "bad UTF-8", body: "{\"placement\":\"home\",\"anonymous_id\":\"a\xff\"}", status: 400, code: "invalid_json"},
		{name: "a lone surrogate", body: `{"placement":"home","anonymous_id":"\ud800"}`, status: 400, code: "invalid_json"},
		{name: "a raw control character", body: "{\"placement\":\"ho\x01me\"}", status: 400, code: "invalid_json"},
		{name: "duplicate keys", body: `{"placement":"home","placement":"item"}`, status: 400, code: "duplicate_key", mentions: "twice"},
		{name: "duplicate keys inside", body: `{"placement":"home","context":{"item_id":"a","item_id":"b"}}`, status: 400, code: "duplicate_key"},
		{name: "deep nesting", body: `{"placement":"home","filter":` + deep + `}`, status: 400, code: "too_deep"},
		{name: "a deep flood", body: strings.Repeat("[", 100_000), status: 400, code: "too_deep"},
		{name: "no placement", body: `{}`, status: 422, code: "placement_missing", mentions: "home"},
		{name: "unknown placement", body: `{"placement":"hom"}`, status: 404, code: "unknown_placement", mentions: "home, item, cart, search, email"},
		{name: "placement of the wrong type", body: `{"placement":7}`, status: 422, code: "invalid_field", mentions: "string"},
		{name: "limit 0", body: `{"placement":"home","limit":0}`, status: 422, code: "invalid_limit", mentions: "1 to 100"},
		{name: "limit 101", body: `{"placement":"home","limit":101}`, status: 422, code: "invalid_limit"},
		{name: "limit -1", body: `{"placement":"home","limit":-1}`, status: 422, code: "invalid_limit"},
		{name: "limit 1.5", body: `{"placement":"home","limit":1.5}`, status: 422, code: "invalid_limit"},
		{name: "limit in quotes", body: `{"placement":"home","limit":"5"}`, status: 422, code: "invalid_limit"},
		{name: "limit 1e99", body: `{"placement":"home","limit":1e99}`, status: 422, code: "invalid_limit"},
		{name: "an id of 129 bytes", body: `{"placement":"home","anonymous_id":"` + long + `"}`, status: 422, code: "invalid_id", mentions: "128"},
		{name: "an id of 200 KB", body: `{"placement":"home","session_id":"` + strings.Repeat("y", 200_000) + `"}`, status: 422, code: "invalid_id"},
		{name: "a number as id", body: `{"placement":"home","anonymous_id":12}`, status: 422, code: "invalid_id", mentions: "string"},
		{name: "an object as id", body: `{"placement":"home","user_id":{"id":"x"}}`, status: 422, code: "invalid_id"},
		{name: "a control character in an id", body: `{"placement":"home","anonymous_id":"a\u0000b"}`, status: 422, code: "invalid_id", mentions: "control"},
		{name: "a junk id", body: `{"placement":"home","anonymous_id":"undefined"}`, status: 422, code: "junk_id"},
		{name: "a short session id alone", body: `{"placement":"home","session_id":"s1"}`, status: 422, code: "session_id_short", mentions: "22"},
		{name: "unknown consent", body: `{"placement":"home","consent":"yes"}`, status: 422, code: "invalid_consent"},
		{name: "a bad time", body: `{"placement":"home","sent_at":"yesterday"}`, status: 422, code: "invalid_time"},
		{name: "events no array", body: `{"placement":"home","anonymous_id":"a","events":{}}`, status: 422, code: "invalid_field"},
		{name: "events of nobody", body: `{"placement":"home","events":[{"kind":"view","item_id":"i"}]}`, status: 422, code: "nobody_named"},
		{name: "filter no object", body: `{"placement":"home","filter":"price<20"}`, status: 422, code: "invalid_filter"},
		{name: "exclude no array", body: `{"placement":"home","exclude":"a"}`, status: 422, code: "invalid_field"},
		{name: "exclude with a number", body: `{"placement":"home","exclude":["a",1]}`, status: 422, code: "invalid_field"},
		{name: "exclude with an empty id", body: `{"placement":"home","exclude":["a",""]}`, status: 422, code: "invalid_field"},
		{name: "too many candidates", body: `{"placement":"home","candidates":["x"` + strings.Repeat(`,"x"`, 1000) + `]}`, status: 422, code: "invalid_field", mentions: "1000"},
		{name: "context no object", body: `{"placement":"home","context":[]}`, status: 422, code: "invalid_field"},
		{name: "exclude_seen no switch", body: `{"placement":"home","exclude_seen":"yes"}`, status: 422, code: "invalid_field"},
		{name: "exclude_purchased no rule", body: `{"placement":"home","exclude_purchased":"maybe"}`, status: 422, code: "invalid_field", mentions: "never"},
		{name: "cursor", body: `{"placement":"home","cursor":"x"}`, status: 422, code: "unsupported"},
		{name: "market", body: `{"placement":"home","market":"uk"}`, status: 422, code: "unsupported"},
		{name: "currency", body: `{"placement":"home","currency":"GBP"}`, status: 422, code: "unsupported"},
		{name: "visitors", body: `{"placement":"home","visitors":["a"]}`, status: 422, code: "unsupported"},
		{name: "explain with a page's key", body: `{"placement":"home","explain":true}`, status: 403, code: "key_scope", mentions: "explain"},
		{name: "why_not with a page's key", body: `{"placement":"home","why_not":["x"]}`, status: 403, code: "key_scope", mentions: "why_not"},
		{name: "blend with a page's key", body: `{"placement":"home","blend":{"a":0.5}}`, status: 403, code: "key_scope", mentions: "blend"},
		{name: "wrong content type", body: `{"placement":"home"}`, headers: []string{pageKey, "Content-Type: application/xml"}, status: 415, code: "unsupported_media_type"},
		{name: "a form", body: `placement=home`, headers: []string{pageKey, "Content-Type: application/x-www-form-urlencoded"}, status: 415, code: "unsupported_media_type"},
		{name: "10 MB", body: `{"placement":"` + strings.Repeat("x", 10<<20) + `"}`, status: 413, code: "body_too_large"},
		{name: "unknown encoding", body: `{"placement":"home"}`, headers: []string{pageKey, asJSON, "Content-Encoding: br"}, status: 415, code: "unsupported_encoding"},
		{name: "two encodings", body: `{"placement":"home"}`, headers: []string{pageKey, asJSON, "Content-Encoding: gzip, gzip"}, status: 415, code: "unsupported_encoding"},
		{name: "no gzip", body: `{"placement":"home"}`, headers: []string{pageKey, asJSON, "Content-Encoding: gzip"}, status: 400, code: "invalid_encoding"},
		{name: "no zstd", body: `{"placement":"home"}`, headers: []string{pageKey, asJSON, "Content-Encoding: zstd"}, status: 400, code: "invalid_encoding"},
		{name: "cut gzip", body: gzipped(t, `{"placement":"home"}`)[:20], headers: []string{pageKey, asJSON, "Content-Encoding: gzip"}, status: 400, code: "invalid_encoding"},
		{name: "gzip bomb", body: gzipped(t, strings.Repeat(" ", 4<<20)), headers: []string{pageKey, asJSON, "Content-Encoding: gzip"}, status: 413, code: "body_too_large", mentions: "inflates"},
		{name: "zstd bomb", body: zstded(t, strings.Repeat(" ", 4<<20)), headers: []string{pageKey, asJSON, "Content-Encoding: zstd"}, status: 413, code: "body_too_large", mentions: "inflates"},
		{name: "a byte order mark", body: "\ufeff" + `{"placement":"home","key":"pk_test"}`, headers: []string{asJSON}, status: 400, code: "invalid_json"},
		{name: "a byte order mark before an unknown key", body: "\ufeff" + `{"placement":"home","key":"pk_nobody"}`, headers: []string{asJSON}, status: 401, code: "key_unknown"},
		{name: "no candidates", body: `{"placement":"home","candidates":[]}`, status: 422, code: "candidates_missing", mentions: "/candidates"},
		{name: "blend without a", body: `{"placement":"home","blend":{}}`, headers: []string{secretKey, asJSON}, status: 422, code: "invalid_field", mentions: "/blend/a"},
		{name: "blend of another name", body: `{"placement":"home","blend":{"b":1}}`, headers: []string{secretKey, asJSON}, status: 422, code: "invalid_field", mentions: "/blend/a"},
		{name: "blend of null", body: `{"placement":"home","blend":{"a":null}}`, headers: []string{secretKey, asJSON}, status: 422, code: "invalid_field", mentions: "/blend/a"},
		{name: "blend in quotes", body: `{"placement":"home","blend":{"a":"0.5"}}`, headers: []string{secretKey, asJSON}, status: 422, code: "invalid_field", mentions: "/blend/a"},
		{name: "a page's blend without a", body: `{"placement":"home","blend":{}}`, status: 403, code: "key_scope", mentions: "/blend"},
		{name: "blend out of range", body: `{"placement":"home","blend":{"a":2}}`, headers: []string{secretKey, asJSON}, status: 422, code: "invalid_field"},
	}
	for i := range table {
		c := &table[i]
		c.method, c.path = http.MethodPost, "/v1/recommendations"
		if c.headers == nil {
			c.headers = []string{pageKey, asJSON}
		}
	}
	return table
}

// badKeys are refused for who asks.
func badKeys() []badInput {
	const ok = `{"placement":"home"}`
	recs, items := "/v1/recommendations", "/v1/items"
	return []badInput{
		{name: "no key", method: "POST", path: recs, body: ok, headers: []string{asJSON}, status: 401, code: "key_missing"},
		{name: "unknown key", method: "POST", path: recs, body: ok, headers: []string{bearer + "pk_nobody"}, status: 401, code: "key_unknown"},
		{name: "unknown key in the body", method: "POST", path: recs, body: `{"placement":"home","key":"pk_nobody"}`, status: 401, code: "key_unknown"},
		{name: "revoked key", method: "POST", path: recs, body: ok, headers: []string{bearer + testRevoked}, status: 401, code: "key_revoked"},
		{name: "broken Basic", method: "POST", path: recs, body: ok, headers: []string{"Authorization: Basic ???"}, status: 401, code: "key_unknown"},
		{name: "a huge key", method: "POST", path: recs, body: ok, headers: []string{bearer + strings.Repeat("k", 4000)}, status: 401, code: "key_unknown"},
		{name: "key ranks before JSON", method: "POST", path: recs, body: `{`, headers: []string{bearer + "pk_nobody"}, status: 401, code: "key_unknown"},
		{name: "size ranks before key", method: "POST", path: recs, body: strings.Repeat("x", 600<<10), status: 413, code: "body_too_large"},
		{name: "foreign origin", method: "POST", path: recs, body: ok, headers: []string{pageKey, "Origin: https://evil.example"}, status: 403, code: "origin_forbidden", mentions: "nextbest keys create --scope pk --origin https://evil.example"},
		{name: "origin with another port", method: "POST", path: recs, body: ok, headers: []string{pageKey, "Origin: " + shopOrigin + ":8443"}, status: 403, code: "origin_forbidden"},
		{name: "origin null", method: "POST", path: recs, body: ok, headers: []string{pageKey, "Origin: null"}, status: 403, code: "origin_forbidden"},
		{name: "origin ranks before JSON", method: "POST", path: recs, body: `{`, headers: []string{pageKey, "Origin: https://evil.example"}, status: 403, code: "origin_forbidden"},
		{name: "secret key in a page", method: "POST", path: recs, body: ok, headers: []string{secretKey, "Origin: " + shopOrigin}, status: 403, code: "key_exposed"},
		{name: "secret key in a page's body", method: "POST", path: recs, body: `{"placement":"home","key":"sk_test"}`, headers: []string{"Origin: " + shopOrigin}, status: 403, code: "key_exposed"},
		{name: "page's key on the control plane", method: "GET", path: "/v1/visitors/a", headers: []string{pageKey}, status: 403, code: "key_scope"},
		{name: "page's key on items", method: "PUT", path: items, body: `{"items":[]}`, headers: []string{pageKey}, status: 403, code: "key_scope"},
		{name: "page's key on models", method: "PUT", path: "/v1/models", body: "x", headers: []string{pageKey}, status: 403, code: "key_scope"},
		{name: "page's key on imports", method: "POST", path: "/v1/imports/events", body: "{}", headers: []string{pageKey}, status: 403, code: "key_scope"},
		{name: "page's key on keys", method: "POST", path: "/v1/keys", body: "{}", headers: []string{pageKey}, status: 403, code: "key_scope"},
		{name: "no key on the control plane", method: "GET", path: "/v1/keys", status: 401, code: "key_missing"},
		{name: "a site that is not served", method: "POST", path: recs, body: ok, headers: []string{bearer + "sk_lost"}, status: 503, code: "site_unavailable"},
	}
}

// badElsewhere are refused by the other endpoints.
func badElsewhere(t testing.TB) []badInput {
	sk := []string{secretKey, asJSON}
	pk := []string{pageKey, asJSON}
	events, train := "/v1/events", "/v1/models:train"
	return []badInput{
		{name: "unknown path", method: "GET", path: "/v1/nothing", status: 404, code: "unknown_path"},
		{name: "path traversal", method: "GET", path: "/v1/../../etc/passwd", status: 404, code: "unknown_path"},
		{name: "a method that is not answered", method: "DELETE", path: events, status: 405, code: "method_not_allowed", mentions: "POST"},
		{name: "TRACE", method: "TRACE", path: events, status: 405, code: "method_not_allowed"},
		{name: "an invented method", method: "BREW", path: events, status: 405, code: "method_not_allowed"},
		{name: "events: not an object", method: "POST", path: events, body: `[]`, headers: pk, status: 400, code: "not_an_object"},
		{name: "events: nobody", method: "POST", path: events, body: `{"events":[]}`, headers: pk, status: 422, code: "nobody_named"},
		{name: "events: junk", method: "POST", path: events, body: `{"anonymous_id":"null","events":[]}`, headers: pk, status: 422, code: "junk_id"},
		{name: "events: deep", method: "POST", path: events, body: `{"anonymous_id":"a","events":[{"properties":{"a":{"b":{"c":{"d":{"e":{"f":1}}}}}}}]}`, headers: pk, status: 400, code: "too_deep"},
		{name: "events: duplicate keys", method: "POST", path: events, body: `{"anonymous_id":"a","anonymous_id":"b","events":[]}`, headers: pk, status: 400, code: "duplicate_key"},
		{name: "events: 600 KB", method: "POST", path: events, body: `{"anonymous_id":"a","x":"` + strings.Repeat("x", 600<<10) + `"}`, headers: pk, status: 413, code: "body_too_large"},
		{name: "events: 501", method: "POST", path: events, body: `{"anonymous_id":"a","events":[{}` + strings.Repeat(",{}", 500) + `]}`, headers: pk, status: 413, code: "too_many_events"},
		{name: "rank without candidates", method: "POST", path: "/v1/rank", body: `{"placement":"home"}`, headers: pk, status: 422, code: "candidates_missing"},
		{name: "GET: limit", method: "GET", path: "/v1/recommendations?placement=home&limit=1000&key=pk_test", status: 422, code: "invalid_limit"},
		{name: "GET: placement", method: "GET", path: "/v1/recommendations?placement=x&key=pk_test", status: 404, code: "unknown_placement"},
		{name: "GET: junk", method: "GET", path: "/v1/recommendations?placement=home&anonymous_id=undefined&key=pk_test", status: 422, code: "junk_id"},
		{name: "GET: bad UTF-8", method: "GET", path: "/v1/recommendations?placement=home&category=%ff&key=pk_test", status: 422, code: "invalid_field"},
		{name: "items: unknown field", method: "PUT", path: "/v1/items", body: `{"items":[{"item_id":"a"}],"mode":"replace"}`, headers: sk, status: 422, code: "unknown_field", mentions: "/mode"},
		{name: "items: duplicate keys", method: "PUT", path: "/v1/items", body: `{"items":[],"items":[]}`, headers: sk, status: 400, code: "duplicate_key"},
		{name: "items: wrong type", method: "PUT", path: "/v1/items", body: `{"items":{"item_id":"a"}}`, headers: sk, status: 422, code: "invalid_type", mentions: "array"},
		{name: "items: a list", method: "PUT", path: "/v1/items", body: `[{"item_id":"a"}]`, headers: sk, status: 422, code: "invalid_type", mentions: "object"},
		{name: "items: duplicate keys inside", method: "PUT", path: "/v1/items", body: `{"items":[{"item_id":"a","item_id":"b"}]}`, headers: sk, status: 400, code: "duplicate_key"},
		{name: "items: a byte order mark", method: "PUT", path: "/v1/items", body: "\ufeff" + `{"items":[{"item_id":"a"}]}`, headers: sk, status: 400, code: "invalid_json"},
		{name: "events: a byte order mark", method: "POST", path: events, body: "\ufeff" + `{"anonymous_id":"a","events":[],"key":"pk_test"}`, headers: []string{asJSON}, status: 400, code: "invalid_json"},
		{name: "train: unknown field", method: "POST", path: train, body: `{"param":{}}`, headers: sk, status: 422, code: "unknown_field", mentions: "/param"},
		{name: "train: unknown parameter", method: "POST", path: train, body: `{"params":{"m":500}}`, headers: sk, status: 422, code: "invalid_param", mentions: "/params/m"},
		{name: "train: a parameter of the wrong type", method: "POST", path: train, body: `{"params":{"top":1.5}}`, headers: sk, status: 422, code: "invalid_param", mentions: "/params/top"},
		{name: "train: parameters out of range", method: "POST", path: train, body: `{"params":{"a":2,"last":0}}`, headers: sk, status: 422, code: "invalid_param", mentions: "/params/last"},
		{name: "train: a list", method: "POST", path: train, body: `[]`, headers: sk, status: 422, code: "invalid_type"},
		{name: "train: broken", method: "POST", path: train, body: `{`, headers: sk, status: 400, code: "invalid_json"},
		{name: "items: none", method: "PUT", path: "/v1/items", body: `{"items":[]}`, headers: sk, status: 422, code: "items_missing"},
		{name: "items: deep", method: "PUT", path: "/v1/items", body: `{"items":[{"item_id":"a","attributes":{"x":[[[[[[[[1]]]]]]]]}}]}`, headers: sk, status: 400, code: "too_deep"},
		{name: "items: 9 MB", method: "PUT", path: "/v1/items", body: strings.Repeat("x", 9<<20), headers: sk, status: 413, code: "body_too_large"},
		{name: "item: unknown", method: "GET", path: "/v1/items/nothing", headers: sk, status: 404, code: "unknown_item"},
		{name: "item: patch nothing", method: "PATCH", path: "/v1/items/item-00", body: `{}`, headers: sk, status: 422, code: "nothing_to_change"},
		{name: "item: patch the name", method: "PATCH", path: "/v1/items/item-00", body: `{"name":"x"}`, headers: sk, status: 422, code: "unknown_field"},
		{name: "visitor: unknown", method: "GET", path: "/v1/visitors/nobody", headers: sk, status: 404, code: "unknown_visitor"},
		{name: "keys: unknown scope", method: "POST", path: "/v1/keys", body: `{"scope":"root"}`, headers: sk, status: 422, code: "invalid_key"},
		{name: "keys: wildcard origin", method: "POST", path: "/v1/keys", body: `{"scope":"pk","origins":["*"]}`, headers: sk, status: 422, code: "invalid_origin"},
		{name: "keys: the last one", method: "DELETE", path: "/v1/keys/" + testKeyID(t), headers: sk, status: 409, code: "last_key"},
		{name: "keys: unknown", method: "DELETE", path: "/v1/keys/key_x", headers: sk, status: 404, code: "unknown_key"},
		{name: "models: no model", method: "PUT", path: "/v1/models", body: "nonsense", headers: []string{secretKey}, status: 422, code: "invalid_model"},
		{name: "models: JSON", method: "PUT", path: "/v1/models", body: "{}", headers: sk, status: 415, code: "unsupported_media_type"},
		{name: "models: unknown", method: "POST", path: "/v1/models/zzz:activate", headers: []string{secretKey}, status: 404, code: "unknown_model"},
		{name: "models: unknown verb", method: "POST", path: "/v1/models/zzz:explode", headers: []string{secretKey}, status: 404, code: "unknown_path"},
		{name: "imports: unknown", method: "POST", path: "/v1/imports/cats", body: "{}", headers: sk, status: 404, code: "unknown_import"},
		{name: "imports: format", method: "POST", path: "/v1/imports/events", body: "x", headers: []string{secretKey, "Content-Type: image/png"}, status: 415, code: "unsupported_media_type"},
		{name: "imports: bomb", method: "POST", path: "/v1/imports/events", body: gzipped(t, strings.Repeat(" ", 4<<20)), headers: []string{secretKey, "Content-Encoding: gzip"}, status: 413, code: "body_too_large"},
		{name: "imports: no gzip", method: "POST", path: "/v1/imports/events", body: "not gzip at all", headers: []string{secretKey, "Content-Encoding: gzip"}, status: 400, code: "invalid_encoding"},
		{name: "long headers", method: "GET", path: "/openapi.json", headers: []string{"X-Long: " + strings.Repeat("x", 9000)}, status: 431, code: "headers_too_large"},
		{name: "a long path", method: "GET", path: "/" + strings.Repeat("x", 9000), status: 431, code: "headers_too_large"},
	}
}

// TestBadInput holds what every kind of bad input is answered: a status, a
// stable code, and a detail that says what to do.
func TestBadInput(t *testing.T) {
	r := run(t, newServer(t, newFakeSite()))
	table := append(badRecommendations(t), badKeys()...)
	table = append(table, badElsewhere(t)...)
	t.Logf("%d kinds of bad input", len(table))
	for _, c := range table {
		t.Run(c.method+" "+c.name, func(t *testing.T) {
			got := r.call(c.method, c.path, c.body, c.headers...)
			p := got.problem(t)
			if got.status != c.status || p.Code != c.code || p.Status != c.status {
				t.Fatalf("answered %d %s, want %d %s; %s", got.status, p.Code, c.status, c.code, got.body)
			}
			checkProblem(t, got, p)
			if !strings.Contains(p.Detail+fmt.Sprint(p.Errors), c.mentions) {
				t.Errorf("detail %q does not mention %q", p.Detail, c.mentions)
			}
		})
	}
}

// checkProblem holds the shape that every refusal has.
func checkProblem(t *testing.T, got reply, p problemView) {
	t.Helper()
	if ct := got.header.Get("Content-Type"); ct != typeProblem {
		t.Errorf("content type %q", ct)
	}
	if len(p.Detail) < 10 || p.Title == "" || !strings.HasSuffix(p.Type, p.Code) {
		t.Errorf("problem %+v says too little", p)
	}
	if p.RequestID == "" || p.RequestID != got.header.Get("X-Request-Id") {
		t.Errorf("request id %q in the body, %q in the header", p.RequestID, got.header.Get("X-Request-Id"))
	}
	if (got.status == 429 || got.status == 503) && got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if got.status == 401 && got.header.Get("WWW-Authenticate") == "" {
		t.Error("no WWW-Authenticate")
	}
	if strings.Contains(got.body, "goroutine") || strings.Contains(got.body, ".go:") {
		t.Errorf("the answer shows our insides: %s", got.body)
	}
}

func testKeyID(t testing.TB) string {
	for _, k := range testRing(t).List("shop") {
		if k.Scope == "sk" && k.Active() {
			return k.ID
		}
	}
	return ""
}

// TestBrokenEscape sends a path that Go's client refuses to send.
func TestBrokenEscape(t *testing.T) {
	r := run(t, newServer(t, newFakeSite()))
	got, _ := r.raw("GET /v1/items/%zz HTTP/1.1\r\nHost: a\r\n" + secretKey + "\r\n\r\n")
	if p := got.problem(t); got.status != 400 || p.Code != "invalid_path" {
		t.Errorf("answered %d %s", got.status, p.Code)
	}
}

// TestSlowRequests holds that a client that stops sending is answered 408 and
// let go, wherever it stops.
func TestSlowRequests(t *testing.T) {
	s := newServer(t, newFakeSite(), func(c *Config) { c.Timeouts.Read = 300 * time.Millisecond })
	r := run(t, s)
	for name, request := range map[string]string{
		"nothing":       "",
		"half a header": "POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nX-Slo",
		"half a body":   "POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{",
		"a large body":  "POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{",
		"half a chunk":  "POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{",
		"an upload":     "PUT /v1/models HTTP/1.1\r\nHost: a\r\n" + secretKey + "\r\nContent-Length: 100000\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			got, left := r.raw(request)
			if got.status != http.StatusRequestTimeout || left {
				t.Fatalf("answered %d, open %v: %s", got.status, left, got.body)
			}
			if p := got.problem(t); p.Code != "request_timeout" {
				t.Errorf("code %s", p.Code)
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("let go after %v", took)
			}
		})
	}
}

// TestTruncatedBody holds that a client that ends its side early is told.
func TestTruncatedBody(t *testing.T) {
	r := run(t, newServer(t, newFakeSite()))
	for name, size := range map[string]int{"small": 100, "large": 100_000} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprintf(c, "POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n{\"placement\"", size)
			if err := c.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			var b bytes.Buffer
			_, _ = b.ReadFrom(c)
			if !strings.HasPrefix(b.String(), "HTTP/1.1 400") {
				t.Errorf("answered %.100q", b.String())
			}
		})
	}
}
