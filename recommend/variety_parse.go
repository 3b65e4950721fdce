package recommend

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/merch"
)

// What a placement's variety is where its text says no more than that there is
// some: the settings that cost next to nothing on the days before those that
// docs/variety.md reports.
const (
	defaultRotated = .9
	defaultLeast   = .5
	defaultFresh   = 30.0
	defaultLift    = 1.5
)

// varietyText is a placement's variety as it is written.
type varietyText struct {
	Diversify *struct {
		Attribute string      `json:"attribute"`
		Max       *int        `json:"max"`
		Window    int         `json:"window"`
		Lambda    *float64    `json:"lambda"`
		Similar   merch.Texts `json:"similar"`
	} `json:"diversify"`
	Rotate *struct {
		Factor *float64 `json:"factor"`
		Least  *float64 `json:"least"`
	} `json:"rotate"`
	Fresh *struct {
		Days *float64 `json:"days"`
		Lift *float64 `json:"lift"`
	} `json:"fresh"`
}

// ParseVariety reads what each placement does for variety: an object with a
// member for each that does something, as docs/variety.md describes it. The
// error is a *fault.Error of kind Invalid that names every faulty field.
func ParseVariety(raw []byte) (map[string]Variety, error) {
	texts := map[string]varietyText{}
	if err := json.Unmarshal(raw, &texts, json.RejectUnknownMembers(true)); err != nil {
		return nil, varietySyntax(err)
	}
	problem := fault.Invalidf("invalid_variety", "the variety of the placements was not taken: correct the fields named in errors")
	all := make(map[string]Variety, len(texts))
	names := make([]string, 0, len(texts))
	for name := range texts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		pointer := "/" + jsonPointer.Replace(name)
		if _, ok := PlacementNamed(name); !ok {
			problem.At(pointer, "there is no such placement; there are: "+strings.Join(PlacementNames(), " "))
		}
		t := texts[name]
		all[name] = t.check(pointer, problem)
	}
	if len(problem.Fields) > 0 {
		return nil, problem
	}
	return all, nil
}

// jsonPointer escapes a name (RFC 6901).
var jsonPointer = strings.NewReplacer("~", "~0", "/", "~1")

func varietySyntax(err error) *fault.Error {
	problem := fault.Invalidf("invalid_variety", "the variety of the placements cannot be read: %v", err)
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

// check reads one placement's text and reports what is wrong with it.
func (t *varietyText) check(pointer string, problem *fault.Error) Variety {
	var v Variety
	if t.Diversify != nil {
		v.Diversify = t.diversify(pointer+"/diversify", problem)
	}
	if r := t.Rotate; r != nil {
		v.Rotate = Rotate{Factor: or(r.Factor, defaultRotated), Least: or(r.Least, 0)}
		if !(v.Rotate.Factor > 0 && v.Rotate.Factor < 1) {
			problem.At(pointer+"/rotate/factor", "must be above 0 and below 1")
		} else if r.Least == nil {
			v.Rotate.Least = min(defaultLeast, v.Rotate.Factor)
		} else if !(v.Rotate.Least >= leastRotated && v.Rotate.Least <= v.Rotate.Factor) {
			problem.At(pointer+"/rotate/least", fmt.Sprintf("must be at least %v and at most factor: what was shown is lowered, never hidden", leastRotated))
		}
	}
	if f := t.Fresh; f != nil {
		v.Fresh = Fresh{Days: or(f.Days, defaultFresh), Lift: or(f.Lift, defaultLift)}
		if !(v.Fresh.Days > 0 && v.Fresh.Days <= MaxFreshDays) {
			problem.At(pointer+"/fresh/days", fmt.Sprintf("must be above 0 and at most %d", MaxFreshDays))
		}
		if !(v.Fresh.Lift > 1 && v.Fresh.Lift <= MaxLift) {
			problem.At(pointer+"/fresh/lift", fmt.Sprintf("must be above 1 and at most %d", MaxLift))
		}
	}
	return v
}

// diversify is one way or the other.
func (t *varietyText) diversify(pointer string, problem *fault.Error) Diversify {
	d := t.Diversify
	if d.Lambda != nil {
		if d.Attribute != "" || d.Max != nil || d.Window != 0 {
			problem.At(pointer+"/lambda", "goes without attribute, max and window: choose one way")
		}
		if !(*d.Lambda > 0 && *d.Lambda < 1) {
			problem.At(pointer+"/lambda", "must be above 0 and below 1")
		}
		checkSimilar(d.Similar, pointer+"/similar", problem)
		return Diversify{Lambda: *d.Lambda, Similar: d.Similar}
	}
	if len(d.Similar) > 0 {
		problem.At(pointer+"/similar", "goes with lambda: max counts the values of attribute")
	}
	if d.Attribute == "" {
		problem.At(pointer+"/attribute", "must name an attribute, or lambda be given")
	}
	most := or(d.Max, 0)
	if most < 1 || most > merch.MaxSlot {
		problem.At(pointer+"/max", fmt.Sprintf("must be a whole number between 1 and %d", merch.MaxSlot))
	}
	if d.Window < 0 || d.Window > merch.MaxSlot {
		problem.At(pointer+"/window", fmt.Sprintf("must be a whole number between 0 and %d", merch.MaxSlot))
	}
	return Diversify{Attribute: d.Attribute, Max: most, Window: d.Window}
}

func checkSimilar(names []string, pointer string, problem *fault.Error) {
	if len(names) > MaxSimilar {
		problem.At(pointer, fmt.Sprintf("must be at most %d attributes", MaxSimilar))
	}
	for n, name := range names {
		switch {
		case name == "":
			problem.At(fmt.Sprintf("%s/%d", pointer, n), "must name an attribute")
		case (name == SimilarVectors || name == SimilarRows) && len(names) > 1:
			problem.At(fmt.Sprintf("%s/%d", pointer, n), name+" stands alone")
		}
	}
}

// or is what was written, or else what holds without it.
func or[T any](written *T, otherwise T) T {
	if written == nil {
		return otherwise
	}
	return *written
}
