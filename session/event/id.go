package event

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nextbest/nextbest/internal/fault"
)

// MaxID is the longest id in bytes.
const MaxID = 128

// CheckID says what is wrong with an id of any sort: 1-128 bytes of valid
// UTF-8 without control characters.
func CheckID(id string) error {
	if detail := idDetail(id); detail != "" {
		return fault.Invalidf("invalid_id", "the id %s", detail)
	}
	return nil
}

// idDetail is what is wrong with an id, to follow the name of the field, or "".
func idDetail(id string) string {
	if id == "" {
		return "is empty; send 1-128 bytes or leave the field out"
	}
	if len(id) > MaxID {
		return "is longer than 128 bytes; send a shorter one, for example a UUID"
	}
	for i := 0; i < len(id); i++ {
		c := id[i]
		if c < 0x20 || c == 0x7f {
			return "holds a control character; send printable text"
		}
		if c >= utf8.RuneSelf {
			return wideDetail(id)
		}
	}
	return ""
}

// wideDetail is idDetail for ids that are not plain ASCII.
func wideDetail(id string) string {
	if !utf8.ValidString(id) {
		return "is not valid UTF-8; send UTF-8 text"
	}
	if strings.ContainsFunc(id, unicode.IsControl) {
		return "holds a control character; send printable text"
	}
	return ""
}

// Junk reports whether an id is a placeholder that a broken client sends in
// place of an id: taking it would merge all such visitors into one.
func Junk(id string) bool {
	s := strings.TrimSpace(id)
	if s == "" {
		return true
	}
	if len(s) > len("not_authenticated") { // the longest of the words below
		return s == "00000000-0000-0000-0000-000000000000"
	}
	var buf [17]byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	switch string(buf[:len(s)]) {
	case "null", "undefined", "0", "none", "(not set)", "(none)", "not set", "nil", "nan", "n/a", "na",
		"unknown", "anonymous", "guest", "not_authenticated", "distinct_id", "distinctid", "anonymous_id",
		"user_id", "session_id", "id", "email", "true", "false", "-1", "-", "{}", "[]", "[object object]":
		return true
	}
	return false
}

// junkReference is Junk for item and event ids, where a bare number is a
// reasonable name: shops number their products from 0.
func junkReference(id string) bool { return id != "0" && Junk(id) }

// UUIDTime is the time (epoch ms) inside a UUIDv7, false for any other id.
func UUIDTime(id string) (ms int64, ok bool) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' || id[14] != '7' {
		return 0, false
	}
	for i := 0; i < len(id); i++ {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			continue
		}
		d, hex := hexDigit(id[i])
		if !hex {
			return 0, false
		}
		if i < 13 {
			ms = ms<<4 | d
		}
	}
	return ms, true
}

func hexDigit(c byte) (int64, bool) {
	switch {
	case '0' <= c && c <= '9':
		return int64(c - '0'), true
	case 'a' <= c && c <= 'f':
		return int64(c-'a') + 10, true
	case 'A' <= c && c <= 'F':
		return int64(c-'A') + 10, true
	}
	return 0, false
}
