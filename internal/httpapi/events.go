package httpapi

import (
	"net/http"
	"strconv"

	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

// events answers POST /v1/events: what it acknowledges is stored.
func events(c *call) error {
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
	var b *event.Batch
	if content == nil {
		if content = c.checkType(); content == nil {
			b, content = event.DecodeBatch(c.body, c.received)
		}
	}
	if c.site == nil {
		sent := ""
		if b != nil {
			sent = b.Key
		}
		if err := c.authorize(c.bodyKey(sent, content)); err != nil {
			return err
		}
	}
	if content != nil {
		return content
	}
	return c.collect(b)
}

func (c *call) collect(b *event.Batch) error {
	c.s.meters.ignored(c.route, b.Unknown)
	c.request = ingest.Request{
		Site: c.siteName, Batch: b, ReceivedAt: c.received, Secret: c.secret(),
		GPC: c.gpc(), Bot: c.isBot(), Mode: ingest.Wait,
	}
	res, err := c.site.Collect(c.ctx, &c.request)
	if err != nil {
		return err
	}
	c.out = append(appendResult(c.out[:0], &res), '\n')
	c.allowOrigin()
	c.sendOut(http.StatusAccepted)
	return nil
}

// appendMade names the ids that the server made for events that had none, so
// that a caller can refer to them.
func appendMade(b []byte, made []ingest.MadeID) []byte {
	if len(made) == 0 {
		return b
	}
	b = append(b, `,"event_ids":[`...)
	for i := range made {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"index":`...)
		b = strconv.AppendInt(b, int64(made[i].Index), 10)
		b = append(b, `,"event_id":`...)
		b = appendString(b, made[i].EventID)
		b = append(b, '}')
	}
	return append(b, ']')
}
