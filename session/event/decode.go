package event

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/internal/fault"
)

// decoder reads one body. Strings of the batch are parts of text, the one copy
// of the body, so that a decoded batch never refers to the caller's buffer.
type decoder struct {
	dec  jsontext.Decoder
	in   bytes.Buffer
	text string
	b    *Batch

	fault   *Fault // of the event that is being read: the first one found
	request *fault.Error
}

// decoders holds idle decoders: their parser state is worth keeping.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

func openDecoder(body []byte, b *Batch) *decoder {
	d := decoders.Get().(*decoder)
	d.text = string(body)
	// A bytes.Buffer is parsed in place and never written to.
	d.in = *bytes.NewBuffer(body)
	d.dec.Reset(&d.in)
	d.b = b
	return d
}

// close gives the decoder back without the batch. That its parser still points
// to the body is harmless: it reads only after a Reset.
func (d *decoder) close() {
	d.text, d.b, d.fault, d.request = "", nil, nil, nil
	decoders.Put(d)
}

// DecodeBatch decodes the body of POST /v1/events, received at now. Faults of
// single events become verdicts in Batch.Invalid; the error, always a
// *fault.Error, is about the request as a whole: 413 for its size, 400 for its
// JSON, 422 for whom it is about.
func DecodeBatch(body []byte, now time.Time) (*Batch, error) {
	if len(body) > MaxBodyBytes {
		return nil, tooLarge()
	}
	if err := CheckDepth(body, MaxDepth); err != nil {
		return nil, err
	}
	b := new(Batch)
	d := openDecoder(body, b)
	defer d.close()
	if err := d.batch(); err != nil {
		return nil, err
	}
	if err := b.checkWho(); err != nil {
		return nil, err
	}
	b.Settle(now)
	return b, nil
}

// DecodeEvents decodes the inline events of a recommendation request, a JSON
// array, into b.Events, b.Index, b.Sent and b.Invalid. Call b.Settle once the
// request's sent_at and the time of receipt are known.
func DecodeEvents(raw []byte, b *Batch) error {
	if len(raw) > MaxBodyBytes {
		return tooLarge()
	}
	if err := CheckDepth(raw, MaxDepth-1); err != nil { // the request's object is the first level
		return err
	}
	d := openDecoder(raw, b)
	defer d.close()
	if d.dec.PeekKind() != '[' {
		return d.notArray()
	}
	if err := d.events(); err != nil {
		return err
	}
	return d.end()
}

// CheckDepth refuses JSON that nests deeper than max levels, without parsing
// it: one look at each byte, strings skipped.
func CheckDepth(body []byte, max int) error {
	if bytes.Count(body, []byte{'{'})+bytes.Count(body, []byte{'['}) <= max {
		return nil // most beacons: too few brackets to be deep
	}
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		c := body[i]
		if quoted {
			switch c {
			case '\\':
				i++
			case '"':
				quoted = false
			}
			continue
		}
		switch c {
		case '"':
			quoted = true
		case '{', '[':
			if depth++; depth > max {
				return fault.Invalidf("too_deep", "the JSON nests deeper than %d levels; flatten it", max)
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}

func tooLarge() error {
	e := fault.Invalidf("body_too_large", "the request is larger than %d bytes; split it", MaxBodyBytes)
	e.Status = http.StatusRequestEntityTooLarge
	return e
}

// syntax turns an error of the parser into one for the caller.
func syntax(err error) error {
	var at *jsontext.SyntacticError
	if errors.As(err, &at) {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return fault.Invalidf("duplicate_key", "an object holds one name twice; send each name once").
				At(string(at.JSONPointer), "duplicate name")
		}
		return fault.Invalidf("invalid_json", "the body is not valid JSON at byte %d: %v", at.ByteOffset, at.Err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.Invalidf("invalid_json", "the body is empty or cut off; send a JSON object")
	}
	return fault.Invalidf("invalid_json", "the body is not valid JSON: %v", err)
}

// batch reads the request's object.
func (d *decoder) batch() error {
	if kind := d.dec.PeekKind(); kind != '{' && kind != jsontext.Kind(0) {
		return fault.Invalidf("not_an_object", "the body must be a JSON object with anonymous_id and events")
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return syntax(err)
	}
	for d.dec.PeekKind() != '}' {
		name, err := d.name()
		if err != nil {
			return err
		}
		if err := d.batchField(name); err != nil {
			return err
		}
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return syntax(err)
	}
	if err := d.end(); err != nil {
		return err
	}
	if d.request != nil {
		return d.request
	}
	return nil
}

// end demands that nothing follows the value.
func (d *decoder) end() error {
	if _, err := d.dec.ReadToken(); err == nil {
		return fault.Invalidf("invalid_json", "something follows the JSON value; send one value")
	} else if !errors.Is(err, io.EOF) {
		return syntax(err)
	}
	return nil
}

func (d *decoder) notArray() error {
	value, err := d.dec.ReadValue()
	if err != nil {
		return syntax(err)
	}
	return fault.Invalidf("invalid_json", "events must be an array of objects, not %s", kindWord(value.Kind())).
		At("/events", "send an array")
}

// batchField reads the value of one field of the request.
func (d *decoder) batchField(name string) error {
	switch name {
	case "anonymous_id":
		return d.who(&d.b.AnonymousID, name)
	case "user_id":
		return d.who(&d.b.UserID, name)
	case "session_id":
		return d.who(&d.b.SessionID, name)
	case "user_token":
		return d.label(&d.b.UserToken, name)
	case "key":
		return d.label(&d.b.Key, name)
	case "consent":
		return d.consent()
	case "sent_at":
		return d.sentAt()
	case "events":
		if d.dec.PeekKind() != '[' {
			return d.notArray()
		}
		return d.events()
	}
	d.b.Unknown++
	_, err := d.value()
	return err
}

// refuse notes what is wrong with the request as a whole. The reading goes on:
// broken JSON, which is answered first, may still follow.
func (d *decoder) refuse(code, field, detail string) {
	if d.request == nil {
		d.request = fault.Invalidf(code, "%s %s", field, detail)
		d.request.Status = http.StatusUnprocessableEntity
	}
	d.request.At("/"+field, detail)
}

// who reads an id that says whom the request is about.
func (d *decoder) who(dst *string, name string) error {
	raw, err := d.value()
	if err != nil {
		return err
	}
	switch {
	case raw == "null":
	case raw[0] != '"':
		d.refuse("invalid_id", name, "must be a string; put the id in quotes")
	default:
		id := unquote(raw)
		switch detail := idDetail(id); {
		case detail != "":
			d.refuse("invalid_id", name, detail)
		case Junk(id):
			d.refuse("junk_id", name, "is a placeholder, not an id; leave the field out when there is none")
		}
		*dst = id
	}
	return nil
}

// label reads a string that has no rules of its own here.
func (d *decoder) label(dst *string, name string) error {
	raw, err := d.value()
	if err != nil {
		return err
	}
	switch {
	case raw == "null":
	case raw[0] != '"':
		d.refuse("invalid_field", name, "must be a string")
	default:
		*dst = unquote(raw)
	}
	return nil
}

func (d *decoder) consent() error {
	var word string
	if err := d.label(&word, "consent"); err != nil || word == "" {
		return err
	}
	level, ok := ParseConsent(word)
	if !ok {
		d.refuse("invalid_consent", "consent", "must be full, session or none")
	}
	d.b.Consent = level
	return nil
}

func (d *decoder) sentAt() error {
	raw, err := d.value()
	if err != nil || raw == "null" {
		return err
	}
	ms, ok := parseTime(raw)
	if !ok {
		d.refuse("invalid_time", "sent_at", "must be RFC 3339 or epoch milliseconds")
	}
	d.b.SentAt = ms
	return nil
}

// checkWho demands that somebody is named.
func (b *Batch) checkWho() error {
	if b.AnonymousID != "" || b.UserID != "" || b.SessionID != "" {
		return nil
	}
	e := fault.Invalidf("nobody_named", "send at least one of anonymous_id, user_id and session_id")
	e.Status = http.StatusUnprocessableEntity
	return e.At("/anonymous_id", "missing")
}
