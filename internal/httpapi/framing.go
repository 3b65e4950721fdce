package httpapi

import (
	"bytes"
	"strings"

	"github.com/valyala/fasthttp"
)

// checkFraming refuses a request whose end two programs could see in different
// places (request smuggling), before anything else is looked at. fasthttp
// refuses most of it by itself; this does not rely on that.
func checkFraming(h *fasthttp.RequestHeader) error {
	if p := string(h.Protocol()); p != "HTTP/1.1" && p != "HTTP/1.0" {
		return badFraming("only HTTP/1.1 and HTTP/1.0 are spoken here")
	}
	var seen framing
	for raw := h.RawHeaders(); len(raw) > 0; {
		i := bytes.IndexByte(raw, '\n')
		if i < 0 {
			return badFraming("a header line has no end")
		}
		line := raw[:i]
		raw = raw[i+1:]
		if len(line) == 0 || line[len(line)-1] != '\r' {
			return badFraming("a header line ends with a bare line feed")
		}
		if line = line[:len(line)-1]; len(line) == 0 {
			break
		}
		if err := seen.line(line); err != nil {
			return err
		}
	}
	return seen.verdict(!h.IsHTTP11())
}

// framing counts the headers that say where a request ends and whose it is.
type framing struct{ hosts, lengths, encodings int }

func (f *framing) line(line []byte) error {
	colon := bytes.IndexByte(line, ':')
	switch {
	case line[0] == ' ' || line[0] == '\t':
		return badFraming("a header is folded over two lines")
	case colon <= 0:
		return badFraming("a header line has no name")
	case bytes.IndexByte(line, 0) >= 0 || bytes.IndexByte(line, '\r') >= 0:
		return badFraming("a header holds a NUL or a bare carriage return")
	}
	switch name := line[:colon]; colon {
	case len("host"):
		if asciiEqual(name, "host") {
			f.hosts++
		}
	case len("content-length"):
		if asciiEqual(name, "content-length") {
			f.lengths++
		}
	case len("transfer-encoding"):
		if asciiEqual(name, "transfer-encoding") {
			f.encodings++
			if !asciiEqual(bytes.Trim(line[colon+1:], " \t"), "chunked") {
				return badFraming("the only Transfer-Encoding understood is chunked")
			}
		}
	}
	return nil
}

func (f *framing) verdict(old bool) error {
	switch {
	case f.hosts == 0:
		return badFraming("there is no Host header")
	case f.hosts > 1:
		return badFraming("there are two Host headers")
	case f.lengths > 1:
		return badFraming("there are two Content-Length headers")
	case f.encodings > 1:
		return badFraming("there are two Transfer-Encoding headers")
	case f.lengths > 0 && f.encodings > 0:
		return badFraming("Content-Length and Transfer-Encoding are both there")
	case old && f.encodings > 0:
		return badFraming("HTTP/1.0 has no Transfer-Encoding")
	}
	return nil
}

func badFraming(detail string) error {
	return badRequest("bad_framing", "%s; the request was not read further", detail)
}

// asciiEqual compares a header name with a lower-case word.
func asciiEqual(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	if string(b) == lower { // no allocation: the compiler compares in place
		return true
	}
	return strings.EqualFold(string(b), lower)
}
