package httpapi

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strconv"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/internal/site"
)

// How many decisions a list holds.
const (
	defaultDecisions = 20
	maxDecisions     = 100
)

// TokenTime is when a recommendation id says that its list was made, in epoch
// ms; false for what is no such id. It does not say who made the id.
func TokenTime(id string) (int64, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil || len(b) < 2+tokenFixed+tokenMAC || b[0] != tokenVersion || len(b) != 2+int(b[1])+tokenFixed+tokenMAC {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(b[2+int(b[1]):])), true
}

// listDecisions answers the newest sampled answers with what they were decided
// from.
func listDecisions(c *call) error {
	limit, before := defaultDecisions, c.received
	if text := c.queryArg("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxDecisions {
			return invalidField("invalid_limit", "/limit", "must be a whole number between 1 and 100")
		}
		limit = n
	}
	if text := c.queryArg("before"); text != "" {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return invalidField("invalid_field", "/before", "must be a time as RFC 3339 writes it")
		}
		before = t
	}
	all, err := c.site.Decisions(c.ctx, before, limit)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string][]site.KeptDecision{"decisions": all})
}

// getDecision answers one, with its scores computed again.
func getDecision(c *call) error {
	id, err := c.param("id")
	if err != nil {
		return err
	}
	t, ok := c.s.signer.Verify(c.siteName, id)
	if !ok {
		return fault.NotFoundf("unknown_decision", "this is no recommendation_id of this site")
	}
	d, err := c.site.Decision(c.ctx, t.Time, id)
	if err != nil {
		return err
	}
	r, err := c.site.Replay(c.ctx, d)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, r)
}
