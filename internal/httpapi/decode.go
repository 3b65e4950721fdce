package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/internal/jsonwalk"
	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/session/event"
)

// The bounds of the lists in a request for recommendations.
const (
	maxDepth      = 8
	maxCandidates = 1000
	maxExclude    = 1000
	maxCart       = 200
	maxFields     = 50
	maxWhyNot     = 20
	maxText       = 1024 // category, query, referrer
	maxDays       = 3650
	byteOrderMark = "\ufeff"
)

// queryInput reads the body of a request for recommendations, field by field,
// into a site.Query. What is wrong with a field is noted and the reading goes
// on, because all faulty fields are named at once. Strings of the query are
// parts of one copy of the body.
type queryInput struct {
	walk    jsonwalk.Walker
	body    []byte
	q       *site.Query
	key     string
	sentAt  int64
	events  []byte // raw; part of the body
	unknown int
	blended bool // blend was sent, whatever it holds
	fault   *fault.Error
}

func (d *queryInput) reset() { *d = queryInput{} }

// decode reads a whole body. The error is about JSON (400); faults of fields
// are in d.fault (422).
func (d *queryInput) decode(body []byte) error {
	if err := event.CheckDepth(body, maxDepth); err != nil {
		return err
	}
	broken := jsonwalk.Check(body)
	d.walk, d.body = jsonwalk.Over(string(body)), body
	if !d.isObject(broken != nil) {
		return badRequest("not_an_object", "the body must be a JSON object with placement")
	}
	if broken != nil {
		return wordSyntax(broken)
	}
	d.object(d.field)
	return nil
}

// isObject reports whether the body is meant to be an object; of a broken one,
// whether it does not begin as something else.
func (d *queryInput) isObject(broken bool) bool {
	switch c := d.walk.Peek(); c {
	case '{':
		return true
	case '[', '"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 't', 'f', 'n':
		return false
	}
	return broken
}

// object reads the members of the object that comes next.
func (d *queryInput) object(field func(name string)) {
	d.walk.Step()
	for d.walk.Peek() != '}' {
		name, _ := unquote(d.walk.Value())
		field(name)
	}
	d.walk.Step()
}

// field reads one member of the request.
func (d *queryInput) field(name string) {
	q := d.q
	switch name {
	case "placement":
		d.placement()
	case "limit":
		d.limit()
	case "anonymous_id":
		d.who("/anonymous_id", &q.Who.AnonymousID)
	case "user_id":
		d.who("/user_id", &q.Who.UserID)
	case "session_id":
		d.who("/session_id", &q.Who.SessionID)
	case "user_token":
		d.text("/user_token", &q.UserToken)
	case "key":
		d.text("/key", &d.key)
	case "after":
		d.id("/after", &q.After)
	case "consent":
		d.consent()
	case "sent_at":
		d.time()
	case "context":
		d.nested("/context", d.contextField)
	case "blend":
		d.blend()
	case "events":
		d.inline()
	case "filter":
		d.filter()
	case "exclude_purchased":
		d.purchased()
	default:
		d.lists(name)
	}
}

// lists reads the members that are lists and switches.
func (d *queryInput) lists(name string) {
	q := d.q
	switch name {
	case "exclude":
		d.ids("/exclude", maxExclude, &q.Exclude)
	case "candidates":
		d.candidates()
	case "why_not":
		d.ids("/why_not", maxWhyNot, &q.WhyNot)
	case "fields":
		d.ids("/fields", maxFields, &q.Fields)
	case "ack":
		d.flag("/ack", &q.Ack)
	case "explain":
		d.flag("/explain", &q.Explain)
	case "exclude_seen":
		d.optional("/exclude_seen", &q.ExcludeSeen)
	case "exclude_current":
		d.optional("/exclude_current", &q.ExcludeCurrent)
	case "cursor", "market", "currency", "visitors":
		d.refuse("unsupported", "/"+name, "is reserved and not supported yet; leave it out")
		d.skip()
	default:
		d.unknown++
		d.skip()
	}
}

func (d *queryInput) contextField(name string) {
	x := &d.q.Context
	switch name {
	case "item_id":
		d.id("/context/item_id", &x.ItemID)
	case "category":
		d.text("/context/category", &x.Category)
	case "query":
		d.text("/context/query", &x.Query)
	case "referrer":
		d.text("/context/referrer", &x.Referrer)
	case "cart":
		d.ids("/context/cart", maxCart, &x.Cart)
	default:
		d.unknown++
		d.skip()
	}
}

// nested reads an object inside the request.
func (d *queryInput) nested(pointer string, field func(name string)) {
	if d.walk.Peek() != '{' {
		d.notNull(pointer, "must be an object")
		return
	}
	d.object(field)
}

// notNull skips a value of the wrong type; null counts as left out.
func (d *queryInput) notNull(pointer, detail string) {
	if d.value() != "" {
		d.refuse("invalid_field", pointer, detail)
	}
}

// value reads one value, "" for null.
func (d *queryInput) value() string {
	raw := d.walk.Value()
	if raw == "null" {
		return ""
	}
	return raw
}

// bytes is the value that was read last, as a part of the body, which outlives
// the walk.
func (d *queryInput) bytes(raw string) []byte {
	end := d.walk.Offset()
	return d.body[end-len(raw) : end]
}

func (d *queryInput) skip() { d.walk.Value() }

// refuse notes a faulty field.
func (d *queryInput) refuse(code, pointer, detail string) {
	if d.fault == nil {
		d.fault = fault.Invalidf(code, "%s %s", pointer[1:], detail)
		d.fault.Status = http.StatusUnprocessableEntity
	}
	_ = d.fault.At(pointer, detail)
}

// wordSyntax turns an error of jsonwalk.Check or of a JSON parser into one for the caller.
func wordSyntax(err error) error {
	var at *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsonwalk.ErrFollows):
		return badRequest("invalid_json", "something follows the JSON object; send one object")
	case errors.As(err, &at) && errors.Is(err, jsontext.ErrDuplicateName):
		return badRequest("duplicate_key", "an object holds one name twice; send each name once").
			At(string(at.JSONPointer), "duplicate name")
	case errors.As(err, &at):
		return badRequest("invalid_json", "the body is not valid JSON at byte %d: %v", at.ByteOffset, at.Err)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return badRequest("invalid_json", "the body is empty or cut off; send a JSON object")
	}
	return badRequest("invalid_json", "the body is not valid JSON")
}

// keyOf looks for the key in a body that could not be read: the key is judged
// before the body, so it counts when it stands before the fault.
func keyOf(body []byte) []byte {
	dec := jsontext.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte(byteOrderMark))))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return nil
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil
		}
		isKey := name.String() == "key"
		raw, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		if isKey && raw.Kind() == '"' {
			out, _ := jsontext.AppendUnquote(nil, raw) // accepted by the decoder
			return out
		}
	}
	return nil
}
