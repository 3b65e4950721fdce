package httpapi

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/nextbest/nextbest/session/event"
)

// recommendationsByQuery answers GET /v1/recommendations: the same with query
// parameters.
func recommendationsByQuery(c *call) error {
	if err := c.authorize(c.headerKey()); err != nil {
		return err
	}
	c.startQuery().arguments(c.rc.QueryArgs())
	if err := c.checkFields(); err != nil {
		return err
	}
	return c.recommend()
}

// arguments reads query parameters. Lists may repeat and hold commas between
// their ids; of anything else that is sent twice the first counts.
func (d *queryInput) arguments(args *fasthttp.Args) {
	said := map[string]bool{}
	for key, raw := range args.All() {
		name, value := string(key), string(raw)
		switch {
		case !utf8.ValidString(value):
			d.refuse("invalid_field", "/"+printable(name), "must be UTF-8")
		case d.listArgument(name, value):
		case !said[name]:
			said[name] = true
			d.argument(name, value)
		}
	}
}

// listArgument takes the parameters that are lists; false for another one.
func (d *queryInput) listArgument(name, value string) bool {
	q := d.q
	switch name {
	case "fields":
		d.idsArgument("/fields", maxFields, &q.Fields, value)
	case "exclude":
		d.idsArgument("/exclude", maxExclude, &q.Exclude, value)
	case "cart":
		d.idsArgument("/cart", maxCart, &q.Context.Cart, value)
	case "why_not":
		d.idsArgument("/why_not", maxWhyNot, &q.WhyNot, value)
	case "candidates":
		if value == "" {
			d.refuse("candidates_missing", "/candidates", detailEmpty)
		}
		d.idsArgument("/candidates", maxCandidates, &q.Candidates, value)
	default:
		return false
	}
	return true
}

// argument takes the parameters that say who asks, and where.
func (d *queryInput) argument(name, value string) {
	q := d.q
	switch name {
	case "key", "webdriver":
	case "placement":
		q.Placement = value
	case "limit":
		d.setLimit(value)
	case "anonymous_id":
		d.whoArgument("/anonymous_id", &q.Who.AnonymousID, value)
	case "user_id":
		d.whoArgument("/user_id", &q.Who.UserID, value)
	case "session_id":
		d.whoArgument("/session_id", &q.Who.SessionID, value)
	case "user_token":
		d.textArgument("/user_token", &q.UserToken, value)
	case "item_id":
		d.idArgument("/item_id", &q.Context.ItemID, value)
	case "after":
		d.idArgument("/after", &q.After, value)
	case "category":
		d.textArgument("/category", &q.Context.Category, value)
	case "query":
		d.textArgument("/query", &q.Context.Query, value)
	case "referrer":
		d.textArgument("/referrer", &q.Context.Referrer, value)
	case "consent":
		d.setConsent(value)
	default:
		d.steeringArgument(name, value)
	}
}

// steeringArgument takes the parameters that shape the answer.
func (d *queryInput) steeringArgument(name, value string) {
	q := d.q
	switch name {
	case "blend":
		d.blended = true
		d.setBlend(value)
	case "filter":
		d.filterArgument(value)
	case "exclude_purchased":
		d.setPurchased(value)
	case "exclude_seen":
		q.ExcludeSeen = d.boolArgument("/exclude_seen", value)
	case "exclude_current":
		q.ExcludeCurrent = d.boolArgument("/exclude_current", value)
	case "explain":
		on := d.boolArgument("/explain", value)
		q.Explain = on != nil && *on
	case "ack": // there are no events to wait for
		d.boolArgument("/ack", value)
	case "sent_at": // nor times to correct
		if _, ok := event.ParseTime(jsonTime(value)); value != "" && !ok {
			d.refuse("invalid_time", "/sent_at", detailTime)
		}
	case "events":
		d.refuse("unsupported", "/events", "cannot be sent with GET; POST the same request")
	case "context":
		d.refuse("unsupported", "/context", "is no parameter of GET; send item_id, category, query, referrer and cart on their own")
	case "cursor", "market", "currency", "visitors":
		d.refuse("unsupported", "/"+name, "is reserved and not supported yet; leave it out")
	default:
		d.unknown++
	}
}

func (d *queryInput) textArgument(pointer string, dst *string, value string) {
	if len(value) > maxText {
		d.refuse("invalid_field", pointer, detailText)
		return
	}
	*dst = value
}

func (d *queryInput) idArgument(pointer string, dst *string, value string) {
	if value != "" && event.CheckID(value) != nil {
		d.refuse("invalid_id", pointer, detailID)
		return
	}
	*dst = value
}

func (d *queryInput) whoArgument(pointer string, dst *string, value string) {
	if value != "" && event.Junk(value) {
		d.refuse("junk_id", pointer, detailJunk)
		return
	}
	d.idArgument(pointer, dst, value)
}

// idsArgument adds the ids of one parameter to a list; "" adds none.
func (d *queryInput) idsArgument(pointer string, most int, dst *[]string, value string) {
	if value == "" {
		return
	}
	for id := range strings.SplitSeq(value, ",") {
		switch {
		case event.CheckID(id) != nil:
			d.refuse("invalid_field", pointer+"/"+strconv.Itoa(len(*dst)), detailID)
			return
		case len(*dst) == most:
			d.refuse("invalid_field", pointer, detailMost(most))
			return
		}
		*dst = append(*dst, id)
	}
}

func (d *queryInput) boolArgument(pointer, value string) *bool {
	on := value == "true" || value == "1"
	if !on && value != "false" && value != "0" {
		d.refuse("invalid_field", pointer, detailBool)
		return nil
	}
	return &on
}

// filterArgument takes the filter as the JSON that a POST would hold.
func (d *queryInput) filterArgument(value string) {
	raw := jsontext.Value(value)
	if event.CheckDepth(raw, maxDepth-1) != nil || !raw.IsValid() || raw.Kind() != '{' {
		d.refuse("invalid_filter", "/filter", "must be a JSON object, as in a POST")
		return
	}
	d.q.Filter = raw
}

// jsonTime is a time of a query as the JSON of a body would hold it.
func jsonTime(value string) []byte {
	if _, err := strconv.ParseFloat(value, 64); err == nil {
		return []byte(value)
	}
	return appendString(nil, value)
}
