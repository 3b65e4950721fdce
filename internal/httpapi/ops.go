package httpapi

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"runtime"
	"runtime/debug"
	"time"
)

// Ops is the handler of the second listener, for operators only: liveness,
// readiness, version, metrics and profiles; metrics may be nil.
func (s *Server) Ops(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		writeStatus(w, http.StatusOK, map[string]string{"status": "alive"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		status, reason := s.ready()
		writeStatus(w, status, reason)
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		writeStatus(w, http.StatusOK, s.version())
	})
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// OpsServer is a server for the second listener with sane timeouts. A profile
// takes its time, so writing has no bound.
func (s *Server) OpsServer(metrics http.Handler) *http.Server {
	return &http.Server{
		Handler:           s.Ops(metrics),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    headerLimit,
	}
}

func (s *Server) ready() (int, map[string]string) {
	if s.draining.Load() {
		return http.StatusServiceUnavailable, map[string]string{"status": "draining"}
	}
	if s.cfg.Ready != nil {
		if err := s.cfg.Ready(); err != nil {
			return http.StatusServiceUnavailable, map[string]string{"status": "not ready", "reason": err.Error()}
		}
	}
	return http.StatusOK, map[string]string{"status": "ready"}
}

func (s *Server) version() map[string]string {
	v := map[string]string{"version": s.cfg.Version, "go": runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, set := range info.Settings {
			if set.Key == "vcs.revision" {
				v["revision"] = set.Value
			}
		}
	}
	return v
}

func writeStatus(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", typeJSON)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client may be gone
}
