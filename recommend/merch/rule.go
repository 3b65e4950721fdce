// Package merch is the merchandiser's rules: pin, boost, bury, hide, filter,
// slot and diversify, checked when they are written and applied as pure
// functions. A rule orders and hides; it cannot show what cannot be had.
package merch

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/internal/fault"
)

// Rule is one rule as it is written.
type Rule struct {
	ID         string   `json:"id"`
	Name       string   `json:"name,omitempty"`
	Enabled    *bool    `json:"enabled,omitempty"`    // nil means true
	Priority   int      `json:"priority,omitempty"`   // higher goes first; ties by id
	Placements []string `json:"placements,omitempty"` // empty means everywhere
	When       When     `json:"when,omitzero"`
	From       string   `json:"from,omitempty"`     // RFC 3339, or a local time or date in Timezone
	Until      string   `json:"until,omitempty"`    // the first moment at which it no longer holds
	Timezone   string   `json:"timezone,omitempty"` // IANA name, UTC when empty
	Action     Action   `json:"action"`
}

// When says for which requests a rule holds; all that is set must hold.
type When struct {
	Item       Texts          `json:"item,omitempty"`     // the page's item is one of these
	Category   Texts          `json:"category,omitempty"` // the page's category, or its item's, is one of these or below it
	Query      Texts          `json:"query,omitempty"`    // the page's search is one of these
	Attributes jsontext.Value `json:"attributes,omitempty"`
	Audience   *Audience      `json:"audience,omitempty"`
}

// Audience says for whom a rule holds.
type Audience struct {
	Segments  Texts `json:"segments,omitempty"` // one of these is the visitor's
	New       bool  `json:"new,omitempty"`      // nothing is known of the visitor from before
	Returning bool  `json:"returning,omitempty"`
	Viewed    Texts `json:"viewed,omitempty"`    // the session holds one of these items
	MinSteps  int   `json:"min_steps,omitempty"` // the session has at least this many steps
}

// Texts is one text or a list of them.
type Texts []string

// UnmarshalJSON reads "a" as ["a"].
func (t *Texts) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		var one string
		err := json.Unmarshal(raw, &one)
		*t = Texts{one}
		return err
	}
	var list []string
	err := json.Unmarshal(raw, &list)
	*t = list
	return err
}

// Action is what a rule does; which fields it has depends on its type.
type Action struct {
	Type      string         `json:"type"`                // pin boost bury hide filter slot diversify
	Item      Texts          `json:"item,omitempty"`      // pin: the item; boost, bury, hide: instead of a filter
	Slot      int            `json:"slot,omitempty"`      // pin: 1-100
	Soft      bool           `json:"soft,omitempty"`      // pin: only an item that is recommended anyway
	Filter    jsontext.Value `json:"filter,omitempty"`    // boost bury hide slot: what it is about
	Only      jsontext.Value `json:"only,omitempty"`      // filter: what may be shown
	Strength  int            `json:"strength,omitempty"`  // boost bury: 1-100
	Slots     []int          `json:"slots,omitempty"`     // slot: 1-100 each
	Source    string         `json:"source,omitempty"`    // slot: instead of a filter
	Attribute string         `json:"attribute,omitempty"` // diversify
	Max       int            `json:"max,omitempty"`       // diversify: items of one value in a window
	Window    int            `json:"window,omitempty"`    // diversify: neighbouring slots looked at; 0 means all
}

// MaxRules is the most rules a set may have.
const MaxRules = 1000

// maxBytes bounds the text of a set.
const maxBytes = 4 << 20

// Parse reads rules: a list of them or {"rules":[…]}. They are checked: the
// error is a *fault.Error of kind Invalid that names every faulty field.
func Parse(raw []byte) ([]Rule, error) {
	if len(raw) > maxBytes {
		return nil, fault.Invalidf("invalid_rules", "the rules are larger than %d bytes", maxBytes)
	}
	var rules []Rule
	var err error
	if jsontext.Value(raw).Kind() == '[' {
		err = json.Unmarshal(raw, &rules, json.RejectUnknownMembers(true))
	} else {
		var doc struct {
			Rules []Rule `json:"rules"`
		}
		err = json.Unmarshal(raw, &doc, json.RejectUnknownMembers(true))
		rules = doc.Rules
	}
	if err != nil {
		return nil, syntax(err)
	}
	if _, err := Compile(rules); err != nil {
		return nil, err
	}
	return rules, nil
}

// syntax names the place of a decoding error.
func syntax(err error) *fault.Error {
	problem := fault.Invalidf("invalid_rules", "the rules cannot be read: %v", err)
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &semantic):
		return problem.At(string(semantic.JSONPointer), "is not known here or is of the wrong type")
	case errors.As(err, &syntactic):
		return problem.At(string(syntactic.JSONPointer), fmt.Sprintf("is not valid JSON at byte %d", syntactic.ByteOffset))
	}
	return problem
}

func at(n int) string { return "/" + strconv.Itoa(n) }
