package session

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/nextbest/nextbest/session/event"
)

// ringEntries bounds a ring. The newest steps come from far fewer entries;
// cutting runs from the newest end (Steps) makes the bound harmless.
const ringEntries = 96

// ring is a session's newest entries, oldest first by Entry.Compare. There is
// one for every live session, so it is packed: an entry takes 16 bytes and its
// ids, which lie in one text for all.
type ring struct {
	slots []slot
	text  strings.Builder // what is written stays as it is: views share it
}

// slot is an entry; item and id say where its ids begin in the text. Of ids of
// at most event.MaxID bytes a full ring has less than 2^16.
type slot struct {
	time     int64
	item, id uint16
	line     uint16
	kind     event.Kind
}

// An id in the text is its length and its bytes. A UUID in the usual spelling,
// as browsers make them, is packed: packedUUID and its 16 bytes.
const (
	packedUUID = 0xff
	uuidLen    = 36 // of the spelling
)

// enter inserts an entry at its place, if it is among the newest. The event's
// own strings are never kept: they are parts of a whole request.
func (r *ring) enter(rec *event.Record, item string, line int) {
	at := len(r.slots)
	for at > 0 && r.before(rec, line, &r.slots[at-1]) {
		at--
	}
	if len(r.slots) == ringEntries {
		if at == 0 {
			return
		}
		at--
		copy(r.slots, r.slots[1:])
		r.slots = r.slots[:ringEntries-1]
	}
	s := slot{time: rec.Time, line: uint16(line), kind: rec.Kind}
	s.item, s.id = r.write(item, rec.ID, line, at)
	if len(r.slots) == cap(r.slots) {
		// Many sessions are short: grow in small steps.
		bigger := make([]slot, len(r.slots), min(len(r.slots)+max(2, len(r.slots)/4), ringEntries))
		copy(bigger, r.slots)
		r.slots = bigger
	}
	r.slots = slices.Insert(r.slots, at, s)
}

// before reports whether a line of an event comes before an entry.
func (r *ring) before(rec *event.Record, line int, s *slot) bool {
	if rec.Time != s.time {
		return rec.Time < s.time
	}
	var spelled [uuidLen]byte
	if c := cmp.Compare(rec.ID, string(r.eventID(&spelled, s))); c != 0 {
		return c < 0
	}
	return line < int(s.line)
}

// write puts the ids of an entry for place at into the text. The lines of one
// event are neighbours and share its id.
func (r *ring) write(item, id string, line, at int) (itemAt, idAt uint16) {
	if most := 2 + len(item) + len(id); r.text.Len()+most > r.text.Cap() {
		r.pack(most)
	}
	itemAt = r.put(byte(len(item)), item)
	var spelled [uuidLen]byte
	if line > 0 && at > 0 && string(r.eventID(&spelled, &r.slots[at-1])) == id {
		return itemAt, r.slots[at-1].id
	}
	if u, err := uuid.Parse(id); err == nil && string(spell(&spelled, u[:])) == id {
		return itemAt, r.put(packedUUID, string(u[:]))
	}
	return itemAt, r.put(byte(len(id)), id)
}

func (r *ring) put(head byte, body string) (at uint16) {
	at = uint16(r.text.Len())
	r.text.WriteByte(head)
	r.text.WriteString(body)
	return at
}

// pack writes a new text of what the slots need, with room for more bytes and
// some beyond them.
func (r *ring) pack(more int) {
	old, need := r.text.String(), more
	for n := range r.slots {
		need += len(stored(old, r.slots[n].item)) + len(stored(old, r.slots[n].id))
	}
	r.text.Reset()
	r.text.Grow(need + need/8)
	was := uint16(0)
	for n := range r.slots {
		s := &r.slots[n]
		item := stored(old, s.item)
		s.item = r.put(item[0], item[1:])
		if n > 0 && s.id == was {
			s.id = r.slots[n-1].id
			continue
		}
		was = s.id
		id := stored(old, was)
		s.id = r.put(id[0], id[1:])
	}
}

// stored is an id of a text, with its head.
func stored(text string, at uint16) string {
	size := int(text[at])
	if size == packedUUID {
		size = len(uuid.UUID{})
	}
	return text[at:][:1+size]
}

// eventID is the id of an entry's event, spelled out in the array where it is packed.
func (r *ring) eventID(spelled *[uuidLen]byte, s *slot) []byte {
	id := stored(r.text.String(), s.id)
	if id[0] == packedUUID {
		return spell(spelled, []byte(id[1:]))
	}
	return append(spelled[:0], id[1:]...)
}

// spell writes a UUID in the usual form, which sorts like its bytes.
func spell(dst *[uuidLen]byte, u []byte) []byte {
	at := 0
	for n, b := range u {
		if n == 4 || n == 6 || n == 8 || n == 10 {
			dst[at] = '-'
			at++
		}
		at += len(hex.AppendEncode(dst[at:at], []byte{b}))
	}
	return dst[:]
}

// appendTo appends the entries without the ids of their events, which only
// their order needs.
func (r *ring) appendTo(dst []Entry) []Entry {
	text := r.text.String()
	for n := range r.slots {
		s := &r.slots[n]
		dst = append(dst, Entry{Time: s.time, ItemID: stored(text, s.item)[1:], Line: int32(s.line), Kind: s.kind})
	}
	return dst
}
