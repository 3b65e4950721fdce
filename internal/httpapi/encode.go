package httpapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/session/ingest"
)

// This file is the one encoder of the hot path: it appends JSON to a pooled
// buffer. It is fuzzed against encoding/json.

// appendAnswer writes the answer of POST /v1/recommendations.
func appendAnswer(b []byte, a *site.Answer, id []byte, placement string, fields []string) []byte {
	b = append(b, `{"recommendation_id":"`...)
	b = append(b, id...) // base64url
	b = append(b, `","placement":`...)
	b = appendString(b, placement)
	b = append(b, `,"items":[`...)
	for i := range a.Items {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendItem(b, &a.Items[i], fields)
	}
	b = append(b, `],"blend":{"session":`...)
	b = appendFloat(b, a.Blend.Session)
	b = append(b, `,"profile":`...)
	b = appendFloat(b, a.Blend.Profile)
	b = append(b, `},"session":`...)
	if a.HasSession {
		b = appendSession(b, a.Session.SessionID, a.Session.Events, a.Session.LastEventID)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"degraded":`...)
	b = appendStrings(b, a.Degraded)
	b = appendVersions(b, &a.Versions)
	if a.Events != nil {
		b = append(b, `,"events":`...)
		b = appendResult(b, a.Events)
	}
	if a.Explanation != nil {
		b = appendExplanation(b, a.Explanation)
	}
	return append(b, "}\n"...)
}

func appendVersions(b []byte, v *recommend.Versions) []byte {
	b = append(b, `,"versions":{"model":`...)
	b = appendString(b, v.Model)
	b = append(b, `,"catalog":`...)
	b = appendString(b, v.Catalog)
	b = append(b, `,"rules":`...)
	b = appendString(b, v.Rules)
	b = append(b, `,"profiles":`...)
	b = appendString(b, v.Profiles)
	return append(b, '}')
}

// appendSession names a session: null for one that has neither id nor events.
func appendSession(b []byte, id string, events int, last string) []byte {
	if id == "" && events == 0 {
		return append(b, "null"...)
	}
	b = append(b, `{"session_id":`...)
	b = appendString(b, id)
	b = append(b, `,"events":`...)
	b = strconv.AppendInt(b, int64(events), 10)
	if last != "" {
		b = append(b, `,"last_event_id":`...)
		b = appendString(b, last)
	}
	return append(b, '}')
}

func appendItem(b []byte, it *recommend.Item, fields []string) []byte {
	b = append(b, `{"item_id":`...)
	b = appendString(b, it.ItemID)
	b = append(b, `,"slot":`...)
	b = strconv.AppendInt(b, int64(it.Slot), 10)
	b = append(b, `,"score":`...)
	b = appendScore(b, it.Score)
	b = append(b, `,"reason":`...)
	b = appendString(b, string(it.Reason))
	b = append(b, `,"attributes":`...)
	if it.Catalog == nil || len(fields) == 0 {
		b = append(b, "{}"...)
	} else {
		b = appendAttributes(b, it.Catalog, fields)
	}
	if it.Ledger != nil {
		b = appendLedger(b, it.Ledger)
	}
	return append(b, '}')
}

// appendScore writes a score to six decimals: more digits would be noise, and
// would be most of the answer. What is too small or too large for them is
// written as it is.
func appendScore(b []byte, x float64) []byte {
	if !(x >= 1e-3 && x < 1e6) {
		return appendFloat(b, x)
	}
	const scale = 1_000_000
	n := uint64(x*scale + .5)
	b = strconv.AppendUint(b, n/scale, 10)
	frac := n % scale
	if frac == 0 {
		return b
	}
	digits := [7]byte{'.'}
	for i := 6; i > 0; i-- {
		digits[i] = byte('0' + frac%10)
		frac /= 10
	}
	return append(b, bytes.TrimRight(digits[:], "0")...)
}

// appendAttributes writes the named attributes that the item has; "*" names
// all. The catalog's own columns count as attributes here.
func appendAttributes(b []byte, it *catalog.Item, fields []string) []byte {
	w := members{b: append(b, '{')}
	all := slices.Contains(fields, "*")
	for i, f := range fields {
		if f != "*" && !all && slices.Index(fields, f) == i {
			w.attribute(it, f)
		}
	}
	if all {
		for _, f := range catalogColumns() {
			w.attribute(it, f)
		}
		for _, f := range slices.Sorted(maps.Keys(it.Attributes)) {
			if !slices.Contains(catalogColumns(), f) {
				w.attribute(it, f)
			}
		}
	}
	return append(w.b, '}')
}

// catalogColumns are the item's own fields that may be asked for by name.
func catalogColumns() []string {
	return []string{"group_id", "name", "url", "image_url", "price", "currency", "available", "categories", "published_at"}
}

// members writes the members of an object, with commas between them.
type members struct {
	b    []byte
	some bool
}

func (w *members) name(s string) {
	if w.some {
		w.b = append(w.b, ',')
	}
	w.some = true
	w.b = append(appendString(w.b, s), ':')
}

func (w *members) text(name, value string) {
	if value != "" {
		w.name(name)
		w.b = appendString(w.b, value)
	}
}

// attribute writes one attribute, or nothing when the item has none of that name.
func (w *members) attribute(it *catalog.Item, f string) {
	switch f {
	case "group_id":
		w.text(f, it.GroupID)
	case "name":
		w.text(f, it.Name)
	case "url":
		w.text(f, it.URL)
	case "image_url":
		w.text(f, it.ImageURL)
	case "currency":
		w.text(f, it.Currency)
	case "published_at":
		w.text(f, it.PublishedAt)
	case "price":
		if it.Price != nil {
			w.name(f)
			w.b = appendFloat(w.b, *it.Price)
		}
	case "available":
		w.name(f)
		w.b = strconv.AppendBool(w.b, it.Available == nil || *it.Available)
	case "categories":
		w.name(f)
		w.b = appendStrings(w.b, it.Categories)
	default:
		w.raw(f, it.Attributes[f])
	}
}

// raw writes an attribute as it was uploaded, when it is still valid JSON.
func (w *members) raw(name string, value json.RawMessage) {
	if len(value) > 0 && jsontext.Value(value).IsValid() {
		w.name(name)
		w.b = append(w.b, value...)
	}
}

func appendLedger(b []byte, ledger []recommend.Entry) []byte {
	b = append(b, `,"ledger":[`...)
	for i := range ledger {
		if i > 0 {
			b = append(b, ',')
		}
		e := &ledger[i]
		w := members{b: append(b, '{')}
		w.name("stage")
		w.b = appendString(w.b, e.Stage)
		w.text("signal", e.Signal)
		w.text("rule", e.Rule)
		w.name("value")
		w.b = appendFloat(w.b, e.Value)
		if e.Factor != 0 {
			w.name("factor")
			w.b = appendFloat(w.b, e.Factor)
		}
		if e.MovedFrom != 0 {
			w.name("moved_from")
			w.b = strconv.AppendInt(w.b, int64(e.MovedFrom), 10)
		}
		b = append(w.b, '}')
	}
	return append(b, ']')
}

// appendExplanation writes where candidates came from, where they went, and
// why the items that were asked about are not there.
func appendExplanation(b []byte, x *recommend.Explanation) []byte {
	b = append(b, `,"candidates":`...)
	b = appendCounts(b, x.Candidates)
	b = append(b, `,"drops":`...)
	b = appendCounts(b, x.Drops)
	b = append(b, `,"why_not":[`...)
	for i := range x.WhyNot {
		if i > 0 {
			b = append(b, ',')
		}
		e := &x.WhyNot[i]
		w := members{b: append(b, '{')}
		w.name("item_id")
		w.b = appendString(w.b, e.ItemID)
		w.name("stage")
		w.b = appendString(w.b, e.Stage)
		w.text("rule", e.Rule)
		w.name("detail")
		w.b = appendString(w.b, e.Detail)
		b = append(w.b, '}')
	}
	return append(b, ']')
}

// appendCounts writes a map in the order of its names.
func appendCounts(b []byte, counts map[string]int) []byte {
	w := members{b: append(b, '{')}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		w.name(name)
		w.b = strconv.AppendInt(w.b, int64(counts[name]), 10)
	}
	return append(w.b, '}')
}

// appendResult writes the verdicts on a batch of events.
func appendResult(b []byte, r *ingest.Result) []byte {
	b = append(b, `{"accepted":`...)
	b = strconv.AppendInt(b, int64(r.Accepted), 10)
	b = append(b, `,"duplicate":`...)
	b = strconv.AppendInt(b, int64(r.Duplicate), 10)
	b = append(b, `,"invalid":[`...)
	for i := range r.Invalid {
		if i > 0 {
			b = append(b, ',')
		}
		v := &r.Invalid[i]
		b = append(b, `{"index":`...)
		b = strconv.AppendInt(b, int64(v.Index), 10)
		w := members{b: b, some: true}
		w.text("event_id", v.EventID)
		w.text("code", v.Code)
		w.text("detail", v.Detail)
		b = append(w.b, '}')
	}
	b = append(b, `],"shed":`...)
	b = strconv.AppendInt(b, int64(r.Shed), 10)
	if r.Durability != "" { // nothing was stored, nothing is promised
		b = append(b, `,"durability":`...)
		b = appendString(b, r.Durability)
	}
	b = append(b, `,"session":`...)
	b = appendSession(b, r.SessionID, r.Events, r.LastEventID)
	b = appendMade(b, r.Made)
	return append(b, '}')
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

// appendString writes a JSON string. Most ids need no escape.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if ch := s[i]; ch < 0x20 || ch == '"' || ch == '\\' || ch >= utf8.RuneSelf || ch == 0x7f {
			return appendQuoted(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendQuoted(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s) // invalid UTF-8 becomes U+FFFD, as in encoding/json
	return b
}

// appendFloat writes a number as encoding/json does. JSON has no NaN and no
// infinity: what a defect makes of them is 0, not a broken answer.
func appendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, '0')
	}
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.AppendFloat(b, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}
