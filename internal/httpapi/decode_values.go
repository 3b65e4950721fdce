package httpapi

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/session/event"
)

const (
	neverExcluded  = -1 // site.Query.ExcludePurchased
	alwaysExcluded = 0

	detailID    = "must have 1-128 bytes of UTF-8 without control characters"
	detailJunk  = "is a placeholder, not an id; leave it out when there is none"
	detailText  = "must have at most 1024 bytes"
	detailTime  = "must be RFC 3339 or epoch milliseconds"
	detailBool  = "must be true or false"
	detailEmpty = "must hold 1 to 1000 item ids; leave it out to have them found"
)

// unquote gives the text of a JSON string; false when the value is none.
func unquote(raw string) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if text := raw[1 : len(raw)-1]; strings.IndexByte(text, '\\') < 0 {
		return text, true
	}
	out, err := jsontext.AppendUnquote(nil, raw)
	return string(out), err == nil
}

func (d *queryInput) placement() {
	raw := d.value()
	if raw == "" {
		return
	}
	name, ok := unquote(raw)
	if !ok {
		d.refuse("invalid_field", "/placement", "must be a string")
	}
	d.q.Placement = name
}

func (d *queryInput) limit() {
	raw := d.value()
	if raw == "" {
		return
	}
	d.setLimit(raw)
}

// setLimit refuses what is outside instead of clamping it: a caller that asks
// for 500 items and gets 100 without being told would page wrongly.
func (d *queryInput) setLimit(s string) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 100 {
		d.refuse("invalid_limit", "/limit", "must be a whole number from 1 to 100")
		return
	}
	d.q.Limit = n
}

// who reads an id that says whom the request is about.
func (d *queryInput) who(pointer string, dst *string) {
	d.id(pointer, dst)
	if *dst != "" && event.Junk(*dst) {
		d.refuse("junk_id", pointer, detailJunk)
	}
}

// id reads an id; null and the empty string count as left out.
func (d *queryInput) id(pointer string, dst *string) {
	raw := d.value()
	if raw == "" {
		return
	}
	s, ok := unquote(raw)
	switch {
	case !ok:
		d.refuse("invalid_id", pointer, "must be a string; put the id in quotes")
	case s != "" && event.CheckID(s) != nil:
		d.refuse("invalid_id", pointer, detailID)
	default:
		*dst = s
	}
}

func (d *queryInput) text(pointer string, dst *string) {
	raw := d.value()
	if raw == "" {
		return
	}
	s, ok := unquote(raw)
	switch {
	case !ok:
		d.refuse("invalid_field", pointer, "must be a string")
	case len(s) > maxText:
		d.refuse("invalid_field", pointer, detailText)
	default:
		*dst = s
	}
}

func (d *queryInput) consent() {
	var word string
	d.text("/consent", &word)
	d.setConsent(word)
}

func (d *queryInput) setConsent(word string) {
	if word == "" {
		return
	}
	level, ok := event.ParseConsent(word)
	if !ok {
		d.refuse("invalid_consent", "/consent", "must be full, session or none")
	}
	d.q.Who.Consent = level
}

func (d *queryInput) time() {
	raw := d.value()
	if raw == "" {
		return
	}
	ms, ok := event.ParseTime(d.bytes(raw))
	if !ok {
		d.refuse("invalid_time", "/sent_at", detailTime)
	}
	d.sentAt = ms
}

// inline keeps the raw events; they are decoded once it is known whose they are.
func (d *queryInput) inline() {
	raw := d.value()
	if raw == "" {
		return
	}
	if raw[0] != '[' {
		d.refuse("invalid_field", "/events", "must be an array of events")
		return
	}
	d.events = d.bytes(raw)
}

func (d *queryInput) filter() {
	raw := d.value()
	if raw == "" {
		return
	}
	if raw[0] != '{' {
		d.refuse("invalid_filter", "/filter", "must be an object")
		return
	}
	d.q.Filter = d.bytes(raw)
}

// purchased reads "never", "always" or a number of days.
func (d *queryInput) purchased() {
	raw := d.value()
	if raw == "" {
		return
	}
	word := raw
	if s, quoted := unquote(raw); quoted && (s == "never" || s == "always") {
		word = s
	}
	d.setPurchased(word)
}

func (d *queryInput) setPurchased(word string) {
	var days int
	var err error
	switch word {
	case "never":
		days = neverExcluded
	case "always":
		days = alwaysExcluded
	default:
		if days, err = strconv.Atoi(word); err != nil || days < 1 || days > maxDays {
			d.refuse("invalid_field", "/exclude_purchased", `must be "never", "always" or a number of days from 1 to 3650`)
			return
		}
	}
	d.q.ExcludePurchased = &days
}

// blend reads {"a":0..1}. An object without its a steers nothing and is a
// mistake; null counts as left out.
func (d *queryInput) blend() {
	kind, said := d.walk.Peek(), false
	d.blended = kind != 'n'
	d.nested("/blend", func(name string) {
		if name != "a" {
			d.unknown++
			d.skip()
			return
		}
		said = true
		d.setBlend(d.value())
	})
	if kind == '{' && !said {
		d.setBlend("")
	}
}

func (d *queryInput) setBlend(number string) {
	a, err := strconv.ParseFloat(number, 64)
	if err != nil || !(a >= 0 && a <= 1) {
		d.refuse("invalid_field", "/blend/a", "must be a number from 0 to 1")
		return
	}
	d.q.BlendA = &a
}

// candidates reads the items to rank. None at all is a caller's mistake, not a
// wish for an empty list.
func (d *queryInput) candidates() {
	d.ids("/candidates", maxCandidates, &d.q.Candidates)
	if list := d.q.Candidates; list != nil && len(list) == 0 {
		d.refuse("candidates_missing", "/candidates", detailEmpty)
	}
}

func (d *queryInput) flag(pointer string, dst *bool) {
	var p *bool
	if d.optional(pointer, &p); p != nil {
		*dst = *p
	}
}

func (d *queryInput) optional(pointer string, dst **bool) {
	raw := d.value()
	if raw == "" {
		return
	}
	switch raw {
	case "true", "false":
		v := raw[0] == 't'
		*dst = &v
	default:
		d.refuse("invalid_field", pointer, detailBool)
	}
}

// ids reads a list of ids.
func (d *queryInput) ids(pointer string, most int, dst *[]string) {
	if d.walk.Peek() != '[' {
		d.notNull(pointer, "must be an array of ids")
		return
	}
	list, at, detail := splitIDs(d.value(), most)
	if detail != "" {
		if at >= 0 {
			pointer += "/" + strconv.Itoa(at)
		}
		d.refuse("invalid_field", pointer, detail)
		return
	}
	*dst = list
}

// splitIDs takes a valid JSON array of strings apart; detail says what is
// wrong and at is the index, or -1 for the whole list.
func splitIDs(text string, most int) (list []string, at int, detail string) {
	list = []string{}
	for i := 1; i < len(text); {
		switch c := text[i]; c {
		case ' ', '\t', '\n', '\r', ',':
			i++
			continue
		case ']':
			return list, -1, ""
		case '"':
		default:
			return nil, len(list), "must be an id in quotes"
		}
		end := i + 1
		for text[end] != '"' {
			if text[end] == '\\' {
				end++
			}
			end++
		}
		id, _ := unquote(text[i : end+1])
		switch {
		case event.CheckID(id) != nil:
			return nil, len(list), detailID
		case len(list) == most:
			return nil, -1, detailMost(most)
		}
		list = append(list, id)
		i = end + 1
	}
	return list, -1, ""
}

func detailMost(most int) string { return "must hold at most " + strconv.Itoa(most) + " entries" }
