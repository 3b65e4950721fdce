package demo

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/internal/fault"
)

// shop is a handler with fakes behind it.
func shop(t *testing.T) (h http.Handler, asked *string) {
	t.Helper()
	asked = new(string)
	h, err := Handler(Deps{
		Data: load(t),
		Recommend: func(_ context.Context, body []byte) Reply {
			*asked = string(body)
			return Reply{Status: 404, ContentType: "application/problem+json", ServerTiming: "score;dur=0.1", Body: []byte(`{"code":"unknown_placement"}`)}
		},
		Session: func(_ context.Context, id string) (any, error) {
			switch id {
			case "nobody":
				return nil, fault.NotFoundf("visitor", "nothing is known")
			case "broken":
				return nil, errors.New("disk")
			}
			return map[string]string{"anonymous_id": id}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h, asked
}

func get(t *testing.T, h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	return send(h, httptest.NewRequest(http.MethodGet, target, nil), header...)
}

func send(h http.Handler, r *http.Request, header ...string) *httptest.ResponseRecorder {
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPageAndItsAssets(t *testing.T) {
	h, _ := shop(t)
	page := get(t, h, "/")
	if page.Code != 200 || page.Header().Get("Cache-Control") != "no-cache" || !strings.HasPrefix(page.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("page: %d %v", page.Code, page.Header())
	}
	if csp := page.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	html := page.Body.String()
	if strings.Contains(html, "<style") || regexp.MustCompile(`<script[^>]*>[^<]`).MatchString(html) || strings.Contains(html, " style=") {
		t.Error("the page has something inline, which its own policy refuses")
	}
	kinds := map[string]string{".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
	found := 0
	for _, m := range regexp.MustCompile(`(?:src|href)="(/[^"]+?(\.\w+))"`).FindAllStringSubmatch(html, -1) {
		found++
		a := get(t, h, m[1])
		if a.Code != 200 || !strings.HasPrefix(a.Header().Get("Content-Type"), kinds[m[2]]) || !strings.Contains(a.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", m[1], a.Code, a.Header())
		}
		if a.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s may be sniffed", m[1])
		}
	}
	if found != 3 {
		t.Errorf("the page names %d assets, want script, style and icon", found)
	}
}

func TestCompressedAndRevalidated(t *testing.T) {
	h, _ := shop(t)
	w := get(t, h, "/demo/catalog", "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("headers %v", w.Header())
	}
	if n := w.Body.Len(); n > 150_000 {
		t.Errorf("the catalog is %d bytes on the wire", n)
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var catalog struct {
		Currency string
		Items    []tile
	}
	if err := json.Unmarshal(body, &catalog); err != nil || len(catalog.Items) < 3500 || catalog.Items[0].Category == "" {
		t.Fatalf("%d items, %v", len(catalog.Items), err)
	}
	if again := get(t, h, "/demo/catalog", "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified {
		t.Errorf("unchanged catalog answered %d", again.Code)
	}
}

func TestCustomersAndSession(t *testing.T) {
	h, _ := shop(t)
	if w := get(t, h, "/demo/customers"); w.Code != 200 || !strings.Contains(w.Body.String(), `"leaning":`) {
		t.Errorf("customers: %d %s", w.Code, w.Body)
	}
	for target, want := range map[string]int{
		"/demo/session?anonymous_id=a1":                          200,
		"/demo/session?anonymous_id=nobody":                      200,
		"/demo/session?anonymous_id=broken":                      503,
		"/demo/session":                                          422,
		"/demo/session?anonymous_id=" + strings.Repeat("x", 129): 422,
		"/demo/elsewhere":                                        404,
		"/demo/assets/":                                          404,
		"/demo/assets/../index.html":                             307,
	} {
		if w := get(t, h, target); w.Code != want {
			t.Errorf("%.40s: %d, want %d", target, w.Code, want)
		}
	}
	if w := get(t, h, "/demo/session?anonymous_id=broken"); strings.Contains(w.Body.String(), "disk") || w.Header().Get("Retry-After") == "" {
		t.Errorf("a cause is shown, or no time to retry: %v %s", w.Header(), w.Body)
	}
}

func TestRecommendPassesTheReplyOn(t *testing.T) {
	h, asked := shop(t)
	r := httptest.NewRequest(http.MethodPost, "/demo/recommendations", strings.NewReader(`{"placement":"nowhere"}`))
	w := send(h, r, "Sec-Fetch-Site", "same-origin")
	if w.Code != 404 || w.Header().Get("Server-Timing") != "score;dur=0.1" || w.Header().Get("Cache-Control") != "no-store" || !strings.Contains(w.Body.String(), "unknown_placement") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if *asked != `{"placement":"nowhere"}` {
		t.Errorf("asked %q", *asked)
	}
	big := httptest.NewRequest(http.MethodPost, "/demo/recommendations", strings.NewReader(strings.Repeat(" ", maxBody+1)))
	if w := send(h, big); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: %d", w.Code)
	}
}

func TestOtherOriginsBorrowNothing(t *testing.T) {
	h, asked := shop(t)
	for name, header := range map[string][]string{
		"cross-site":   {"Sec-Fetch-Site", "cross-site"},
		"same-site":    {"Sec-Fetch-Site", "same-site"},
		"other origin": {"Origin", "https://elsewhere.example"},
		"null origin":  {"Origin", "null"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/demo/recommendations", strings.NewReader(`{}`))
		if w := send(h, r, header...); w.Code != http.StatusForbidden || *asked != "" {
			t.Errorf("%s: %d, asked %q", name, w.Code, *asked)
		}
	}
	own := httptest.NewRequest(http.MethodPost, "/demo/recommendations", strings.NewReader(`{}`))
	if w := send(h, own, "Origin", "http://example.com"); w.Code == http.StatusForbidden {
		t.Error("the page's own origin is refused")
	}
	if w := get(t, h, "/", "Sec-Fetch-Site", "cross-site"); w.Code != 200 {
		t.Errorf("a link to the shop is refused: %d", w.Code)
	}
}

func TestHandlerWantsItsDeps(t *testing.T) {
	if _, err := Handler(Deps{}); err == nil {
		t.Error("no error without deps")
	}
}
