package httpapi

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session/event"
)

const defaultLimit = 20

// recommendations answers POST /v1/recommendations.
func recommendations(c *call) error {
	if err := c.readQuery(); err != nil {
		return err
	}
	return c.recommend()
}

// rank answers POST /v1/rank: the caller's own candidates in the best order.
func rank(c *call) error {
	if err := c.readQuery(); err != nil {
		return err
	}
	if len(c.query.Candidates) == 0 {
		return invalidField("candidates_missing", "/candidates", "must hold 1 to 1000 item ids")
	}
	return c.recommend()
}

// startQuery points the reader at this request.
func (c *call) startQuery() *queryInput {
	c.in.q = &c.query
	return &c.in
}

// readQuery reads the body into c.query in the documented order of checks:
// size, key, JSON, fields.
func (c *call) readQuery() error {
	err, content := c.readBody(c.route.limit)
	if err != nil {
		return err
	}
	secret := c.headerKey()
	if len(secret) > 0 && !c.trusted {
		if err := c.authorize(secret); err != nil {
			return err
		}
	}
	d := c.startQuery()
	if content == nil {
		if content = c.checkType(); content == nil {
			content = d.decode(c.body)
		}
	}
	if c.site == nil {
		if err := c.authorize(c.bodyKey(d.key, content)); err != nil {
			return err
		}
	}
	if content != nil {
		return content
	}
	return c.checkFields()
}

// checkFields looks at what was read: first whether the key may ask for it.
func (c *call) checkFields() error {
	if err := c.checkScope(); err != nil {
		return err
	}
	if f := c.in.fault; f != nil {
		return f
	}
	return nil
}

// bodyKey is the key in the body, also of a body that is broken behind it.
func (c *call) bodyKey(decoded string, content error) []byte {
	if decoded == "" && content != nil {
		return keyOf(c.body)
	}
	return []byte(decoded)
}

// checkType lets JSON through under the names that browsers send without a
// preflight, and under the one that curl -d gives to everything; a missing type
// counts as JSON.
func (c *call) checkType() error {
	t := c.rc.Request.Header.ContentType()
	if i := bytes.IndexByte(t, ';'); i >= 0 {
		t = t[:i]
	}
	if t = bytes.TrimSpace(t); len(t) == 0 || asciiEqual(t, typeJSON) || asciiEqual(t, "text/plain") {
		return nil
	}
	if asciiEqual(t, "application/x-www-form-urlencoded") && bytes.HasPrefix(bytes.TrimSpace(c.body), []byte("{")) {
		return nil
	}
	return withStatus(fault.Invalidf("unsupported_media_type", "Content-Type %s is not understood; send application/json or text/plain", printable(string(t))),
		http.StatusUnsupportedMediaType)
}

// checkScope keeps what explains or steers an answer to secret keys.
func (c *call) checkScope() error {
	if c.secret() {
		return nil
	}
	field := ""
	switch q := &c.query; {
	case q.Explain:
		field = "explain"
	case len(q.WhyNot) > 0:
		field = "why_not"
	case c.in.blended:
		field = "blend"
	default:
		return nil
	}
	f := fault.Invalidf("key_scope", "%s needs a secret key (sk_…)", field).At("/"+field, "not allowed with a publishable key")
	return withStatus(f, http.StatusForbidden)
}

// checkMeaning looks at what the fields say together.
func (c *call) checkMeaning() error {
	q := &c.query
	if q.Limit == 0 {
		q.Limit = defaultLimit
	}
	switch {
	case q.Placement == "":
		return invalidField("placement_missing", "/placement", "is missing; name one of: "+strings.Join(c.site.Placements(), ", "))
	case !slices.Contains(c.site.Placements(), q.Placement):
		return fault.NotFoundf("unknown_placement", "there is no placement %s; there are: %s", printable(q.Placement), strings.Join(c.site.Placements(), ", ")).
			At("/placement", "name one of the placements that exist")
	}
	return q.Who.CheckSessionAlone()
}

// recommend makes the answer to c.query.
func (c *call) recommend() error {
	q := &c.query
	q.Who.Secret = c.secret()
	q.Who.Site = c.siteName
	if err := c.checkMeaning(); err != nil {
		return err
	}
	q.GPC, q.Bot, q.ReceivedAt = c.gpc(), c.isBot(), c.received
	if err := c.inlineEvents(); err != nil {
		return err
	}
	c.s.meters.ignored(c.route, c.in.unknown)
	if err := c.site.Recommend(c.ctx, q, &c.answer); err != nil {
		return err
	}
	c.encodeAnswer()
	c.allowOrigin()
	c.sendOut(http.StatusOK)
	c.serverTiming()
	return nil
}

// inlineEvents decodes the events that came with the request.
func (c *call) inlineEvents() error {
	if c.in.events == nil {
		return nil
	}
	w := &c.query.Who
	b := &event.Batch{
		AnonymousID: w.AnonymousID, UserID: w.UserID, UserToken: c.query.UserToken, SessionID: w.SessionID,
		Consent: w.Consent, SentAt: c.in.sentAt,
	}
	if err := event.DecodeEvents(c.in.events, b); err != nil {
		return err
	}
	if b.Sent > 0 && w.AnonymousID == "" && w.UserID == "" && w.SessionID == "" {
		return invalidField("nobody_named", "/events", "need anonymous_id, user_id or session_id beside them")
	}
	b.Settle(c.received)
	c.in.unknown += b.Unknown
	c.query.Events = b
	return nil
}

// encodeAnswer signs the list and writes the answer into c.out.
func (c *call) encodeAnswer() {
	if v := &c.answer.Versions; c.versions != *v || c.versionsHash == 0 {
		c.versions, c.versionsHash = *v, hashVersions(v.Model, v.Catalog, v.Rules, v.Profiles)
	}
	id := c.s.signer.Sign(c.token[:0], c.siteName, Token{
		Placement: c.query.Placement,
		Time:      c.received.UnixMilli(),
		Versions:  c.versionsHash,
		Random:    c.s.lists.Add(1),
	})
	if c.answer.Keep != nil {
		c.answer.Keep(string(id))
	}
	c.out = appendAnswer(c.out[:0], &c.answer, id, c.query.Placement, c.query.Fields)
}

// serverTiming tells a browser's developer tools how long each stage took.
func (c *call) serverTiming() {
	c.scratch = c.scratch[:0]
	c.answer.Stages.Each(c.stage)
	c.appendStage("total", time.Since(c.start))
	c.rc.Response.Header.SetCanonical(headerServerTiming, c.scratch)
}

func (c *call) appendStage(name string, took time.Duration) {
	b := c.scratch
	if len(b) > 0 {
		b = append(b, ", "...)
	}
	b = append(b, name...)
	b = append(b, ";dur="...)
	c.scratch = appendThousandths(b, took.Microseconds())
}

// appendThousandths writes n/1000, which must not be negative.
func appendThousandths(b []byte, n int64) []byte {
	n = max(n, 0)
	b = strconv.AppendInt(b, n/1000, 10)
	if n %= 1000; n == 0 {
		return b
	}
	return append(b, '.', byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
}

// invalidField is a 422 about one field.
func invalidField(code, pointer, detail string) error {
	return fault.Invalidf(code, "%s %s", pointer[1:], detail).At(pointer, detail)
}
