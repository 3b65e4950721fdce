package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/nextbest/nextbest/recommend"
)

// blendRule is how much the session weighs in one placement: a_max·n/(n+κ)
// over n steps' worth of evidence. On the command line it is A_MAX/KAPPA.
type blendRule struct {
	AMax  float64 `json:"a_max"`
	Kappa float64 `json:"kappa"`

	unread string // what stood there instead; check tells it with all other problems
}

// Decode reads A_MAX/KAPPA.
func (b *blendRule) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("A_MAX/KAPPA", &text); err != nil {
		return err
	}
	most, half, ok := strings.Cut(text, "/")
	var errA, errK error
	b.AMax, errA = strconv.ParseFloat(most, 64)
	b.Kappa, errK = strconv.ParseFloat(half, 64)
	if !ok || errA != nil || errK != nil {
		b.unread = text
	}
	return nil
}

// UnmarshalJSON wants both values and no other name: a misspelt one would
// silently be 0.
func (b *blendRule) UnmarshalJSON(raw []byte) error {
	var both struct {
		AMax  *float64 `json:"a_max"`
		Kappa *float64 `json:"kappa"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&both); err != nil || both.AMax == nil || both.Kappa == nil {
		return fmt.Errorf(`a placement's blend is {"a_max":0.75,"kappa":0.33}, not %s`, raw)
	}
	b.AMax, b.Kappa = *both.AMax, *both.Kappa
	return nil
}

// blendRules are those of placements, by name.
type blendRules map[string]blendRule

// check adds what is wrong with the rules.
func (b blendRules) check(p *problems) {
	for _, name := range slices.Sorted(maps.Keys(b)) {
		r := b[name]
		if _, ok := recommend.PlacementNamed(name); !ok {
			p.addf("--blend %s: there is no such placement; there are: %s", name, strings.Join(recommend.PlacementNames(), ", "))
		}
		if r.unread != "" {
			p.addf("--blend %s=%s: expected PLACEMENT=A_MAX/KAPPA, e.g. --blend home=0.75/0.33", name, r.unread)
			continue
		}
		r.check("--blend "+name+":", p)
	}
}

func (b blendRule) check(what string, p *problems) {
	if !(b.AMax >= 0 && b.AMax <= 1) {
		p.addf("%s a_max %v must be between 0 (profile alone) and 1 (session alone)", what, b.AMax)
	}
	if !(b.Kappa >= 0) || math.IsInf(b.Kappa, 0) {
		p.addf("%s kappa %v must be 0 or more", what, b.Kappa)
	}
}

// placements are those that have a rule of their own.
func (b blendRules) placements() map[string]recommend.Placement {
	all := map[string]recommend.Placement{}
	for name, r := range b {
		if p, ok := recommend.PlacementNamed(name); ok {
			p.AMax, p.Kappa = r.AMax, r.Kappa
			all[name] = p
		}
	}
	return all
}
