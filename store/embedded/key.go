package embedded

import (
	"encoding/binary"
)

// format is the version of the key and value encodings below.
const format = 2

// The key spaces: the first byte of every key. Stored: never reuse a letter.
const (
	spaceFormat     = '0'
	spaceSession    = 's' // site, visitor, session, ts, id → record
	spaceLog        = 'l' // site, hour, seq → record
	spaceFloor      = 'f' // site → hour, seq that the log has reached
	spaceVisitor    = 'v' // site, id → visitor
	spaceMark       = 'e' // site, id → when erased
	spaceHistory    = 'h' // site, owner, ts, id → record
	spaceCheckpoint = 'c' // site, name → bytes
	spaceProfile    = 'p' // site, version, id → profile
	spaceSlot       = 'd' // site, version → nothing: the dataset exists
	spaceProfiles   = 'q' // site → active version
	spaceItem       = 'i' // site, id → item
	spaceVersion    = 'm' // site, kind, id → version
	spaceChunk      = 'b' // site, kind, id, generation, number → part of a body
	spaceActive     = 'a' // site, kind → active id
	spaceDecision   = 'x' // site, at, id → bytes
	spaceKey        = 'k' // id → API key
	spaceSite       = 't' // site → nothing: the site is known
)

// A key is its space and then its parts. A part in the middle carries its
// length in front, so no value of one part can run into the next and no site's
// key lies in the range of another's. Numbers are big-endian: byte order is
// their order. A text at the end has no length: its byte order counts.

func prefix(dst []byte, space byte, parts ...string) []byte {
	dst = append(dst, space)
	for _, p := range parts {
		dst = appendPart(dst, p)
	}
	return dst
}

func appendPart(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// appendTime encodes a signed time so that byte order is time order.
func appendTime(dst []byte, ms int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(ms)^1<<63)
}

// eventKey is the key of a record behind a prefix that names the session or the
// owner: the time exactly as it was sent and the id, so a retry is the same row.
func eventKey(dst []byte, ts int64, id string) []byte {
	return append(appendTime(dst, ts), id...)
}

// eventID is the id in an eventKey with a prefix of n bytes.
func eventID(key []byte, n int) string { return string(key[n+8:]) }

func logKey(dst []byte, site string, hour, seq uint64) []byte {
	dst = prefix(dst, spaceLog, site)
	dst = binary.BigEndian.AppendUint64(dst, hour)
	return binary.BigEndian.AppendUint64(dst, seq)
}

// logPosition reads hour and seq off the end of a logKey.
func logPosition(key []byte) (hour, seq uint64) {
	n := len(key)
	return binary.BigEndian.Uint64(key[n-16:]), binary.BigEndian.Uint64(key[n-8:])
}

// after is the first key behind all keys with a prefix.
func after(p []byte) []byte {
	end := append(make([]byte, 0, len(p)), p...)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// firstPart splits a length-prefixed part off the front of what is left of a key.
func firstPart(rest []byte) (part string, tail []byte, ok bool) {
	n, size := binary.Uvarint(rest)
	if size <= 0 || n > uint64(len(rest)-size) {
		return "", nil, false
	}
	end := size + int(n)
	return string(rest[size:end]), rest[end:], true
}
