package httpapi

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/nextbest/nextbest/internal/fault"
)

// refuse is the one place where an error becomes an answer: problem+json with
// a stable code. The cause of a 5xx is logged here, once, and never shown.
func (c *call) refuse(err error) {
	f := asFault(err)
	status := statusOf(f)
	if status >= 500 {
		c.logFailure(f, status)
	}
	c.setRetry(f, status)
	c.allowOrigin()
	c.s.meters.problem(f.Code)
	c.out = appendProblem(c.out[:0], f, status, c.id[:c.idLen])
	c.send(status, typeProblem, c.out)
}

// asFault finds an error's meaning; without one it is a defect of ours.
func asFault(err error) *fault.Error {
	if f := fault.Of(err); f != nil {
		if f.Kind == fault.Internal {
			return fault.New(fault.Internal, "internal", "something went wrong on our side").Because(err)
		}
		return f
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fault.Unavailablef("deadline", "the answer was not ready in time").Because(err)
	}
	return fault.New(fault.Internal, "internal", "something went wrong on our side").Because(err)
}

func statusOf(f *fault.Error) int {
	if f.Status != 0 {
		return f.Status
	}
	switch f.Kind {
	case fault.Invalid:
		return invalidStatus(f.Code)
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Overloaded:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// invalidStatus tells what cannot be read (400) from what makes no sense (422)
// for faults that do not say it themselves.
func invalidStatus(code string) int {
	switch code {
	case "invalid_json", "too_deep", "duplicate_key", "not_an_object":
		return http.StatusBadRequest
	}
	return http.StatusUnprocessableEntity
}

func (c *call) logFailure(f *fault.Error, status int) {
	// An overloaded server must not also drown in its own log.
	if f.Kind == fault.Overloaded {
		return
	}
	c.s.log.Error("a request failed", "route", c.routeName(), "status", status, "code", f.Code,
		"request_id", c.requestID(), "trace_id", c.span.traceID(), "cause", f.Cause)
}

// setRetry sends Retry-After with every 429 and 503: whole seconds, rounded up.
func (c *call) setRetry(f *fault.Error, status int) {
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return
	}
	seconds := int((f.RetryAfter + time.Second - 1) / time.Second)
	c.rc.Response.Header.Set(fiber.HeaderRetryAfter, strconv.Itoa(max(1, seconds)))
}

// appendProblem writes the RFC 9457 object.
func appendProblem(b []byte, f *fault.Error, status int, requestID []byte) []byte {
	b = append(b, `{"type":"urn:nextbest:problem:`...)
	b = appendPlain(b, f.Code)
	b = append(b, `","title":`...)
	b = appendString(b, titleOf(status))
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, `,"detail":`...)
	b = appendString(b, f.Detail)
	b = append(b, `,"code":`...)
	b = appendString(b, f.Code)
	b = append(b, `,"request_id":"`...)
	b = append(b, requestID...) // sane by saneRequestID
	b = append(b, `","errors":[`...)
	for i, e := range f.Fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"pointer":`...)
		b = appendString(b, e.Pointer)
		b = append(b, `,"detail":`...)
		b = appendString(b, e.Detail)
		b = append(b, '}')
	}
	return append(b, "]}\n"...)
}

func titleOf(status int) string {
	if t := http.StatusText(status); t != "" {
		return t
	}
	return "Error"
}

// appendPlain writes a code, which holds letters and underscores only.
func appendPlain(b []byte, code string) []byte {
	for i := range len(code) {
		if ch := code[i]; ch == '_' || ch >= 'a' && ch <= 'z' || ch >= '0' && ch <= '9' {
			b = append(b, ch)
		}
	}
	return b
}

// seed draws the process's prefix, and a number for what else counts up from
// anywhere.
func (s *idSource) seed(random io.Reader) (further uint64, err error) {
	var b [14]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return 0, fmt.Errorf("read random bytes: %w", err)
	}
	s.prefix = hex.EncodeToString(b[:6]) + "-"
	return binary.BigEndian.Uint64(b[6:]), nil
}

const shownText = 80

// printable makes a client's text fit to be shown in a detail.
func printable(s string) string {
	if len(s) > shownText {
		s = s[:shownText] + "…"
	}
	if utf8.ValidString(s) && strconv.CanBackquote(s) {
		return s
	}
	return strconv.QuoteToASCII(s)
}

// badRequest is the 400 of a body that is not what it must be before its meaning
// can be looked at.
func badRequest(code, format string, args ...any) *fault.Error {
	f := fault.Invalidf(code, format, args...)
	f.Status = http.StatusBadRequest
	return f
}

// withStatus gives a fault another HTTP status than its kind's own.
func withStatus(f *fault.Error, status int) *fault.Error {
	f.Status = status
	return f
}
