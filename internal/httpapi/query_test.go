package httpapi

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/session/event"
)

// everyField is a request with all fields that both methods know, and the same
// as query parameters.
const everyField = `{"placement":"item","limit":7,"anonymous_id":"a1","user_id":"u1","user_token":"t","session_id":"s1","consent":"full","after":"e1",
	"context":{"item_id":"i1","category":"c","query":"q","referrer":"r","cart":["x","y"]},"filter":{"all":[]},"exclude":["p","q"],"candidates":["k1","k2"],
	"exclude_seen":true,"exclude_current":false,"exclude_purchased":30,"blend":{"a":0.4},"explain":true,"why_not":["w1","w2"],"fields":["name","price"],"ack":false,"sent_at":"2026-11-24T10:00:00Z"}`

func everyParameter() url.Values {
	return url.Values{
		"placement": {"item"}, "limit": {"7"}, "anonymous_id": {"a1"}, "user_id": {"u1"}, "user_token": {"t"}, "session_id": {"s1"},
		"consent": {"full"}, "after": {"e1"}, "item_id": {"i1"}, "category": {"c"}, "query": {"q"}, "referrer": {"r"}, "cart": {"x,y"},
		"filter": {`{"all":[]}`}, "exclude": {"p", "q"}, "candidates": {"k1,k2"}, "exclude_seen": {"true"}, "exclude_current": {"0"},
		"exclude_purchased": {"30"}, "blend": {"0.4"}, "explain": {"1"}, "why_not": {"w1,w2"}, "fields": {"name,price"}, "ack": {"false"},
		"sent_at": {"2026-11-24T10:00:00Z"},
	}
}

// TestGetIsTheSame: the two methods ask the site for the same.
func TestGetIsTheSame(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	if got := r.call("POST", "/v1/recommendations", everyField, secretKey); got.status != 200 {
		t.Fatalf("POST answered %d %s", got.status, got.body)
	}
	want := f.lastQuery()
	if got := r.call("GET", "/v1/recommendations?"+everyParameter().Encode(), "", secretKey); got.status != 200 {
		t.Fatalf("GET answered %d %s", got.status, got.body)
	}
	have := f.lastQuery()
	want.ReceivedAt = have.ReceivedAt
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("GET asks for something else than POST:\n%s", diff)
	}
	if want.BlendA == nil || !want.Explain || want.Who.Consent != event.ConsentFull || len(want.WhyNot) != 2 || string(want.Filter) != `{"all":[]}` {
		t.Errorf("query %+v", want)
	}
}

func TestFirstParameterCounts(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	if got := r.call("GET", "/v1/recommendations?placement=home&placement=item&limit=3&limit=500&exclude=&category=&sent_at=1790000000000", "", pageKey); got.status != 200 {
		t.Fatalf("answered %d %s", got.status, got.body)
	}
	if q := f.lastQuery(); q.Placement != "home" || q.Limit != 3 || q.Exclude != nil || q.Candidates != nil {
		t.Errorf("query %+v", q)
	}
}

// TestBadParameters: GET is as strict as POST.
func TestBadParameters(t *testing.T) {
	r := run(t, newServer(t, newFakeSite()))
	for _, c := range []struct {
		args, key      string
		status         int
		code, mentions string
	}{
		{"blend=0.4", pageKey, 403, "key_scope", "/blend"},
		{"blend=2", pageKey, 403, "key_scope", "/blend"},
		{"why_not=a", pageKey, 403, "key_scope", "/why_not"},
		{"explain=true", pageKey, 403, "key_scope", "/explain"},
		{"blend=2", secretKey, 422, "invalid_field", "/blend/a"},
		{"blend=NaN", secretKey, 422, "invalid_field", "/blend/a"},
		{"blend=", secretKey, 422, "invalid_field", "/blend/a"},
		{"events=%5B%5D", pageKey, 422, "unsupported", "/events"},
		{"context=%7B%7D", pageKey, 422, "unsupported", "/context"},
		{"market=uk", pageKey, 422, "unsupported", "/market"},
		{"candidates=", pageKey, 422, "candidates_missing", "/candidates"},
		{"candidates=" + strings.Repeat("x,", 1000) + "x", pageKey, 422, "invalid_field", "1000"},
		{"exclude=a,,b", pageKey, 422, "invalid_field", "/exclude/1"},
		{"cart=" + strings.Repeat("x", 129), pageKey, 422, "invalid_field", "/cart/0"},
		{"exclude_seen=yes", pageKey, 422, "invalid_field", "/exclude_seen"},
		{"exclude_current=", pageKey, 422, "invalid_field", "/exclude_current"},
		{"exclude_purchased=0", pageKey, 422, "invalid_field", "/exclude_purchased"},
		{"explain=on", pageKey, 422, "invalid_field", "/explain"},
		{"ack=x", pageKey, 422, "invalid_field", "/ack"},
		{"sent_at=soon", pageKey, 422, "invalid_time", "/sent_at"},
		{"filter=price%3C20", pageKey, 422, "invalid_filter", "/filter"},
		{"filter=", pageKey, 422, "invalid_filter", "/filter"},
		{"filter=%7B%22a%22:1,%22a%22:2%7D", pageKey, 422, "invalid_filter", "/filter"},
		{"filter=" + strings.Repeat("%7B%22a%22:", 8) + "1" + strings.Repeat("%7D", 8), pageKey, 422, "invalid_filter", "/filter"},
		{"category=" + strings.Repeat("x", 1025), pageKey, 422, "invalid_field", "1024"},
		{"session_id=s1", pageKey, 422, "session_id_short", "22"},
	} {
		got := r.call("GET", "/v1/recommendations?placement=home&"+c.args, "", c.key)
		if p := got.problem(t); got.status != c.status || p.Code != c.code || !strings.Contains(got.body, c.mentions) {
			t.Errorf("%.40s answered %d %s", c.args, got.status, got.body)
		}
	}
}

// TestBlendIsHeard: what is left out is left out, and a number counts.
func TestBlendIsHeard(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	for body, want := range map[string]*float64{
		`{"placement":"home","blend":null}`:            nil,
		`{"placement":"home","blend":{"a":0}}`:         new(float64),
		`{"placement":"home","blend":{"b":1,"a":0e0}}`: new(float64),
	} {
		if got := r.call("POST", "/v1/recommendations", body, secretKey); got.status != 200 {
			t.Errorf("%s answered %d %s", body, got.status, got.body)
			continue
		}
		if diff := cmp.Diff(want, f.lastQuery().BlendA); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
	if got := r.call("POST", "/v1/recommendations", `{"placement":"home","blend":null,"candidates":null}`, pageKey); got.status != 200 {
		t.Errorf("null is not left out: %d %s", got.status, got.body)
	}
}

// TestSessionAlone: the rule of the session package, under its text, and not
// for a secret key.
func TestSessionAlone(t *testing.T) {
	r := run(t, newServer(t, newFakeSite()))
	const body = `{"placement":"home","session_id":"s1"}`
	if got := r.call("POST", "/v1/recommendations", body, secretKey); got.status != 200 {
		t.Errorf("a server's short session id: %d %s", got.status, got.body)
	}
	who := site.Query{}.Who
	who.SessionID = "s1"
	got := r.call("POST", "/v1/recommendations", body, pageKey)
	if want := who.CheckSessionAlone().Error(); !strings.HasSuffix(want, got.problem(t).Detail) {
		t.Errorf("answered %q, the rule says %q", got.problem(t).Detail, want)
	}
}
