package site

import (
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/rows"
)

// The models that can be trained.
const (
	ModelBest = "best" // the default: rows bring candidates, a ranker orders them
	ModelRows = "rows" // the rows alone, to compare with
)

// BestParams are base with the named parameters replaced. The error is a fault
// of kind Invalid that points at every name or value that is wrong.
func BestParams(base best.Params, named map[string]float64) (best.Params, error) {
	return replaced(base, ModelBest, named)
}

// RowsParams is BestParams of the rows.
func RowsParams(base rows.Params, named map[string]float64) (rows.Params, error) {
	return replaced(base, ModelRows, named)
}

// replaced sets the fields of p by their JSON names; all of them are numbers.
func replaced[P interface{ Validate() error }](p P, model string, named map[string]float64) (P, error) {
	fields, names := numbers(&p)
	problem := fault.Invalidf("invalid_param", "a parameter of the model is wrong")
	for _, name := range slices.Sorted(maps.Keys(named)) {
		field, ok := fields[name]
		v := named[name]
		switch {
		case !ok:
			problem.At("/"+name, "is none of "+model+", which has "+strings.Join(names, ", "))
		case field.CanFloat():
			field.SetFloat(v)
		case v == math.Trunc(v) && math.Abs(v) < math.MaxInt32:
			field.SetInt(int64(v))
		default:
			problem.At("/"+name, "must be a whole number")
		}
	}
	if f := fault.Of(p.Validate()); f != nil {
		for _, place := range f.Fields {
			problem.At(place.Pointer, "must be "+place.Detail)
		}
	}
	if len(problem.Fields) > 0 {
		return p, problem
	}
	return p, nil
}

// numbers are the settable fields of a struct by JSON name, and the names in
// their order.
func numbers(p any) (map[string]reflect.Value, []string) {
	v := reflect.ValueOf(p).Elem()
	fields, names := map[string]reflect.Value{}, make([]string, 0, v.NumField())
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		fields[name], names = v.Field(i), append(names, name)
	}
	return fields, names
}
