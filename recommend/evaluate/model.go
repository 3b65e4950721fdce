// Package evaluate replays held-out sessions against a model and measures how
// often, how high and how fast it names the next item: every prefix of every
// test session predicts the item that came next. It is how a change in ranking
// is judged, and how the published figures are made.
package evaluate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/rows"
)

// Model is what is measured: it names the best next items of a session.
type Model interface {
	// Items are the items the model was trained on.
	Items() Items
	// Recommend overwrites dst with the k best next items of a session, best
	// first, ties by item id, without those that skip names. steps are the
	// session's items by number, newest first; rows.Unknown stands for an item
	// that training lacks. Only one goroutine calls it at a time.
	Recommend(steps []uint32, k int, skip func(item uint32) bool, dst []rows.Scored) []rows.Scored
	// Bytes is the size of the trained model, as its file or in memory.
	Bytes() int64
	// Params are the parameters in force, as the report shows them.
	Params() any
}

// Items are the items known from training, numbered by their ids' order.
type Items interface {
	Len() int
	ID(item uint32) string
	Index(id string) (item uint32, ok bool)
	Count(item uint32) float64 // clicks in training
}

// Train is what a model is trained on.
type Train struct {
	Sessions *dataset.Sessions
	Params   Params
	Exclude  Exclude // the policy that the model will be measured under
	Now      time.Time
	Progress func(stage string, done, total int64)
}

// Trainer makes a model of one kind.
type Trainer struct {
	Name    string
	Summary string // one line for --help
	Params  []Param
	Train   func(ctx context.Context, t *Train) (Model, error)
	// Open makes the model from a model file, to be measured under a policy; nil
	// when this kind has no file. File is how its files begin.
	Open func(path string, exclude Exclude) (Model, error)
	File string
}

// Param describes one parameter of a model.
type Param struct {
	Name    string
	Summary string
	Default float64
	Whole   bool      // an integer
	Tune    []float64 // the values that a search tries, ascending; nil: it is left alone
}

// Params are a model's parameters by name; all of them, once resolved.
type Params map[string]float64

// Trainers are the models there are, in the order in which they are listed.
func Trainers() []Trainer {
	return append([]Trainer{rowsTrainer(), bestTrainer(), popTrainer(), srTrainer(), arTrainer()}, neighbourTrainers()...)
}

// trainer finds a model by name.
func trainer(name string) (Trainer, error) {
	var names []string
	for _, t := range Trainers() {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Trainer{}, fault.NotFoundf("unknown_model", "there is no model %q; there are: %s", name, strings.Join(names, ", "))
}

// resolve reads k=v settings over the defaults.
func (t Trainer) resolve(settings map[string]string) (Params, error) {
	params := Params{}
	var names []string
	for _, p := range t.Params {
		params[p.Name] = p.Default
		names = append(names, p.Name)
	}
	for _, name := range sortedKeys(settings) {
		n := slices.IndexFunc(t.Params, func(p Param) bool { return p.Name == name })
		if n < 0 {
			return nil, fault.Invalidf("unknown_param", "model %s has no parameter %q; it has: %s",
				t.Name, name, listOr(names, "none"))
		}
		value, err := strconv.ParseFloat(settings[name], 64)
		if err != nil || value-value != 0 {
			return nil, fault.Invalidf("invalid_param", "parameter %s must be a number, not %q", name, settings[name])
		}
		if t.Params[n].Whole && value != float64(int32(value)) {
			return nil, fault.Invalidf("invalid_param", "parameter %s must be a whole number, not %q", name, settings[name])
		}
		params[name] = value
	}
	return params, nil
}

func listOr(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ", ")
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Describe lists the models and their parameters for a help text.
func Describe() string {
	var b strings.Builder
	for _, t := range Trainers() {
		fmt.Fprintf(&b, "%s: %s\n", t.Name, t.Summary)
		for _, p := range t.Params {
			fmt.Fprintf(&b, "  %-8s %s (default %v)\n", p.Name, p.Summary, p.Default)
		}
	}
	return b.String()
}
