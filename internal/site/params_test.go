package site

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/rows"
)

func TestParams(t *testing.T) {
	want := best.DefaultParams()
	want.A, want.RecentDays, want.Dim, want.Lists = .4, 2.5, 32, 0
	got, err := BestParams(best.DefaultParams(), map[string]float64{"a": .4, "recent": 2.5, "dim": 32, "lists": 0})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	other := rows.DefaultParams()
	other.SWDays, other.Top = 4, 1000
	if got, err := RowsParams(rows.DefaultParams(), map[string]float64{"sw_days": 4, "top": 1000}); err != nil || got != other {
		t.Errorf("rows: %v, %+v", err, got)
	}
	if got, err := BestParams(want, nil); err != nil || got != want {
		t.Errorf("nothing named: %v, %+v", err, got)
	}
}

// Every wrong name and value is pointed at.
func TestWrongParams(t *testing.T) {
	for name, c := range map[string]struct {
		rows bool
		set  map[string]float64
		want []string
	}{
		"unknown":       {false, map[string]float64{"depth": 1}, []string{"/depth"}},
		"no name":       {false, map[string]float64{"": 1}, []string{"/"}},
		"half an item":  {false, map[string]float64{"last": 2.5}, []string{"/last"}},
		"huge":          {false, map[string]float64{"top": 1e300}, []string{"/top"}},
		"not a number":  {false, map[string]float64{"top": math.NaN(), "a": math.NaN()}, []string{"/a", "/top"}},
		"out of range":  {false, map[string]float64{"dim": 7, "a": -1, "epochs": 0}, []string{"/a", "/dim", "/epochs"}},
		"of best":       {true, map[string]float64{"candidates": 9}, []string{"/candidates"}},
		"best's bounds": {false, map[string]float64{"top": 1000}, []string{"/top"}},
	} {
		var err error
		if c.rows {
			_, err = RowsParams(rows.DefaultParams(), c.set)
		} else {
			_, err = BestParams(best.DefaultParams(), c.set)
		}
		got := map[string]bool{}
		if f := fault.Of(err); f != nil && f.Kind == fault.Invalid {
			for _, place := range f.Fields {
				got[place.Pointer] = true
			}
		}
		want := map[string]bool{}
		for _, pointer := range c.want {
			want[pointer] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}
