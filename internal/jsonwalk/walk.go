// Package jsonwalk reads the small JSON bodies of the hot path: checked once as
// a whole, by jsontext and as strictly as it checks, and then walked without
// checking again. That takes a third of the time of a tokenizing parser.
package jsonwalk

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrFollows is the answer of Check when a valid value is not all there is.
var ErrFollows = errors.New("something follows the JSON value")

// Check says what is wrong with text that should be one JSON value with
// distinct names and valid UTF-8: nil, ErrFollows, or an error of jsontext (a
// *jsontext.SyntacticError, or io.EOF when there is nothing).
func Check(text []byte) error {
	if jsontext.Value(text).IsValid() {
		return nil
	}
	dec := jsontext.NewDecoder(bytes.NewReader(text))
	if err := dec.SkipValue(); err != nil {
		return err
	}
	if _, err := dec.ReadToken(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return ErrFollows
}

// Walker walks over one JSON value from the front. The text must have passed
// Check; over any other text the results are meaningless, and still no method
// panics or goes on for ever.
type Walker struct {
	text string
	at   int
}

// Over starts a walk.
func Over(text string) Walker { return Walker{text: text} }

// Offset is how much of the text was read.
func (w *Walker) Offset() int { return w.at }

// Peek is the first byte of the next value or name, the bracket that closes
// what was entered, or 0 at the end of the text.
func (w *Walker) Peek() byte {
	for ; w.at < len(w.text); w.at++ {
		switch c := w.text[w.at]; c {
		case ' ', '\t', '\n', '\r', ',', ':':
		default:
			return c
		}
	}
	return 0
}

// Step goes past a bracket: into an object or array, or out of it.
func (w *Walker) Step() {
	if w.Peek() != 0 {
		w.at++
	}
}

// Value reads the next value, or name, as it stands in the text.
func (w *Walker) Value() string {
	switch w.Peek() {
	case 0:
		return ""
	case '"':
		return w.string()
	case '{', '[':
		return w.nested()
	}
	start := w.at
	for w.at++; w.at < len(w.text); w.at++ {
		switch w.text[w.at] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return w.text[start:w.at]
		}
	}
	return w.text[start:]
}

func (w *Walker) string() string {
	start := w.at
	for w.at++; w.at < len(w.text); w.at++ {
		switch w.text[w.at] {
		case '"':
			w.at++
			return w.text[start:w.at]
		case '\\':
			w.at++
		}
	}
	w.at = len(w.text)
	return w.text[start:]
}

func (w *Walker) nested() string {
	start, depth := w.at, 0
	for w.at < len(w.text) {
		switch w.text[w.at] {
		case '"':
			w.string()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if w.at++; depth == 0 {
			break
		}
	}
	return w.text[start:w.at]
}
