package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/alecthomas/kong"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend"
)

// varietyRule is what one placement does for variety, as it is written: JSON,
// on the command line too.
type varietyRule struct{ text json.RawMessage }

// Decode takes the text as it is; check reads it.
func (v *varietyRule) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("JSON", &text); err != nil {
		return err
	}
	v.text = json.RawMessage(text)
	return nil
}

// UnmarshalJSON takes the object of a configuration file.
func (v *varietyRule) UnmarshalJSON(raw []byte) error { return v.text.UnmarshalJSON(raw) }

// MarshalJSON is what --print-config shows: what is no JSON as a text.
func (v varietyRule) MarshalJSON() ([]byte, error) {
	if !json.Valid(v.text) {
		return json.Marshal(string(v.text))
	}
	return v.text, nil
}

// varietyRules are those of placements, by name.
type varietyRules map[string]varietyRule

// parse reads the rules; the error names every faulty field.
func (v varietyRules) parse() (map[string]recommend.Variety, error) {
	if len(v) == 0 {
		return nil, nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write the variety of the placements: %w", err)
	}
	return recommend.ParseVariety(raw)
}

// check adds what is wrong with the rules.
func (v varietyRules) check(p *problems) {
	unread := false
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if rule := v[name]; !json.Valid(rule.text) {
			p.addf(`--variety %s=%s: expected PLACEMENT=JSON, e.g. --variety 'home={"rotate":{}}'`, name, rule.text)
			unread = true
		}
	}
	if unread {
		return
	}
	_, err := v.parse()
	if err == nil {
		return
	}
	bad := fault.Of(err)
	if bad == nil || len(bad.Fields) == 0 {
		p.addf("--variety: %v", err)
		return
	}
	for _, f := range bad.Fields {
		p.addf("--variety %s %s", f.Pointer, f.Detail)
	}
}

// addTo gives the placements their variety; the others are those that exist
// from the start.
func (v varietyRules) addTo(placements map[string]recommend.Placement) map[string]recommend.Placement {
	all, _ := v.parse() // check lets only what can be read through
	for name, variety := range all {
		p, ok := placements[name]
		if !ok {
			if p, ok = recommend.PlacementNamed(name); !ok {
				continue
			}
		}
		p.Variety = variety
		placements[name] = p
	}
	return placements
}
