// Package fake is a small server with the parts of the HTTP interface that the
// load test uses. The drivers' tests run against it: with one of its faults
// switched on, a driver must say so.
package fake

import (
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is one way of being wrong.
type Fault string

// The faults. Each breaks one promise.
const (
	None         Fault = ""
	Forgets      Fault = "an acknowledged event is not stored"
	CountsTwice  Fault = "a repeated event counts again"
	StartsAnew   Fault = "a restart begins a new session"
	AnswersStale Fault = "an answer does not see the newest event"
	WrongItem    Fault = "an answer holds an item that nobody sent"
	Degrades     Fault = "answers are degraded"
	TooFew       Fault = "an answer lacks an item"
	Refuses      Fault = "every tenth request is refused"
)

type stored struct {
	ID   string `json:"event_id"`
	Kind string `json:"kind"`
	Item string `json:"item_id"`
	TS   int64  `json:"ts"`
}

type session struct {
	id     string
	events []stored // newest first
	count  int
}

// Server answers from memory that plays the disk: it outlives Kill.
type Server struct {
	Fault Fault
	Items []string // what answers are made of until somebody sends more

	mu       sync.Mutex
	sessions map[string]*session // by visitor
	sent     []string
	requests int
	boots    int
	http     *http.Server
	addr     string
	done     chan struct{}
}

// Start listens, at the same address each time.
func (s *Server) Start() error {
	addr := s.addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	s.addr = l.Addr().String()
	s.mu.Lock()
	if s.sessions == nil {
		s.sessions, s.sent = map[string]*session{}, slices.Clone(s.Items)
	}
	s.boots++
	s.mu.Unlock()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/events", s.events)
	mux.HandleFunc("POST /v1/recommendations", s.recommend)
	mux.HandleFunc("GET /v1/visitors/{id}", s.visitor)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		_ = s.http.Serve(l) // ends with Kill
	}()
	return nil
}

// Addr is where it answers.
func (s *Server) Addr() string { return s.addr }

// Kill cuts every connection.
func (s *Server) Kill() error {
	err := s.http.Close()
	<-s.done
	return err
}

type request struct {
	AnonymousID string   `json:"anonymous_id"`
	SessionID   string   `json:"session_id"`
	Limit       int      `json:"limit"`
	Events      []stored `json:"events"`
}

// fold stores a request's events and tells how many were new.
func (s *Server) fold(r *request) (ses *session, fresh int) {
	ses = s.sessions[r.AnonymousID]
	if ses == nil {
		ses = &session{id: r.SessionID}
		if ses.id == "" {
			ses.id = "made-" + r.AnonymousID
		}
		s.sessions[r.AnonymousID] = ses
	}
	if s.Fault == StartsAnew && s.boots > 1 {
		ses.id = "boot-" + strconv.Itoa(s.boots)
	}
	for _, e := range r.Events {
		s.requests++
		known := slices.ContainsFunc(ses.events, func(o stored) bool { return o.ID == e.ID })
		if known && s.Fault != CountsTwice {
			continue
		}
		fresh++
		if s.Fault == Forgets && s.requests%10 == 0 {
			continue
		}
		ses.events = append(ses.events, e)
		ses.count++
		if !slices.Contains(s.sent, e.Item) {
			s.sent = append(s.sent, e.Item)
		}
	}
	slices.SortStableFunc(ses.events, func(a, b stored) int {
		if a.TS != b.TS {
			return int(b.TS - a.TS)
		}
		return strings.Compare(b.ID, a.ID)
	})
	return ses, fresh
}

func (s *Server) refuse(w http.ResponseWriter) bool {
	s.requests++
	if s.Fault != Refuses || s.requests%10 != 0 {
		return false
	}
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	return true
}

func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	var req request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse(w) {
		return
	}
	ses, fresh := s.fold(&req)
	write(w, http.StatusAccepted, map[string]any{
		"accepted": fresh, "duplicate": len(req.Events) - fresh, "invalid": []string{}, "shed": 0,
		"durability": "os", "session": ses.summary(0),
	})
}

func (s *Server) recommend(w http.ResponseWriter, r *http.Request) {
	var req request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse(w) {
		return
	}
	ses, _ := s.fold(&req)
	limit := min(req.Limit, len(s.sent))
	if s.Fault == TooFew {
		limit--
	}
	items := []map[string]any{}
	for i := range limit {
		id := s.sent[len(s.sent)-1-i]
		if s.Fault == WrongItem && i == 0 {
			id += "?"
		}
		items = append(items, map[string]any{"item_id": id, "slot": i + 1, "score": 1})
	}
	skip, lacks := 0, []string{}
	if s.Fault == AnswersStale {
		skip = 1
	}
	if s.Fault == Degrades {
		lacks = append(lacks, "model")
	}
	write(w, http.StatusOK, map[string]any{"items": items, "session": ses.summary(skip), "degraded": lacks})
}

func (s *Server) visitor(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ses := s.sessions[r.PathValue("id")]
	if ses == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	sum := ses.summary(0)
	sum["recent_events"] = ses.events[:min(96, len(ses.events))]
	write(w, http.StatusOK, map[string]any{"session": sum, "profile": nil})
}

// summary leaves the newest events out when the fault asks for it.
func (s *session) summary(skip int) map[string]any {
	last := ""
	if len(s.events) > skip {
		last = s.events[skip].ID
	}
	return map[string]any{"session_id": s.id, "events": s.count - skip, "last_event_id": last}
}

func write(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that went away needs no answer
}
