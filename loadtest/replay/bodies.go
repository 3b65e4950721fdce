package replay

import (
	"strconv"
)

// Bodies writes the requests of a click. The zero value asks for nothing
// useful: Placement and Limit are required.
type Bodies struct {
	Placement string
	Limit     int
}

// Events is the beacon of a click.
func (b Bodies) Events(dst []byte, s *Step, ms int64) []byte {
	dst = b.visitor(append(dst, '{'), s)
	dst = b.click(dst, s, ms)
	return append(dst, '}')
}

// Recommend asks for the visitor's next items; after names an event that the
// answer must reflect, "" for none.
func (b Bodies) Recommend(dst []byte, s *Step, after string) []byte {
	dst = b.ask(dst, s)
	if after != "" {
		dst = append(dst, `,"after":`...)
		dst = quote(dst, after)
	}
	return append(dst, '}')
}

// Inline sends the click and asks in one call that waits for the store.
func (b Bodies) Inline(dst []byte, s *Step, ms int64) []byte {
	dst = b.ask(dst, s)
	dst = b.click(dst, s, ms)
	return append(dst, `,"ack":true}`...)
}

func (b Bodies) ask(dst []byte, s *Step) []byte {
	dst = append(dst, `{"placement":`...)
	dst = quote(dst, b.Placement)
	dst = append(dst, `,"limit":`...)
	dst = strconv.AppendInt(dst, int64(b.Limit), 10)
	dst = append(dst, `,"context":{"item_id":`...)
	dst = quote(dst, s.Item)
	dst = append(dst, `},`...)
	return b.visitor(dst, s)
}

func (b Bodies) visitor(dst []byte, s *Step) []byte {
	dst = append(dst, `"anonymous_id":`...)
	dst = quote(dst, s.Visitor)
	dst = append(dst, `,"session_id":`...)
	dst = quote(dst, s.Session)
	return append(dst, `,"consent":"full"`...)
}

func (b Bodies) click(dst []byte, s *Step, ms int64) []byte {
	dst = append(dst, `,"events":[{"kind":"click","event_id":`...)
	dst = quote(dst, s.EventID)
	dst = append(dst, `,"item_id":`...)
	dst = quote(dst, s.Item)
	dst = append(dst, `,"ts":`...)
	dst = strconv.AppendInt(dst, ms, 10)
	return append(dst, `}]`...)
}

// quote writes a JSON string. Ids hold no control characters.
func quote(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}
