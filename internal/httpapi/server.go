// Package httpapi is the HTTP face of the program and the only package that
// knows Fiber: it checks framing, size, keys and JSON, calls a Site, and turns
// its answer or its error into HTTP. It knows no store.
package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/nextbest/nextbest/internal/keys"
	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/drift"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

// Site is what HTTP needs of one running site; *site.Site is one. Errors carry
// their meaning as a fault.Error; one without is answered as a 500.
type Site interface {
	// Collect takes a batch of events in; with ingest.Wait an accepted event is stored.
	Collect(ctx context.Context, r *ingest.Request) (ingest.Result, error)
	// Recommend fills the answer, which may hold anything before. It keeps
	// nothing of the query or the answer but their strings.
	Recommend(ctx context.Context, q *site.Query, a *site.Answer) error
	// Placements names what can be asked for, in order; the caller changes nothing.
	Placements() []string

	PutItems(ctx context.Context, items []catalog.Item) ([]error, error)
	Item(id string) (catalog.Item, bool)
	PatchItem(ctx context.Context, id string, p catalog.Patch) (catalog.Item, error)

	Visitor(ctx context.Context, id string) (site.VisitorView, error)
	EraseVisitor(ctx context.Context, id string) (site.Receipt, error)

	Models(ctx context.Context) (all []site.ModelVersion, active string, err error)
	// PutModel keeps a model with the gate's report on it; force overrules that.
	PutModel(ctx context.Context, body []byte, force bool) (site.ModelVersion, error)
	ActivateModel(ctx context.Context, id string, force bool) error
	// Train makes a model of the kept log and activates it when the gate says so.
	Train(ctx context.Context, o site.TrainOptions, progress site.Progress) (v site.ModelVersion, active bool, err error)

	// Drift is how far the inputs of the model have moved since training.
	Drift() []drift.Figure
	// Decision is the sampled answer of an id made at that time, epoch ms.
	Decision(ctx context.Context, at int64, id string) (site.KeptDecision, error)
	// Decisions are at most limit of those made before a time, newest first.
	Decisions(ctx context.Context, before time.Time, limit int) ([]site.KeptDecision, error)
	// Replay computes a decision's scores again.
	Replay(ctx context.Context, d site.KeptDecision) (site.Replayed, error)

	ImportProfiles(ctx context.Context, profiles []profile.Profile, version string, activate bool) error
	ImportEvents(ctx context.Context, recs []event.Record) (stored int, err error)

	// Ready reports why the site cannot answer, nil when it can.
	Ready() error
}

// KeyStore keeps the keys that the control plane makes and revokes.
type KeyStore interface {
	// PutKey stores a key and then makes Config.Keys hold it: on an error it
	// does not count.
	PutKey(ctx context.Context, k keys.Key) error
}

// Route is a further route on the public listener, of another package: the
// demo's page, the SDK's file. It is served as it is, without a key; request
// and answer are held in memory.
type Route struct {
	Method, Path string // Fiber's path syntax: "/sdk/v1/nextbest.js", "/demo/*"; a GET answers HEAD too
	Limit        int    // bytes of the request's body; 0 means 1 MiB
	Handler      http.Handler
}

// Timeouts bound how long a client may take. Zero fields take the defaults.
type Timeouts struct {
	Read     time.Duration // a whole request, uploads aside: 5 s
	Write    time.Duration // a whole answer: 10 s
	Idle     time.Duration // between two requests: 30 s
	Answer   time.Duration // our own deadline for a recommendation or a batch of events: 2 s
	Control  time.Duration // for a call to the control plane: 30 s
	Transfer time.Duration // for an import, an upload, a training: 30 min
}

// Limits bound how much is worked on at once; more is refused with 503 within
// the time it takes to say so. The lanes are separate, so that a flood of
// beacons leaves recommendations their place.
type Limits struct {
	Live    int // recommendations: 1,024
	Events  int // batches of events: 1,024
	Control int // control plane: 64
}

// Config is what a Server needs. Sites and Keys are required.
type Config struct {
	Sites          func(name string) (Site, bool)
	Keys           *keys.Ring
	KeyStore       KeyStore // nil: keys made over HTTP live as long as the process
	Logger         *slog.Logger
	MeterProvider  metric.MeterProvider // nil: no metrics
	TracerProvider trace.TracerProvider // nil: no spans
	Now            func() time.Time     // nil: the machine's clock
	Random         io.Reader            // request ids, recommendation ids, keys; nil: crypto/rand
	TokenSecret    []byte               // signs recommendation ids; empty: random, valid until the process ends
	Demo           bool                 // keys of the site "demo" are also taken from pages of this very address
	Version        string
	Ready          func() error // why the program cannot serve, nil when it can; may be nil
	Extra          []Route
	Timeouts       Timeouts
	Limits         Limits
}

// DemoSite is the site that Config.Demo is about.
const DemoSite = "demo"

// Server answers the public listener and makes the handler of the second one.
type Server struct {
	cfg      Config
	app      *fiber.App
	http     *fasthttp.Server
	inner    fasthttp.RequestHandler // Fiber's router
	hot      map[string]*route       // by path: POST, where no router is needed
	log      *slog.Logger
	signer   *Signer
	bots     *botCache
	meters   *meters
	spans    *spans
	lanes    [laneCount]lane
	calls    sync.Pool // *call
	ids      idSource
	lists    atomic.Uint64 // numbers of recommendation ids; starts anywhere
	draining atomic.Bool
}

// New makes a server; Listen starts it.
func New(cfg Config) (*Server, error) {
	if cfg.Sites == nil || cfg.Keys == nil {
		return nil, errors.New("httpapi: Config.Sites and Config.Keys are required")
	}
	cfg = cfg.withDefaults()
	s := &Server{cfg: cfg, log: cfg.Logger, bots: newBotCache(), spans: newSpans(cfg.TracerProvider)}
	var err error
	if s.signer, err = newSigner(cfg.TokenSecret, cfg.Random); err != nil {
		return nil, err
	}
	if s.meters, err = newMeters(cfg.MeterProvider); err != nil {
		return nil, fmt.Errorf("make the http instruments: %w", err)
	}
	start, err := s.ids.seed(cfg.Random)
	if err != nil {
		return nil, err
	}
	s.lists.Store(start)
	s.lanes = [laneCount]lane{
		laneLive: {max: int64(cfg.Limits.Live)}, laneEvents: {max: int64(cfg.Limits.Events)}, laneControl: {max: int64(cfg.Limits.Control)},
	}
	s.calls.New = func() any { return newCall(s) }
	s.build()
	return s, nil
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	t := &c.Timeouts
	for _, d := range []struct {
		at  *time.Duration
		def time.Duration
	}{
		{&t.Read, 5 * time.Second}, {&t.Write, 10 * time.Second}, {&t.Idle, 30 * time.Second},
		{&t.Answer, 2 * time.Second}, {&t.Control, 30 * time.Second}, {&t.Transfer, 30 * time.Minute},
	} {
		if *d.at <= 0 {
			*d.at = d.def
		}
	}
	for _, n := range []struct {
		at  *int
		def int
	}{{&c.Limits.Live, 1024}, {&c.Limits.Events, 1024}, {&c.Limits.Control, 64}} {
		if *n.at <= 0 {
			*n.at = n.def
		}
	}
	return c
}

const (
	headerLimit = 8 << 10 // request line and headers; more is 431
	prefetched  = 8 << 10 // fasthttp has read this much of a body before the handler runs
)

// build sets up Fiber and fasthttp. Fiber only routes: everything around a
// route is done in serve, so that a request which no route gets, is refused in
// the same way. What is asked for thousands of times a second is found without
// it.
func (s *Server) build() {
	s.app = fiber.New(fiber.Config{
		AppName:                      "nextbest",
		DisableStartupMessage:        true,
		Immutable:                    true, // the hot handlers read fasthttp's bytes and copy what they keep
		CaseSensitive:                true,
		StrictRouting:                true,
		StreamRequestBody:            true, // each route caps its own body
		DisablePreParseMultipartForm: true,
		BodyLimit:                    prefetched,
		ReadBufferSize:               headerLimit,
		ReadTimeout:                  s.cfg.Timeouts.Read,
		WriteTimeout:                 s.cfg.Timeouts.Write,
		IdleTimeout:                  s.cfg.Timeouts.Idle,
		DisableDefaultContentType:    true,
		ErrorHandler:                 s.unrouted,
	})
	s.hot = map[string]*route{}
	for _, r := range s.routes() {
		s.register(r)
		if r.method == fiber.MethodPost && r.lane != laneControl {
			s.hot[r.path] = r
		}
	}
	for _, r := range s.cfg.Extra {
		s.registerExtra(r)
	}
	s.inner = s.app.Handler()
	s.http = s.app.Server()
	s.http.Handler = s.serve
	s.http.ErrorHandler = s.unreadable
	s.http.ConnState = connState
	s.http.HeaderReceived = headerReceived
	s.http.CloseOnShutdown = true
	s.http.SecureErrorLogMessage = true
}

// headerReceived lets a handler see a large body's request at once: fasthttp
// would wait for the first 8 KiB, and a refusal must not.
func headerReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if h.ContentLength() > prefetched {
		return fasthttp.RequestConfig{MaxRequestBodySize: 1}
	}
	return fasthttp.RequestConfig{}
}

// Listen answers requests on ln until Shutdown, then returns nil.
func (s *Server) Listen(ln net.Listener) error {
	return s.app.Listener(lingering{ln})
}

// Shutdown stops accepting, lets running requests end and closes idle
// connections; it gives up when ctx ends. Readiness is false at once.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	if err := s.app.ShutdownWithContext(ctx); err != nil {
		return fmt.Errorf("wait for the running requests: %w", err)
	}
	return nil
}

// Drain makes readiness false, so that load balancers stop sending, while
// requests are still answered. Shutdown does it too.
func (s *Server) Drain() { s.draining.Store(true) }
