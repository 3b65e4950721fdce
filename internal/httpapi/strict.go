package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"time"

	jsonx "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session/event"
)

// readStrict reads a control-plane body into v: unknown fields, duplicate keys
// and deep nesting are refused with a pointer to them.
func (c *call) readStrict(v any) error {
	if err := c.readContent(); err != nil {
		return err
	}
	return c.strictBody(v)
}

// readOptional is readStrict for a body that may be left out.
func (c *call) readOptional(v any) error {
	if err := c.readContent(); err != nil || len(bytes.TrimSpace(c.body)) == 0 {
		return err
	}
	return c.strictBody(v)
}

// readContent is readBody where the key was judged already.
func (c *call) readContent() error {
	err, content := c.readBody(c.route.limit)
	if err != nil {
		return err
	}
	return content
}

func (c *call) strictBody(v any) error {
	if err := c.checkType(); err != nil {
		return err
	}
	return strict(c.body, v)
}

// strict decodes one JSON value.
func strict(body []byte, v any) error {
	if err := event.CheckDepth(body, maxDepth); err != nil {
		return err
	}
	return strictValue(body, v)
}

// strictValue is strict for a value whose depth is known.
func strictValue(raw []byte, v any) error {
	err := jsonx.Unmarshal(raw, v, jsonx.RejectUnknownMembers(true), jsonx.MatchCaseInsensitiveNames(false))
	return strictFault(err)
}

// strictFault names the place of a decoding error: 400 for what is no JSON,
// 422 for JSON of another shape.
func strictFault(err error) error {
	var at *jsontext.SyntacticError
	var shape *jsonx.SemanticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &shape) && errors.Is(err, jsonx.ErrUnknownName):
		return fault.Invalidf("unknown_field", "there is a field that does not exist here").
			At(string(shape.JSONPointer), "leave it out, or correct its name")
	case errors.As(err, &at) && errors.Is(err, jsontext.ErrDuplicateName):
		return wordSyntax(err)
	case errors.As(err, &shape):
		return fault.Invalidf("invalid_type", "there is a value of the wrong type").
			At(string(shape.JSONPointer), "must be "+wanted(shape.GoType))
	case errors.As(err, &at), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return wordSyntax(err)
	}
	return fault.Invalidf("invalid_type", "the body has not the shape that is asked for").Because(err)
}

// wanted names a Go type in the words of JSON.
func wanted(t reflect.Type) string {
	if t == nil {
		return "another type"
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "a number"
}

// reply sends a control-plane answer.
func (c *call) reply(status int, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // the answer is never part of a page
	if err := enc.Encode(v); err != nil {
		return err
	}
	c.send(status, typeJSON, b.Bytes())
	return nil
}

// stamp writes a time as the contract wants it.
func stamp(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

// stampOrNone is stamp, "" for no time.
func stampOrNone(ms int64) string {
	if ms == 0 {
		return ""
	}
	return stamp(ms)
}
