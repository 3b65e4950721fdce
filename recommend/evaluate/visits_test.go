package evaluate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/session"
)

// TestStepsOfLongSessions: more steps than a session holds while serving come
// out as if there were no bound.
func TestStepsOfLongSessions(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	kinds := []string{"view", "cart_add", "purchase", "wish_add", "cart_remove"}
	var b strings.Builder
	b.WriteString("user\tsession\titem\ttime\tkind\n")
	type act struct{ item, kind string }
	var acts []act
	for n := range 500 {
		a := act{fmt.Sprint("i", r.IntN(3)), kinds[r.IntN(len(kinds))]}
		acts = append(acts, a)
		fmt.Fprintf(&b, "u\ts\t%s\t%d\t%s\n", a.item, 1_700_000_000+n, a.kind)
	}
	v, err := readVisits(t.Context(), put(t, "long.tsv", b.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	var want []string // newest first; runs are cut from the newest on
	for at := len(acts) - 1; at >= 0; {
		newest, kinds := acts[at], map[string]bool{}
		against := newest.kind == "cart_remove"
		for ; at >= 0 && acts[at].item == newest.item && !kinds[acts[at].kind] && (acts[at].kind == "cart_remove") == against; at-- {
			kinds[acts[at].kind] = true
		}
		if !against {
			want = append(want, newest.item)
		}
	}
	var got []string
	for n, item := range v.list[0].items {
		got = append(got, v.ids[item])
		if v.list[0].steps[n].ItemID != v.ids[item] {
			t.Fatalf("step %d is %s and %s", n, v.list[0].steps[n].ItemID, v.ids[item])
		}
	}
	if !slices.Equal(got, want) || len(want) < 2*session.MaxSteps {
		t.Errorf("%d steps, want %d", len(got), len(want))
	}
}

func TestUsersCountsWhatItLeavesOut(t *testing.T) {
	const body = "user,session,item,time\nu,s1,a,2026-01-01\nu,s1,b,2026-01-01\nu,,a,2026-01-02\nu,s1,,2026-01-02\nu,s2,a,2026-01-03\nu,s2,b,soon\n"
	o := Options{Now: ticking(), Users: &Users{File: put(t, "x.csv", body), TestFrom: day(2).Add(-9 * time.Hour)}}
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Users.LeftOut != 3 || !strings.HasPrefix(r.Users.Why, "row 3: ") || r.N != 1 {
		t.Errorf("left out %d, %q; n %d", r.Users.LeftOut, r.Users.Why, r.N)
	}
}
