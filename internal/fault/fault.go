// Package fault gives the program's errors their five meanings. A layer that
// detects a problem says what it means and which field it is about; the one
// error boundary (internal/httpapi) turns it into an answer.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind is what an error means for the caller.
type Kind uint8

// The five meanings. Anything that carries none of them is an internal error:
// logged with its cause, answered as a 500 that shows nothing.
const (
	Internal    Kind = iota // a defect of ours: 500
	Invalid                 // the caller must change the request: 400 or 422
	NotFound                // the thing named does not exist: 404
	Conflict                // it does, but in another state: 409 or 412
	Overloaded              // too much at once, try later: 429
	Unavailable             // something we depend on is away, try later: 503
)

// Field is one faulty place of a request, as a JSON pointer and what to do.
type Field struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// Error is a problem with a meaning, a stable code for programs and a detail
// for people. Detail is shown to the caller, the cause never is.
type Error struct {
	Kind       Kind
	Code       string        // stable word: "invalid_json", "unknown_placement" …
	Detail     string        // one sentence: what is wrong and what to do
	Fields     []Field       // where, when the fault is in the request
	Status     int           // HTTP status when the Kind's own is not the right one; 0 otherwise
	RetryAfter time.Duration // for Overloaded and Unavailable
	Cause      error         // logged, never shown
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Detail, e.Cause)
	}
	return e.Code + ": " + e.Detail
}

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Cause }

// At adds a faulty place and returns the same error.
func (e *Error) At(pointer, detail string) *Error {
	e.Fields = append(e.Fields, Field{Pointer: pointer, Detail: detail})
	return e
}

// Because adds the cause and returns the same error.
func (e *Error) Because(cause error) *Error {
	e.Cause = cause
	return e
}

// New makes an error of a kind; the detail is formatted as by fmt.Sprintf.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Invalidf is New(Invalid, …).
func Invalidf(code, format string, args ...any) *Error { return New(Invalid, code, format, args...) }

// NotFoundf is New(NotFound, …).
func NotFoundf(code, format string, args ...any) *Error { return New(NotFound, code, format, args...) }

// Conflictf is New(Conflict, …).
func Conflictf(code, format string, args ...any) *Error { return New(Conflict, code, format, args...) }

// Overloadedf is New(Overloaded, …) with the time after which to try again.
func Overloadedf(after time.Duration, code, format string, args ...any) *Error {
	e := New(Overloaded, code, format, args...)
	e.RetryAfter = after
	return e
}

// Unavailablef is New(Unavailable, …) with a second to wait.
func Unavailablef(code, format string, args ...any) *Error {
	e := New(Unavailable, code, format, args...)
	e.RetryAfter = time.Second
	return e
}

// Of returns the Error in err's chain, or nil when there is none.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// KindOf is the meaning of err: Internal when it carries none.
func KindOf(err error) Kind {
	if e := Of(err); e != nil {
		return e.Kind
	}
	return Internal
}
