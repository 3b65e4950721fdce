package merch

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/session/event"
)

// MaxSlot is the last slot a rule can name: the longest answer.
const MaxSlot = 100

// MaxFactor bounds what boosts and buries together multiply a score by:
// 1/MaxFactor to MaxFactor.
const MaxFactor = 8

// Set is a checked set of rules: immutable.
type Set struct {
	version string
	rules   []Rule // as written
	steps   []step // enabled ones, by priority, then id
}

// kind is a rule's action.
type kind uint8

const (
	pin kind = iota
	boost
	bury
	hide
	only
	slot
	diversify
)

var kinds = map[string]kind{
	"pin": pin, "boost": boost, "bury": bury, "hide": hide, "filter": only, "slot": slot, "diversify": diversify,
}

// sources are the names a slot rule may take its items from.
var sources = map[string]bool{"session": true, "profile": true, "trending": true, "popular": true, "new": true}

// step is a rule made ready to be bound.
type step struct {
	rule       *Rule
	kind       kind
	from       time.Time // zero for always
	until      time.Time
	filter     *catalog.Compiled // what the action is about; nil for items
	attributes *catalog.Compiled // of the page's item
	factor     float64
}

// Compile checks rules and makes a Set of them. Errors are as of Parse; their
// pointers start with the rule's place in the list.
func Compile(rules []Rule) (*Set, error) {
	problem := fault.Invalidf("invalid_rules", "the rules were not taken: correct the fields named in errors")
	if len(rules) > MaxRules {
		return nil, problem.At("", fmt.Sprintf("must be at most %d rules", MaxRules))
	}
	s := &Set{rules: append([]Rule(nil), rules...)}
	ids := map[string]bool{}
	for n := range s.rules {
		r := &s.rules[n]
		if event.CheckID(r.ID) != nil || ids[r.ID] {
			problem.At(at(n)+"/id", "must be 1 to 128 bytes and not that of another rule")
		}
		ids[r.ID] = true
		st := check(r, at(n), problem)
		if r.Enabled == nil || *r.Enabled {
			s.steps = append(s.steps, st)
		}
	}
	if len(problem.Fields) > 0 {
		return nil, problem
	}
	sort.SliceStable(s.steps, func(i, j int) bool {
		a, b := s.steps[i].rule, s.steps[j].rule
		return a.Priority > b.Priority || a.Priority == b.Priority && a.ID < b.ID
	})
	raw, err := json.Marshal(s.rules, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("hash the rules: %w", err)
	}
	s.version = fmt.Sprintf("%016x", xxhash.Sum64(raw))
	return s, nil
}

// Version identifies the rules' content; "" for no set.
func (s *Set) Version() string {
	if s == nil {
		return ""
	}
	return s.version
}

// Rules are the rules as written, disabled ones included. Read only.
func (s *Set) Rules() []Rule {
	if s == nil {
		return nil
	}
	return s.rules
}

// check reads one rule and reports what is wrong with it.
func check(r *Rule, pointer string, problem *fault.Error) step {
	st := step{rule: r}
	st.window(pointer, problem)
	st.attributes = compile(r.When.Attributes, pointer+"/when/attributes", problem)
	if a := r.When.Audience; a != nil && a.New && a.Returning {
		problem.At(pointer+"/when/audience", "cannot be new and returning at once")
	}
	for n, p := range r.Placements {
		if p == "" {
			problem.At(pointer+"/placements"+at(n), "must name a placement")
		}
	}
	k, known := kinds[r.Action.Type]
	if !known {
		problem.At(pointer+"/action/type", "must be one of pin boost bury hide filter slot diversify")
		return st
	}
	st.kind = k
	st.action(&r.Action, pointer+"/action", problem)
	return st
}

func (st *step) window(pointer string, problem *fault.Error) {
	zone, err := time.LoadLocation(st.rule.Timezone)
	if err != nil || strings.EqualFold(st.rule.Timezone, "local") {
		problem.At(pointer+"/timezone", "must be the name of a time zone, like Europe/Vienna")
		return
	}
	var ok bool
	if st.from, ok = moment(st.rule.From, zone); !ok {
		problem.At(pointer+"/from", "must be an RFC 3339 time, a local time or a date")
	}
	if st.until, ok = moment(st.rule.Until, zone); !ok {
		problem.At(pointer+"/until", "must be an RFC 3339 time, a local time or a date")
	}
	if !st.from.IsZero() && !st.until.IsZero() && !st.from.Before(st.until) {
		problem.At(pointer+"/until", "must be later than from")
	}
}

// moment reads a time; "" is the zero time.
func moment(s string, zone *time.Location) (time.Time, bool) {
	if s == "" {
		return time.Time{}, true
	}
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// compile checks a filter of a rule; nothing written is nil.
func compile(raw jsontext.Value, pointer string, problem *fault.Error) *catalog.Compiled {
	if raw == nil {
		return nil
	}
	c, err := catalog.CompileAt(raw, pointer)
	if err != nil {
		problem.Fields = append(problem.Fields, fault.Of(err).Fields...)
	}
	return c
}

func (st *step) action(a *Action, pointer string, problem *fault.Error) {
	st.filter = compile(a.Filter, pointer+"/filter", problem)
	switch st.kind {
	case pin:
		if len(a.Item) != 1 || a.Item[0] == "" {
			problem.At(pointer+"/item", "must name the item to pin")
		}
		checkRange(a.Slot, 1, MaxSlot, pointer+"/slot", problem)
	case boost, bury:
		checkRange(a.Strength, 1, 100, pointer+"/strength", problem)
		st.factor = 1 + float64(a.Strength)*7/100
		if st.kind == bury {
			st.factor = 1 / st.factor
		}
		st.subject(a, pointer, problem)
	case hide:
		st.subject(a, pointer, problem)
	case only:
		if a.Only != nil {
			st.filter = compile(a.Only, pointer+"/only", problem)
		}
		if a.Only == nil && a.Filter == nil {
			problem.At(pointer+"/only", "must be a filter: what may be shown")
		}
	case slot:
		st.slots(a, pointer, problem)
	case diversify:
		if a.Attribute == "" {
			problem.At(pointer+"/attribute", "must name an attribute")
		}
		checkRange(a.Max, 1, MaxSlot, pointer+"/max", problem)
		checkRange(a.Window, 0, MaxSlot, pointer+"/window", problem)
	}
}

// subject demands items or a filter.
func (st *step) subject(a *Action, pointer string, problem *fault.Error) {
	if (a.Filter == nil) == (len(a.Item) == 0) {
		problem.At(pointer+"/filter", "must be a filter, or item must name items")
	}
	if len(a.Item) > catalog.MaxFilterValues {
		problem.At(pointer+"/item", fmt.Sprintf("must be at most %d items", catalog.MaxFilterValues))
	}
}

func (st *step) slots(a *Action, pointer string, problem *fault.Error) {
	if len(a.Slots) == 0 || len(a.Slots) > MaxSlot {
		problem.At(pointer+"/slots", fmt.Sprintf("must be 1 to %d slots", MaxSlot))
	}
	for n, s := range a.Slots {
		checkRange(s, 1, MaxSlot, pointer+"/slots"+at(n), problem)
	}
	if (a.Filter == nil) == (a.Source == "") {
		problem.At(pointer+"/filter", "must be a filter, or source must name a source")
	}
	if a.Source != "" && !sources[a.Source] {
		problem.At(pointer+"/source", "must be one of session profile trending popular new")
	}
}

func checkRange(n, lo, hi int, pointer string, problem *fault.Error) {
	if n < lo || n > hi {
		problem.At(pointer, fmt.Sprintf("must be a whole number between %d and %d", lo, hi))
	}
}
