package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/nextbest/nextbest/internal/fault"
)

// Reply is an answer made in-process by the API's own decoder and encoder.
type Reply struct {
	Status       int
	ContentType  string
	ServerTiming string // figure per stage, as /v1/recommendations sends it; may be empty
	Body         []byte
}

// Deps is what the page's same-origin routes need of the running program.
type Deps struct {
	Data *Data

	// Recommend answers the body of a POST /v1/recommendations of the demo
	// site with the rights of its secret key: explain, why_not and blend.
	Recommend func(ctx context.Context, body []byte) Reply

	// Session is what is known of a visitor, in the shape of
	// GET /v1/visitors/{id}; fault.NotFound when nothing is.
	Session func(ctx context.Context, anonymousID string) (any, error)
}

// maxBody bounds a request to /demo/recommendations: the API's own bound.
const maxBody = 512 << 10

// security is what every answer of the page carries. The page loads nothing
// from elsewhere and is framed by nobody.
func security() [][2]string {
	return [][2]string{
		{"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
		{"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", "same-origin"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"X-Frame-Options", "DENY"},
	}
}

// Handler serves the page at "/", its assets and the routes under /demo/ that
// call the site in-process, so that the page's publishable key gains no right.
// An error means that the built page is missing from the binary.
func Handler(deps Deps) (http.Handler, error) {
	if deps.Data == nil || deps.Recommend == nil || deps.Session == nil {
		return nil, errors.New("demo: Deps wants Data, Recommend and Session")
	}
	assets, err := loadAssets(dist)
	if err != nil {
		return nil, fmt.Errorf("demo page: %w", err)
	}
	shelf, err := newCatalog(deps.Data)
	if err != nil {
		return nil, fmt.Errorf("demo catalog: %w", err)
	}
	people, err := json.Marshal(map[string]any{"customers": deps.Data.Customers})
	if err != nil {
		return nil, fmt.Errorf("demo customers: %w", err)
	}
	h := &handler{deps: deps}
	mux := http.NewServeMux()
	for name, a := range assets {
		mux.Handle("GET "+name, a)
	}
	mux.Handle("GET /demo/catalog", shelf)
	mux.Handle("GET /demo/customers", newAsset("application/json", revalidate, people))
	mux.HandleFunc("POST /demo/recommendations", h.recommend)
	mux.HandleFunc("GET /demo/session", h.session)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusNotFound, "not_found", "There is no such page here.")
	})
	return secured(mux), nil
}

type handler struct{ deps Deps }

// secured adds the headers and refuses what a page of another origin sends:
// these routes have rights that no other page may borrow.
func secured(next http.Handler) http.Handler {
	headers := security()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, h := range headers {
			w.Header().Set(h[0], h[1])
		}
		if foreign(r) {
			problem(w, http.StatusForbidden, "origin", "Only the demo's own page may call this.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign says whether another origin's page made the request. Following a
// link to the shop is no such request.
func foreign(r *http.Request) bool {
	if !strings.HasPrefix(r.URL.Path, "/demo/") || strings.HasPrefix(r.URL.Path, "/demo/assets/") {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
	default:
		return true
	}
	origin := r.Header.Get("Origin")
	return origin != "" && origin != "http://"+r.Host && origin != "https://"+r.Host
}

func (h *handler) recommend(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			problem(w, http.StatusRequestEntityTooLarge, "body_too_large", "The request is larger than 512 KiB.")
			return
		}
		problem(w, http.StatusBadRequest, "body", "The request could not be read.")
		return
	}
	a := h.deps.Recommend(r.Context(), body)
	if a.ServerTiming != "" {
		w.Header().Set("Server-Timing", a.ServerTiming)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", a.ContentType)
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the visitor left: nobody to tell
}

func (h *handler) session(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("anonymous_id")
	if id == "" || len(id) > 128 {
		problem(w, http.StatusUnprocessableEntity, "anonymous_id", "anonymous_id wants 1 to 128 bytes.")
		return
	}
	view, err := h.deps.Session(r.Context(), id)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		// A visitor of whom nothing is known is a new visitor, not a mistake.
		view = map[string]any{"anonymous_id": id, "session": nil, "profile": nil}
	case err != nil:
		w.Header().Set("Retry-After", "1")
		problem(w, http.StatusServiceUnavailable, "session", "The session could not be read just now.")
		return
	}
	body, err := json.Marshal(view)
	if err != nil {
		problem(w, http.StatusInternalServerError, "internal", "The session could not be shown.")
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // as above
}

func problem(w http.ResponseWriter, status int, code, detail string) {
	body, err := json.Marshal(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail,
	})
	if err != nil {
		body = []byte(`{}`)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
