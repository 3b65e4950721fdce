package dataset

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	jsonv2 "github.com/go-json-experiment/json"
)

// valueKind is what a cell of a row holds.
type valueKind uint8

const (
	empty   valueKind = iota
	text              // text
	number            // number, and its literal in text when it came as one
	integer           // whole
	truth             // whole is 1 or 0
	moment            // whole is epoch ms
	object            // raw JSON, an array or an object
	floats            // a list of numbers
	texts             // a list of strings
	pairs             // texts[i] -> floats[i]
)

// value is one cell, whatever file it came from.
type value struct {
	kind   valueKind
	text   string
	number float64
	whole  int64
	raw    jsontext.Value
	floats []float32
	texts  []string
}

// row is one row: names and values side by side. Readers reuse it.
type row struct {
	names  []string
	values []value
}

func (r *row) reset() { r.names, r.values = r.names[:0], r.values[:0] }

func (r *row) add(name string, v value) {
	r.names = append(r.names, name)
	r.values = append(r.values, v)
}

// str is a scalar as text: ids may come as numbers.
func (v value) str() (string, bool) {
	switch v.kind {
	case text:
		return v.text, true
	case number:
		if v.text != "" {
			return v.text, true
		}
		return strconv.FormatFloat(v.number, 'f', -1, 64), true
	case integer:
		return strconv.FormatInt(v.whole, 10), true
	case truth:
		return strconv.FormatBool(v.whole == 1), true
	case moment:
		return time.UnixMilli(v.whole).UTC().Format("2006-01-02T15:04:05.000Z07:00"), true
	}
	return "", false
}

// float is a finite number.
func (v value) float() (float64, bool) {
	x := v.number
	switch v.kind {
	case number:
	case integer:
		x = float64(v.whole)
	case text:
		var err error
		if x, err = strconv.ParseFloat(strings.TrimSpace(v.text), 64); err != nil {
			return 0, false
		}
	default:
		return 0, false
	}
	return x, !math.IsNaN(x) && !math.IsInf(x, 0)
}

// truth reads yes and no in the words that shops use.
func (v value) truth() (yes, ok bool) {
	s, ok := v.str()
	if !ok {
		return false, false
	}
	switch plainName(s) {
	case "true", "t", "1", "yes", "y", "instock", "available":
		return true, true
	case "false", "f", "0", "no", "n", "outofstock", "unavailable":
		return false, true
	}
	return false, false
}

// secondsBelow tells epoch seconds from milliseconds: as seconds it is the
// year 5138, as milliseconds 1973.
const secondsBelow = 1e11

// millis is a time as epoch milliseconds: RFC 3339, a date and time without
// zone (UTC), a date, epoch milliseconds, or epoch seconds below 1e11.
func (v value) millis() (int64, bool) {
	if v.kind == moment {
		return v.whole, v.whole >= 0
	}
	if x, ok := v.float(); ok {
		if x < secondsBelow {
			x *= 1000
		}
		return int64(x), x >= 0 && x < 253402300800000 // the year 9999
	}
	if v.kind != text {
		return 0, false
	}
	s := strings.TrimSpace(v.text)
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMilli(), t.UnixMilli() >= 0
		}
	}
	return 0, false
}

// list is a list of strings: a list, a JSON array, or text separated by "|".
func (v value) list() ([]string, bool) {
	raw := v.raw
	switch v.kind {
	case texts:
		return v.texts, true
	case floats:
		return v.texts, len(v.texts) == len(v.floats)
	case text:
		if !strings.HasPrefix(v.text, "[") {
			return splitList(v.text), true
		}
		raw = jsontext.Value(v.text)
	case object:
	default:
		s, ok := v.str()
		return []string{s}, ok
	}
	var list []string
	if err := jsonv2.Unmarshal(raw, &list); err != nil {
		return nil, false
	}
	return list, true
}

func splitList(s string) []string {
	var list []string
	for part := range strings.SplitSeq(s, "|") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// json is the value as raw JSON when it holds any: an array or an object.
func (v value) json() (jsontext.Value, bool) {
	switch v.kind {
	case object:
		return v.raw, true
	case text:
		return jsontext.Value(v.text), strings.HasPrefix(v.text, "[") || strings.HasPrefix(v.text, "{")
	}
	return nil, false
}

// vector is a list of finite float32, not all zero: a list, a JSON array or
// base64 of little-endian float32.
func (v value) vector(name string) ([]float32, *problem) {
	list := v.floats
	if v.kind != floats {
		var p *problem
		if list, p = v.decodeVector(name); p != nil {
			return nil, p
		}
	}
	if len(list) == 0 {
		return nil, at(name, "vector_empty", "the vector has no dimension")
	}
	zero := true
	for n, x := range list {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return nil, at(name, "vector_not_finite", "the vector holds NaN or an infinity at place "+strconv.Itoa(n))
		}
		zero = zero && x == 0
	}
	if zero {
		return nil, at(name, "vector_zero", "the vector is all zero: it has no direction; leave it out")
	}
	return list, nil
}

func (v value) decodeVector(name string) ([]float32, *problem) {
	if raw, ok := v.json(); ok {
		list, ok := numbers(raw)
		if !ok {
			return nil, at(name, "vector", "the vector must be an array of numbers")
		}
		return list, nil
	}
	if v.kind != text {
		return nil, at(name, "vector", "the vector must be a list of numbers, a JSON array, or base64 of little-endian float32")
	}
	encoding := base64.StdEncoding
	if strings.ContainsAny(v.text, "-_") {
		encoding = base64.URLEncoding
	}
	b, err := encoding.WithPadding(base64.NoPadding).DecodeString(strings.TrimRight(strings.TrimSpace(v.text), "="))
	if err != nil || len(b)%4 != 0 {
		return nil, at(name, "vector", "the vector must be a list of numbers, a JSON array, or base64 of little-endian float32")
	}
	list := make([]float32, len(b)/4)
	for n := range list {
		list[n] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*n:]))
	}
	return list, nil
}

// numbers is a JSON array of nothing but numbers.
func numbers(raw jsontext.Value) ([]float32, bool) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw))
	if open, err := dec.ReadToken(); err != nil || open.Kind() != '[' {
		return nil, false
	}
	list := make([]float32, 0, bytes.Count(raw, []byte(","))+1)
	for dec.PeekKind() == '0' {
		t, err := dec.ReadToken()
		if err != nil {
			return nil, false
		}
		x, err := t.Float()
		if err != nil {
			return nil, false
		}
		list = append(list, float32(x))
	}
	if end, err := dec.ReadToken(); err != nil || end.Kind() != ']' {
		return nil, false
	}
	_, err := dec.ReadToken()
	return list, errors.Is(err, io.EOF)
}

// attribute is the value as an item's attribute: a string, a number, a bool or
// a list of strings. Text that is written like a JSON number or bool is one.
func (v value) attribute() (json.RawMessage, bool) {
	var out any
	switch v.kind {
	case text:
		if raw, ok := literal(v.text); ok {
			return raw, true
		}
		out = v.text
	case number:
		out = v.number
	case integer:
		out = v.whole
	case truth:
		out = v.whole == 1
	case moment:
		out, _ = v.str()
	case texts:
		out = v.texts
	case floats:
		return nil, false
	case object:
		list, ok := v.list()
		if !ok {
			return nil, false
		}
		out = list
	default:
		return nil, false
	}
	raw, err := jsonv2.Marshal(out) // refuses NaN and text that is not UTF-8
	return raw, err == nil
}

// literal is text that is a bool or a number in the one usual way of writing
// it: "007", "1e5" and "+1" stay text, for they may be codes.
func literal(s string) (json.RawMessage, bool) {
	if s == "true" || s == "false" {
		return json.RawMessage(s), true
	}
	if len(s) > 20 || s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') {
		return nil, false
	}
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || strings.ContainsAny(digits, "eE+-_xXpPiI") || len(digits) > 1 && digits[0] == '0' && digits[1] != '.' {
		return nil, false
	}
	if strings.HasPrefix(digits, ".") || strings.HasSuffix(digits, ".") {
		return nil, false
	}
	if _, err := strconv.ParseFloat(s, 64); err != nil {
		return nil, false
	}
	return json.RawMessage(s), true
}
