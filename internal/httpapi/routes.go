package httpapi

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/nextbest/nextbest/internal/keys"
)

// route is one endpoint: where it is, who may call it, and what it costs.
type route struct {
	method string
	path   string     // Fiber's syntax
	name   string     // as in openapi.json and as metric label
	scope  keys.Scope // the least key that may call it; "" for none
	lane   laneID
	limit  int           // of the body, in bytes
	wait   time.Duration // overrides the lane's deadline
	allow  string        // for preflights
	handle func(c *call) error
	labels labelCache
}

// within is the route's own deadline.
func (r *route) within(t *Timeouts) time.Duration {
	switch {
	case r.wait > 0:
		return r.wait
	case r.lane == laneControl:
		return t.Control
	}
	return t.Answer
}

const (
	kilo = 1 << 10
	mega = 1 << 20

	limitEvents    = 512 * kilo
	limitRecommend = 512 * kilo
	limitItems     = 8 * mega
	limitSmall     = 64 * kilo
	limitModel     = 512 * mega
	limitImport    = 4096 * mega
)

// routes is the table of all endpoints.
func (s *Server) routes() []*route {
	transfer := s.cfg.Timeouts.Transfer
	rs := []*route{
		{method: fiber.MethodPost, path: "/v1/events", scope: keys.Publishable, lane: laneEvents, limit: limitEvents, handle: events},
		{method: fiber.MethodPost, path: "/v1/recommendations", scope: keys.Publishable, lane: laneLive, limit: limitRecommend, handle: recommendations},
		{method: fiber.MethodGet, path: "/v1/recommendations", scope: keys.Publishable, lane: laneLive, handle: recommendationsByQuery},
		{method: fiber.MethodPost, path: "/v1/rank", scope: keys.Publishable, lane: laneLive, limit: limitRecommend, handle: rank},
		{method: fiber.MethodGet, path: "/v1/placements", scope: keys.Secret, lane: laneControl, handle: guarded(placements)},
		{method: fiber.MethodPut, path: "/v1/items", scope: keys.Secret, lane: laneControl, limit: limitItems, handle: guarded(putItems)},
		{method: fiber.MethodGet, path: "/v1/items/:id", name: "/v1/items/{id}", scope: keys.Secret, lane: laneControl, handle: guarded(getItem)},
		{method: fiber.MethodPatch, path: "/v1/items/:id", name: "/v1/items/{id}", scope: keys.Secret, lane: laneControl, limit: limitSmall, handle: guarded(patchItem)},
		{method: fiber.MethodGet, path: "/v1/visitors/:id", name: "/v1/visitors/{id}", scope: keys.Secret, lane: laneControl, handle: guarded(getVisitor)},
		{method: fiber.MethodDelete, path: "/v1/visitors/:id", name: "/v1/visitors/{id}", scope: keys.Secret, lane: laneControl, handle: guarded(eraseVisitor)},
		{method: fiber.MethodGet, path: "/v1/keys", scope: keys.Secret, lane: laneControl, handle: guarded(listKeys)},
		{method: fiber.MethodPost, path: "/v1/keys", scope: keys.Secret, lane: laneControl, limit: limitSmall, handle: guarded(createKey)},
		{method: fiber.MethodDelete, path: "/v1/keys/:id", name: "/v1/keys/{id}", scope: keys.Secret, lane: laneControl, handle: guarded(revokeKey)},
		{method: fiber.MethodGet, path: "/v1/models", scope: keys.Secret, lane: laneControl, handle: guarded(listModels)},
		{method: fiber.MethodPut, path: "/v1/models", scope: keys.Secret, lane: laneControl, limit: limitModel, wait: transfer, handle: guarded(putModel)},
		{method: fiber.MethodPost, path: `/v1/models\:train`, name: "/v1/models:train", scope: keys.Secret, lane: laneControl, limit: limitSmall, wait: transfer, handle: guarded(trainModel)},
		{method: fiber.MethodPost, path: "/v1/models/:ref", name: "/v1/models/{id}:activate", scope: keys.Secret, lane: laneControl, limit: limitSmall, wait: transfer, handle: guarded(activateModel)},
		{method: fiber.MethodGet, path: "/v1/decisions", scope: keys.Secret, lane: laneControl, handle: guarded(listDecisions)},
		{method: fiber.MethodGet, path: "/v1/decisions/:id", name: "/v1/decisions/{id}", scope: keys.Secret, lane: laneControl, handle: guarded(getDecision)},
		{method: fiber.MethodPost, path: "/v1/imports/:kind", name: "/v1/imports/{kind}", scope: keys.Secret, lane: laneControl, limit: limitImport, wait: transfer, handle: guarded(importRows)},
		{method: fiber.MethodGet, path: "/openapi.json", lane: laneControl, handle: openAPI},
	}
	for _, p := range []struct{ path, allow string }{
		{"/v1/events", "POST, OPTIONS"}, {"/v1/recommendations", "GET, POST, OPTIONS"}, {"/v1/rank", "POST, OPTIONS"},
	} {
		rs = append(rs, &route{method: fiber.MethodOptions, path: p.path, lane: laneControl, allow: p.allow, handle: preflight})
	}
	for _, r := range rs {
		if r.name == "" {
			r.name = r.path
		}
	}
	return rs
}

// guarded puts the key before a control-plane handler. Its body is larger than
// a key is worth reading for, so the key comes in a header or the query, and
// only a declared length can be refused before it.
func guarded(handle func(c *call) error) func(c *call) error {
	return func(c *call) error {
		if c.rc.Request.Header.ContentLength() > c.route.limit && c.route.limit > 0 {
			return tooLarge(c.route.limit)
		}
		if err := c.authorize(c.headerKey()); err != nil {
			return err
		}
		return handle(c)
	}
}
