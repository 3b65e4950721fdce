package httpapi

import (
	"strings"
	"testing"
)

const rawBody = `{"placement":"home","key":"pk_test"}`

// TestRawRequests holds the framing table: what two programs could read
// differently is refused, and the connection ends, so that nothing of it can
// be taken for a next request.
func TestRawRequests(t *testing.T) {
	r := run(t, newServer(t, newFakeSite()))
	const post = "POST /v1/recommendations HTTP/1.1\r\n"
	length := "Content-Length: 36\r\n"
	table := []struct {
		name, request string
	}{
		{"length and chunked", post + "Host: a\r\n" + length + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"chunked and length", post + "Host: a\r\nTransfer-Encoding: chunked\r\n" + length + "\r\n0\r\n\r\n"},
		{"two equal lengths", post + "Host: a\r\n" + length + length + "\r\n" + rawBody},
		{"two lengths", post + "Host: a\r\n" + length + "Content-Length: 1\r\n\r\n" + rawBody},
		{"a list of lengths", post + "Host: a\r\nContent-Length: 36, 36\r\n\r\n" + rawBody},
		{"a signed length", post + "Host: a\r\nContent-Length: +36\r\n\r\n" + rawBody},
		{"a negative length", post + "Host: a\r\nContent-Length: -1\r\n\r\n" + rawBody},
		{"a hexadecimal length", post + "Host: a\r\nContent-Length: 0x24\r\n\r\n" + rawBody},
		{"an endless length", post + "Host: a\r\nContent-Length: 99999999999999999999999\r\n\r\n" + rawBody},
		{"two encodings", post + "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"xchunked", post + "Host: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
		{"chunked twice", post + "Host: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"},
		{"identity and length", post + "Host: a\r\nTransfer-Encoding: identity\r\n" + length + "\r\n" + rawBody},
		{"gzip, chunked", post + "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
		{"a quoted encoding", post + "Host: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"},
		{"two hosts", post + "Host: a\r\nHost: b\r\n" + length + "\r\n" + rawBody},
		{"no host", post + length + "\r\n" + rawBody},
		{"no host in HTTP/1.0", "GET /openapi.json HTTP/1.0\r\n\r\n"},
		{"bare line feeds", "GET /openapi.json HTTP/1.1\nHost: a\n\n"},
		{"one bare line feed", post + "Host: a\nX: y\r\n" + length + "\r\n" + rawBody},
		{"a bare line feed at the end", post + "Host: a\r\n" + length + "\n" + rawBody},
		{"a bare carriage return", post + "Host: a\r\nX: y\rContent-Length: 1\r\n" + length + "\r\n" + rawBody},
		{"a NUL in a value", post + "Host: a\r\nX: a\x00b\r\n" + length + "\r\n" + rawBody},
		{"a NUL in a name", post + "Host: a\r\nX\x00: a\r\n" + length + "\r\n" + rawBody},
		{"a space before the colon", post + "Host: a\r\nContent-Length : 36\r\n\r\n" + rawBody},
		{"a space before the encoding's colon", post + "Host: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
		{"a folded header", post + "Host: a\r\nX: a\r\n b\r\n" + length + "\r\n" + rawBody},
		{"a folded first header", post + " Host: a\r\n" + length + "\r\n" + rawBody},
		{"no colon", post + "Host: a\r\nnonsense\r\n" + length + "\r\n" + rawBody},
		{"an empty name", post + "Host: a\r\n: x\r\n" + length + "\r\n" + rawBody},
		{"a letter as chunk size", post + "Host: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n"},
		{"a signed chunk size", post + "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nabcde\r\n0\r\n\r\n"},
		{"a prefixed chunk size", post + "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n"},
		{"an endless chunk size", post + "Host: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nab\r\n0\r\n\r\n"},
		{"a chunk longer than it says", post + "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabcde\r\n0\r\n\r\n"},
		{"a chunk line with a bare line feed", post + "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nabcde\r\n0\r\n\r\n"},
		{"chunked in HTTP/1.0", "POST /v1/recommendations HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"HTTP/3.7", "GET /openapi.json HTTP/3.7\r\nHost: a\r\n\r\n"},
		{"no version", "GET /openapi.json\r\nHost: a\r\n\r\n"},
		{"no request line", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"},
		{"a control character in the path", "GET /open\x01api HTTP/1.1\r\nHost: a\r\n\r\n"},
	}
	for _, test := range table {
		t.Run(test.name, func(t *testing.T) {
			got, left := r.raw(test.request)
			if got.status != 400 {
				t.Fatalf("answered %d %.200s", got.status, got.body)
			}
			if p := got.problem(t); p.Code != "bad_framing" || p.Status != 400 || p.Detail == "" {
				t.Errorf("problem %+v, want code bad_framing", p)
			}
			if left {
				t.Error("the connection stays open after a request whose end is unclear")
			}
		})
	}
}

// TestRawAccepted holds what must keep working.
func TestRawAccepted(t *testing.T) {
	r := run(t, newServer(t, newFakeSite()))
	for name, request := range map[string]string{
		"length":         "POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nContent-Length: 36\r\n\r\n" + rawBody,
		"chunks":         "POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n" + rawBody[:16] + "\r\n14\r\n" + rawBody[16:] + "\r\n0\r\n\r\n",
		"odd case":       "POST /v1/recommendations HTTP/1.1\r\nhOST: a\r\ncontent-LENGTH: 36\r\n\r\n" + rawBody,
		"HTTP/1.0":       "POST /v1/recommendations HTTP/1.0\r\nHost: a\r\nContent-Length: 36\r\n\r\n" + rawBody,
		"100-continue":   "POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nContent-Length: 36\r\nX-Request-Id: r-1\r\n\r\n" + rawBody,
		"leading blanks": "\r\nPOST /v1/recommendations HTTP/1.1\r\nHost: a\r\nContent-Length: 36\r\n\r\n" + rawBody,
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := r.raw(request); got.status != 200 {
				t.Errorf("answered %d %s", got.status, got.body)
			}
		})
	}
}

// TestNothingIsSmuggled sends a request inside a body that is refused unread:
// it must never be answered.
func TestNothingIsSmuggled(t *testing.T) {
	f := newFakeSite()
	r := run(t, newServer(t, f))
	inner := "POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nContent-Length: 36\r\n\r\n" + rawBody
	pad := strings.Repeat("x", 20_000)
	for name, request := range map[string]string{
		"unknown path":   "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 20300\r\n\r\n" + pad + inner,
		"over the limit": "PATCH /v1/items/x HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n" + inner,
		"chunked":        "PUT /v1/items HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + "GARBAGE" + inner,
		"with GET":       "GET /v1/placements HTTP/1.1\r\nHost: a\r\nContent-Length: 20300\r\n\r\n" + pad + inner,
		"TRACE":          "TRACE /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 20300\r\n\r\n" + pad + inner,
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := r.raw(request)
			if got.status < 400 {
				t.Errorf("answered %d", got.status)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(f.queries) > 0 {
				t.Error("the request inside the body was answered")
			}
		})
	}
}
