package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session/event"
)

// Limits of one item. They bound what a snapshot costs and what an answer
// carries.
const (
	MaxName       = 512  // bytes of a name
	MaxURL        = 2048 // bytes of url and image_url
	MaxCategories = 32
	MaxCategory   = 256 // bytes of a category path
	MaxDepth      = 8   // levels of a category path
	MaxAttributes = 64
	MaxAttribute  = 64  // bytes of an attribute's name
	MaxValue      = 512 // bytes of an attribute's value
	MaxList       = 64  // values of a list
)

// fields are the filter's names for what an item has besides attributes; an
// attribute must not hide one of them.
var fields = [...]string{"item_id", "group_id", "name", "price", "available", "categories", "published_at"}

// isField reports whether name is one of an item's own fields.
func isField(name string) bool {
	for _, f := range fields {
		if f == name {
			return true
		}
	}
	return false
}

// Validate says everything that is wrong with an item: a *fault.Error of kind
// Invalid with one field per fault, nil for a good item.
func Validate(it *Item) error {
	problem := fault.Invalidf("invalid_item", "the item was not taken: correct the fields named in errors")
	checkIDs(it, problem)
	checkTexts(it, problem)
	if it.Price != nil && !validPrice(*it.Price) {
		problem.At("/price", "must be a finite number of 0 or more")
	}
	if _, ok := publishedAt(it.PublishedAt); it.PublishedAt != "" && !ok {
		problem.At("/published_at", "must be an RFC 3339 time, a date or epoch milliseconds")
	}
	checkCategories(it.Categories, problem)
	checkAttributes(it.Attributes, problem)
	if len(problem.Fields) > 0 {
		return problem
	}
	return nil
}

// Validate says what is wrong with a patch, as Validate does for an item.
func (p Patch) Validate() error {
	if p.Price != nil && !validPrice(*p.Price) {
		return fault.Invalidf("invalid_item", "the change was not made: the price is not one").
			At("/price", "must be a finite number of 0 or more")
	}
	return nil
}

func validPrice(p float64) bool { return p >= 0 && !math.IsInf(p, 0) }

func checkIDs(it *Item, problem *fault.Error) {
	if err := event.CheckID(it.ItemID); err != nil {
		problem.At("/item_id", "must be 1 to 128 bytes of UTF-8 without control characters")
	}
	if it.GroupID == "" {
		return
	}
	if err := event.CheckID(it.GroupID); err != nil {
		problem.At("/group_id", "must be 1 to 128 bytes of UTF-8 without control characters")
	}
}

func checkTexts(it *Item, problem *fault.Error) {
	for _, t := range [...]struct {
		pointer, text string
		max           int
	}{
		{"/name", it.Name, MaxName},
		{"/url", it.URL, MaxURL},
		{"/image_url", it.ImageURL, MaxURL},
		{"/currency", it.Currency, 8},
	} {
		if len(t.text) > t.max || !utf8.ValidString(t.text) {
			problem.At(t.pointer, fmt.Sprintf("must be UTF-8 of at most %d bytes", t.max))
		}
	}
	for _, u := range [...]struct{ pointer, url string }{{"/url", it.URL}, {"/image_url", it.ImageURL}} {
		if unsafeScheme(u.url) {
			problem.At(u.pointer, "must be an http, https or relative address")
		}
	}
}

// unsafeScheme refuses addresses that a page would run instead of open.
func unsafeScheme(url string) bool {
	scheme, _, found := strings.Cut(url, ":")
	if !found || strings.ContainsAny(scheme, "/?#") {
		return false
	}
	return !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https")
}

func checkCategories(paths []string, problem *fault.Error) {
	if len(paths) > MaxCategories {
		problem.At("/categories", fmt.Sprintf("must be at most %d paths", MaxCategories))
		return
	}
	for n, path := range paths {
		clean := CategoryPath(path)
		switch {
		case clean == "" || len(path) > MaxCategory || !utf8.ValidString(path):
			problem.At("/categories/"+strconv.Itoa(n), fmt.Sprintf(`must be a path like "home>lanterns" of at most %d bytes`, MaxCategory))
		case strings.Count(clean, ">") >= MaxDepth:
			problem.At("/categories/"+strconv.Itoa(n), fmt.Sprintf("must have at most %d levels", MaxDepth))
		}
	}
}

func checkAttributes(attributes map[string]json.RawMessage, problem *fault.Error) {
	if len(attributes) > MaxAttributes {
		problem.At("/attributes", fmt.Sprintf("must be at most %d attributes", MaxAttributes))
		return
	}
	for _, name := range sortedNames(attributes) {
		pointer := "/attributes/" + escapePointer(name)
		switch {
		case name == "" || len(name) > MaxAttribute || !utf8.ValidString(name):
			problem.At(pointer, fmt.Sprintf("the name must be 1 to %d bytes of UTF-8", MaxAttribute))
		case isField(name):
			problem.At(pointer, "is a field of the item itself: set it there")
		default:
			if detail := checkValue(attributes[name]); detail != "" {
				problem.At(pointer, detail)
			}
		}
	}
}

func checkValue(raw json.RawMessage) string {
	v, ok := parseValue(raw)
	if !ok {
		return "must be a string, a finite number, true or false, or a list of strings"
	}
	if len(v.texts) > MaxList {
		return fmt.Sprintf("must be a list of at most %d strings", MaxList)
	}
	for _, t := range v.texts {
		if len(t) > MaxValue || !utf8.ValidString(t) {
			return fmt.Sprintf("must be UTF-8 of at most %d bytes", MaxValue)
		}
	}
	return ""
}

// value is an attribute's value: texts, or a number.
type value struct {
	texts    []string
	number   float64
	isNumber bool
}

// parseValue reads the four shapes an attribute may have; null is none of them.
func parseValue(raw json.RawMessage) (value, bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return value{}, false
	}
	switch raw[0] {
	case '"':
		var text string
		err := json.Unmarshal(raw, &text)
		return value{texts: []string{text}}, err == nil
	case '[':
		var list []*string
		if json.Unmarshal(raw, &list) != nil {
			return value{}, false
		}
		v := value{texts: make([]string, 0, len(list))}
		for _, t := range list {
			if t == nil {
				return value{}, false
			}
			v.texts = append(v.texts, *t)
		}
		return v, true
	case 't', 'f':
		text := string(raw)
		return value{texts: []string{text}}, text == "true" || text == "false"
	default:
		var number float64
		err := json.Unmarshal(raw, &number)
		return value{number: number, isNumber: true}, err == nil && raw[0] != 'n' && raw[0] != '{'
	}
}

// publishedAt reads a time as epoch milliseconds.
func publishedAt(s string) (float64, bool) {
	for _, layout := range [...]string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return float64(t.UnixMilli()), true
		}
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil && ms > 0 {
		return float64(ms), true
	}
	return math.NaN(), false
}

// CategoryPath is a category as it is compared: "home > lanterns" is
// "home>lanterns"; empty levels are left out.
func CategoryPath(path string) string {
	levels := strings.Split(path, ">")
	kept := levels[:0]
	for _, level := range levels {
		if level = strings.TrimSpace(level); level != "" {
			kept = append(kept, level)
		}
	}
	return strings.Join(kept, ">")
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// escapePointer makes one step of a JSON pointer (RFC 6901).
func escapePointer(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}
