package httpapi

import (
	"bytes"
	"strconv"

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

// unquote copies a JSON string; false when the value is none.
func unquote(raw jsontext.Value) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if body := raw[1 : len(raw)-1]; bytes.IndexByte(body, '\\') < 0 {
		return string(body), true
	}
	out, err := jsontext.AppendUnquote(nil, raw)
	return string(out), err == nil
}

// placement reads the placement's name without a copy when it is a known one.
func (d *queryInput) placement() error {
	raw, err := d.value()
	if err != nil || raw == nil {
		return err
	}
	if len(raw) > 2 && raw[0] == '"' {
		for _, n := range d.names {
			if string(raw[1:len(raw)-1]) == n {
				d.q.Placement = n
				return nil
			}
		}
	}
	name, ok := unquote(raw)
	if !ok {
		d.refuse("invalid_field", "/placement", "must be a string")
	}
	d.q.Placement = name
	return nil
}

func (d *queryInput) limit() error {
	raw, err := d.value()
	if err != nil || raw == nil {
		return err
	}
	d.setLimit(string(raw))
	return nil
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
func (d *queryInput) who(pointer string, dst *string) error {
	if err := d.id(pointer, dst); err != nil {
		return err
	}
	if *dst != "" && event.Junk(*dst) {
		d.refuse("junk_id", pointer, detailJunk)
	}
	return nil
}

// id reads an id; null and the empty string count as left out.
func (d *queryInput) id(pointer string, dst *string) error {
	raw, err := d.value()
	if err != nil || raw == nil {
		return err
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
	return nil
}

func (d *queryInput) text(pointer string, dst *string) error {
	raw, err := d.value()
	if err != nil || raw == nil {
		return err
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
	return nil
}

func (d *queryInput) consent() error {
	var word string
	if err := d.text("/consent", &word); err != nil {
		return err
	}
	d.setConsent(word)
	return nil
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

func (d *queryInput) time() error {
	raw, err := d.value()
	if err != nil || raw == nil {
		return err
	}
	ms, ok := event.ParseTime(raw)
	if !ok {
		d.refuse("invalid_time", "/sent_at", detailTime)
	}
	d.sentAt = ms
	return nil
}

// inline keeps the raw events; they are decoded once it is known whose they are.
func (d *queryInput) inline() error {
	raw, err := d.value()
	if err != nil || raw == nil {
		return err
	}
	if raw.Kind() != '[' {
		d.refuse("invalid_field", "/events", "must be an array of events")
		return nil
	}
	d.events = raw // part of the body, which outlives the decoder
	return nil
}

func (d *queryInput) filter() error {
	raw, err := d.value()
	if err != nil || raw == nil {
		return err
	}
	if raw.Kind() != '{' {
		d.refuse("invalid_filter", "/filter", "must be an object")
		return nil
	}
	d.q.Filter = raw
	return nil
}

// purchased reads "never", "always" or a number of days.
func (d *queryInput) purchased() error {
	raw, err := d.value()
	if err != nil || raw == nil {
		return err
	}
	word := string(raw)
	if s, quoted := unquote(raw); quoted && (s == "never" || s == "always") {
		word = s
	}
	d.setPurchased(word)
	return nil
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
func (d *queryInput) blend() error {
	kind, said := d.dec.PeekKind(), false
	d.blended = kind != 'n'
	err := d.nested("/blend", func(name []byte) error {
		if string(name) != "a" {
			d.unknown++
			return d.skip()
		}
		said = true
		raw, err := d.value()
		if err == nil {
			d.setBlend(string(raw))
		}
		return err
	})
	if err == nil && kind == '{' && !said {
		d.setBlend("")
	}
	return err
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
func (d *queryInput) candidates() error {
	err := d.ids("/candidates", maxCandidates, &d.q.Candidates)
	if list := d.q.Candidates; err == nil && list != nil && len(list) == 0 {
		d.refuse("candidates_missing", "/candidates", detailEmpty)
	}
	return err
}

func (d *queryInput) flag(pointer string, dst *bool) error {
	var p *bool
	if err := d.optional(pointer, &p); err != nil || p == nil {
		return err
	}
	*dst = *p
	return nil
}

func (d *queryInput) optional(pointer string, dst **bool) error {
	raw, err := d.value()
	if err != nil || raw == nil {
		return err
	}
	switch string(raw) {
	case "true", "false":
		v := raw[0] == 't'
		*dst = &v
	default:
		d.refuse("invalid_field", pointer, detailBool)
	}
	return nil
}

// ids reads a list of ids. Their text is copied once for the whole list.
func (d *queryInput) ids(pointer string, most int, dst *[]string) error {
	if d.dec.PeekKind() != '[' {
		return d.notNull(pointer, "must be an array of ids")
	}
	raw, err := d.value()
	if err != nil {
		return err
	}
	list, at, detail := splitIDs(raw, most)
	if detail != "" {
		if at >= 0 {
			pointer += "/" + strconv.Itoa(at)
		}
		d.refuse("invalid_field", pointer, detail)
		return nil
	}
	*dst = list
	return nil
}

// splitIDs takes a valid JSON array of strings apart; detail says what is
// wrong and at is the index, or -1 for the whole list.
func splitIDs(raw jsontext.Value, most int) (list []string, at int, detail string) {
	text := string(raw)
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
		id, _ := unquoteText(text[i : end+1])
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

// unquoteText is unquote for text that is a string of its own already.
func unquoteText(raw string) (string, bool) {
	for i := 1; i < len(raw)-1; i++ {
		if raw[i] == '\\' {
			return unquote(jsontext.Value(raw))
		}
	}
	return raw[1 : len(raw)-1], true
}
