package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/internal/fault"
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

// queryInput reads the body of a request for recommendations, token by token,
// into a site.Query. What is wrong with a field is noted and the reading goes
// on, because broken JSON ranks before it and because all faulty fields are
// named at once.
type queryInput struct {
	dec     *jsontext.Decoder
	in      bytes.Buffer
	names   []string // placements, so that their names need no copy
	q       *site.Query
	key     string
	sentAt  int64
	events  []byte // raw; part of the body
	unknown int
	blended bool // blend was sent, whatever it holds
	fault   *fault.Error
	buf     []byte // unquoted names
}

func (d *queryInput) reset() {
	d.in = bytes.Buffer{}
	d.names, d.q, d.key, d.sentAt, d.events, d.unknown, d.blended, d.fault = nil, nil, "", 0, nil, 0, false, nil
}

// decode reads a whole body. The error is about JSON (400); faults of fields
// are in d.fault (422).
func (d *queryInput) decode(body []byte) error {
	if err := event.CheckDepth(body, maxDepth); err != nil {
		return err
	}
	d.in = *bytes.NewBuffer(body) // parsed in place, never written to
	d.dec.Reset(&d.in)
	if k := d.dec.PeekKind(); k != '{' && k != 0 {
		return badRequest("not_an_object", "the body must be a JSON object with placement")
	}
	if err := d.object(d.field); err != nil {
		return err
	}
	if _, err := d.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return badRequest("invalid_json", "something follows the JSON object; send one object")
	}
	return nil
}

// object reads the members of the object that comes next.
func (d *queryInput) object(field func(name []byte) error) error {
	if _, err := d.dec.ReadToken(); err != nil {
		return syntaxFault(err)
	}
	for d.dec.PeekKind() != '}' {
		raw, err := d.dec.ReadValue()
		if err != nil {
			return syntaxFault(err)
		}
		name := raw[1 : len(raw)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			d.buf, _ = jsontext.AppendUnquote(d.buf[:0], raw) // the decoder has accepted it
			name = d.buf
		}
		if err := field(name); err != nil {
			return err
		}
	}
	_, err := d.dec.ReadToken()
	return syntaxFault(err)
}

// field reads one member of the request.
func (d *queryInput) field(name []byte) error {
	q := d.q
	switch string(name) {
	case "placement":
		return d.placement()
	case "limit":
		return d.limit()
	case "anonymous_id":
		return d.who("/anonymous_id", &q.Who.AnonymousID)
	case "user_id":
		return d.who("/user_id", &q.Who.UserID)
	case "session_id":
		return d.who("/session_id", &q.Who.SessionID)
	case "user_token":
		return d.text("/user_token", &q.UserToken)
	case "key":
		return d.text("/key", &d.key)
	case "after":
		return d.id("/after", &q.After)
	case "consent":
		return d.consent()
	case "sent_at":
		return d.time()
	case "context":
		return d.nested("/context", d.contextField)
	case "blend":
		return d.blend()
	case "events":
		return d.inline()
	case "filter":
		return d.filter()
	case "exclude_purchased":
		return d.purchased()
	}
	return d.lists(name)
}

// lists reads the members that are lists and switches.
func (d *queryInput) lists(name []byte) error {
	q := d.q
	switch string(name) {
	case "exclude":
		return d.ids("/exclude", maxExclude, &q.Exclude)
	case "candidates":
		return d.candidates()
	case "why_not":
		return d.ids("/why_not", maxWhyNot, &q.WhyNot)
	case "fields":
		return d.ids("/fields", maxFields, &q.Fields)
	case "ack":
		return d.flag("/ack", &q.Ack)
	case "explain":
		return d.flag("/explain", &q.Explain)
	case "exclude_seen":
		return d.optional("/exclude_seen", &q.ExcludeSeen)
	case "exclude_current":
		return d.optional("/exclude_current", &q.ExcludeCurrent)
	case "cursor", "market", "currency", "visitors":
		d.refuse("unsupported", "/"+string(name), "is reserved and not supported yet; leave it out")
		return d.skip()
	}
	d.unknown++
	return d.skip()
}

func (d *queryInput) contextField(name []byte) error {
	x := &d.q.Context
	switch string(name) {
	case "item_id":
		return d.id("/context/item_id", &x.ItemID)
	case "category":
		return d.text("/context/category", &x.Category)
	case "query":
		return d.text("/context/query", &x.Query)
	case "referrer":
		return d.text("/context/referrer", &x.Referrer)
	case "cart":
		return d.ids("/context/cart", maxCart, &x.Cart)
	}
	d.unknown++
	return d.skip()
}

// nested reads an object inside the request.
func (d *queryInput) nested(pointer string, field func([]byte) error) error {
	if d.dec.PeekKind() != '{' {
		return d.notNull(pointer, "must be an object")
	}
	return d.object(field)
}

// notNull skips a value of the wrong type; null counts as left out.
func (d *queryInput) notNull(pointer, detail string) error {
	raw, err := d.value()
	if err == nil && raw != nil {
		d.refuse("invalid_field", pointer, detail)
	}
	return err
}

// value reads one value, nil for null. It is valid until the next read.
func (d *queryInput) value() (jsontext.Value, error) {
	raw, err := d.dec.ReadValue()
	if err != nil {
		return nil, syntaxFault(err)
	}
	if raw.Kind() == 'n' {
		return nil, nil
	}
	return raw, nil
}

func (d *queryInput) skip() error { return syntaxFault(d.dec.SkipValue()) }

// refuse notes a faulty field.
func (d *queryInput) refuse(code, pointer, detail string) {
	if d.fault == nil {
		d.fault = fault.Invalidf(code, "%s %s", pointer[1:], detail)
		d.fault.Status = http.StatusUnprocessableEntity
	}
	_ = d.fault.At(pointer, detail)
}

// syntaxFault turns an error of the parser into one for the caller.
func syntaxFault(err error) error {
	if err == nil {
		return nil // the usual case: apart from what allocates
	}
	return wordSyntax(err)
}

func wordSyntax(err error) error {
	var at *jsontext.SyntacticError
	switch {
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
