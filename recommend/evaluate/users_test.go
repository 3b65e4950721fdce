package evaluate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/rows"
)

// row is one line of a file of users' sessions.
type row struct {
	user, session, item string
	day                 int
}

func usersFile(t *testing.T, list []row) string {
	var b strings.Builder
	b.WriteString("user,session,item,time\n")
	for _, r := range list {
		fmt.Fprintf(&b, "%s,%s,%s,%s\n", r.user, r.session, r.item, day(r.day).Format(time.RFC3339))
	}
	return put(t, "orders.csv", b.String())
}

func day(n int) time.Time { return time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC).AddDate(0, 0, n) }

// orders are customers with habits: each draws from items of its own and from
// what goes together in the shop.
func orders(seed uint64) []row {
	r := rand.New(rand.NewPCG(seed, 1))
	var list []row
	for n := range 120 {
		user := fmt.Sprint("u", r.IntN(12))
		if n%9 == 0 {
			user = "" // trains only
		}
		theme := r.IntN(5)
		for range 2 + r.IntN(5) {
			item := 10*theme + r.IntN(6)
			if user != "" && r.IntN(3) == 0 {
				item = int(user[1]) % 7 * 8 // a habit
			}
			list = append(list, row{user, fmt.Sprint("s", n), fmt.Sprintf("i%02d", item), n})
		}
	}
	return list
}

const cutDay = 80

func usersOptions(t *testing.T, list []row, exclude Exclude) Options {
	return Options{
		Exclude: exclude, Top: 5, Resamples: 100, Now: ticking(),
		Users: &Users{File: usersFile(t, list), TestFrom: day(cutDay), Positions: 4},
	}
}

// TestUsersAgainstTheDefinition follows the protocol with ids, maps and sorted
// lists: the session's list and an item's row are the model's, all else is
// computed anew.
func TestUsersAgainstTheDefinition(t *testing.T) {
	for seed := range uint64(4) {
		for _, exclude := range []Exclude{ExcludeNone, ExcludeCurrent, ExcludeSeen} {
			list := orders(seed)
			o := usersOptions(t, list, exclude)
			got, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			want := usersByDefinition(t, list, o)
			u := got.Users
			for name, pair := range map[string][2]float64{
				"n": {float64(got.N), want["n"]}, "chances": {chancesOf(got), want["chances"]}, "new": {float64(u.Blend.New.N), want["new"]},
				"sessions": {float64(u.Sessions), want["sessions"]}, "users": {float64(u.Users), want["users"]},
				"session hr": {u.Session.HR, want["session hr"]}, "session mrr": {u.Session.MRR, want["session mrr"]},
				"profile hr": {u.Profile.HR, want["profile hr"]}, "profile mrr": {u.Profile.MRR, want["profile mrr"]},
				"blend hr": {u.Blend.HR, want["blend hr"]}, "blend mrr": {u.Blend.MRR, want["blend mrr"]},
				"hr": {got.HR, want["blend hr"]}, "mrr": {got.MRR, want["blend mrr"]},
				"new blend hr": {u.Blend.New.HR, want["blend new"]}, "new session hr": {u.Session.New.HR, want["session new"]},
				"on session": {u.OnSession.HR.Value, want["blend hr"] - want["session hr"]},
				"on profile": {u.OnProfile.MRR.Value, want["blend mrr"] - want["profile mrr"]},
			} {
				if math.Abs(pair[0]-pair[1]) > 1e-9 {
					t.Errorf("seed %d, exclude %s: %s is %v, want %v", seed, exclude, name, pair[0], pair[1])
				}
			}
			if got.P50 <= 0 || u.AMax != .75 || u.Kappa != .33 || !u.TestFrom.Equal(day(cutDay)) {
				t.Errorf("report %+v, users %+v", got, u)
			}
		}
	}
}

func chancesOf(r *Report) float64 {
	if r.Chances == nil {
		return float64(r.N)
	}
	return float64(r.Chances.N)
}

// invoice is one session of the definition.
type invoice struct {
	user  string
	day   int
	items []string
}

func invoicesOf(list []row) []*invoice {
	byID, ordered := map[string]*invoice{}, []*invoice{}
	for _, r := range list {
		if byID[r.session] == nil {
			byID[r.session] = &invoice{user: r.user, day: r.day}
			ordered = append(ordered, byID[r.session])
		}
		byID[r.session].items = append(byID[r.session].items, r.item)
	}
	return ordered
}

func usersByDefinition(t *testing.T, list []row, o Options) map[string]float64 {
	t.Helper()
	all := invoicesOf(list)
	b := rows.NewBuilder(rows.DefaultParams())
	customer := map[string]bool{}
	for _, s := range all {
		if s.day < cutDay {
			b.Add(s.items, float64(day(s.day).UnixMilli())/msPerDay)
			customer[s.user] = s.user != ""
		}
	}
	m, err := b.Build(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	model := &rowsModel{m: m, s: rows.NewScratch()}
	sum, users := map[string]float64{}, map[string]bool{}
	for at, s := range all {
		if s.day < cutDay || !customer[s.user] {
			continue
		}
		sum["sessions"]++
		users[s.user] = true
		profile := profileByDefinition(model, all[:at], s)
		for n := range min(4, len(s.items)) {
			before, target := s.items[:n], s.items[n]
			skip := func(id string) bool {
				return o.Exclude == ExcludeSeen && slices.Contains(before, id) ||
					o.Exclude == ExcludeCurrent && n > 0 && before[n-1] == id
			}
			_, knew := profile.own[target]
			sum["n"]++
			if !skip(target) {
				sum["chances"]++
			}
			if !knew {
				sum["new"]++
			}
			S, L := sessionByDefinition(model, before, skip), normal(profile.sums, skip)
			a := 0.
			if n > 0 {
				a = .75 * float64(n) / (float64(n) + .33) // all of one moment: each step is evidence of 1
			}
			for name, share := range map[string]float64{"session": math.Ceil(a), "profile": 0, "blend": a} {
				if slot := slotByDefinition(S, L, share, target, o.Top); slot > 0 {
					sum[name+" hr"]++
					sum[name+" mrr"] += 1 / float64(slot)
					if !knew {
						sum[name+" new"]++
					}
				}
			}
		}
	}
	for _, name := range []string{"session", "profile", "blend"} {
		sum[name+" hr"] /= sum["n"]
		sum[name+" mrr"] /= sum["n"]
		sum[name+" new"] /= max(1, sum["new"])
	}
	sum["users"] = float64(len(users))
	return sum
}

type likings struct {
	own  map[string]float64 // counts with a half-life
	sums map[string]float64 // what the profile says
}

func profileByDefinition(model *rowsModel, past []*invoice, s *invoice) likings {
	p := likings{map[string]float64{}, map[string]float64{}}
	for _, h := range past {
		if h.user != s.user {
			continue
		}
		for _, item := range h.items {
			p.own[item] += math.Exp2(-float64(s.day-h.day) / 60)
		}
	}
	most := 0.
	for _, w := range p.own {
		most = max(most, w)
	}
	strongest := slices.SortedFunc(maps.Keys(p.own), func(a, b string) int {
		return cmp.Or(cmp.Compare(p.own[b], p.own[a]), cmp.Compare(a, b))
	})
	for n, id := range strongest {
		item, ok := model.Items().Index(id)
		if !ok {
			continue
		}
		p.sums[id] += math.Sqrt(p.own[id] / most)
		if n >= 20 {
			continue
		}
		for _, c := range model.Recommend([]uint32{item}, 1000, nil, nil) {
			p.sums[model.Items().ID(c.Item)] += .2 * math.Sqrt(p.own[id]/most) * float64(c.Score)
		}
	}
	return p
}

func sessionByDefinition(model *rowsModel, before []string, skip func(string) bool) map[string]float64 {
	var steps []uint32
	for _, id := range before {
		i, _ := model.Items().Index(id)
		steps = slices.Insert(steps, 0, i)
	}
	sums := map[string]float64{}
	for _, c := range model.Recommend(steps, 1000, nil, nil) {
		sums[model.Items().ID(c.Item)] = float64(c.Score)
	}
	return normal(sums, skip)
}

// normal divides by the largest of what may be shown.
func normal(sums map[string]float64, skip func(string) bool) map[string]float64 {
	out, most := map[string]float64{}, 0.
	for id, w := range sums {
		if !skip(id) {
			out[id], most = w, max(most, w)
		}
	}
	for id := range out {
		out[id] /= most
	}
	return out
}

func slotByDefinition(s, l map[string]float64, a float64, target string, top int) int {
	var order []string
	score := map[string]float64{}
	for _, side := range []map[string]float64{s, l} {
		for id := range side {
			if _, known := score[id]; !known {
				score[id] = a*s[id] + (1-a)*l[id]
				order = append(order, id)
			}
		}
	}
	slices.SortFunc(order, func(x, y string) int { return cmp.Or(cmp.Compare(score[y], score[x]), cmp.Compare(x, y)) })
	for n, id := range order[:min(top, len(order))] {
		if id == target && score[id] > 0 {
			return n + 1
		}
	}
	return 0
}

// TestUsersTuneLooksBackOnly: what happens from the cut on does not change
// what is chosen, and the best of the table is what is measured.
func TestUsersTuneLooksBackOnly(t *testing.T) {
	list := orders(3)
	o := usersOptions(t, list, "")
	o.Tune, o.ValidShare = true, .3
	got, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(4, 4))
	for n := range list {
		if list[n].day >= cutDay {
			list[n].item = fmt.Sprintf("i%02d", r.IntN(60))
		}
	}
	other := usersOptions(t, list, "")
	other.Tune, other.ValidShare = true, .3
	shuffled, err := Run(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	a, b := got.Users.Tuning, shuffled.Users.Tuning
	if !slices.Equal(a.Tried, b.Tried) || a.Best != b.Best {
		t.Error("what is chosen depends on the sessions that are measured")
	}
	best := a.Tried[a.Best]
	if got.Users.AMax != best.AMax || got.Users.Kappa != best.Kappa || best.Score < 1 || a.Sessions == 0 || a.N == 0 {
		t.Errorf("measured with %v and %v, the best is %+v", got.Users.AMax, got.Users.Kappa, best)
	}
	for _, s := range a.Tried {
		if s.Score > best.Score {
			t.Errorf("%+v is better than the best %+v", s, best)
		}
	}
	if got.HR == shuffled.HR {
		t.Error("the shuffled sessions were not measured")
	}
	fixed := usersOptions(t, orders(3), "")
	place, _ := recommend.PlacementNamed("home")
	place.AMax, place.Kappa = best.AMax, best.Kappa
	fixed.Users.Placement = place
	if again, err := Run(t.Context(), fixed); err != nil || again.HR != got.HR || again.MRR != got.MRR || again.Users.Tuning != nil {
		t.Errorf("with the chosen values set: %+v, error %v", again, err)
	}
}

// TestTuneTableIsTheDefinition: each setting of the table is what a run with it
// would give on the validation part.
func TestTuneTableIsTheDefinition(t *testing.T) {
	list := orders(5)
	o := usersOptions(t, list, ExcludeCurrent)
	o.Tune, o.ValidShare = true, .25
	got, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	tuning := got.Users.Tuning
	list = slices.DeleteFunc(list, func(r row) bool { return r.day >= cutDay }) // 80 sessions: the newest 20 are predicted
	for _, n := range []int{0, len(tuning.Tried) / 2, len(tuning.Tried) - 1} {
		s := tuning.Tried[n]
		o := usersOptions(t, list, ExcludeCurrent)
		place, _ := recommend.PlacementNamed("home")
		place.AMax, place.Kappa = s.AMax, s.Kappa
		o.Users.Placement, o.Users.TestFrom = place, day(60)
		r, err := Run(t.Context(), o)
		if err != nil || math.Abs(r.HR-s.HR) > 1e-12 || math.Abs(r.MRR-s.MRR) > 1e-12 || r.N != tuning.N || r.Users.Sessions != tuning.Sessions {
			t.Errorf("a_max %v, κ %v: the table says %v/%v of %d, a run %+v, error %v", s.AMax, s.Kappa, s.HR, s.MRR, tuning.N, r, err)
		}
	}
}

func TestUsersWrongUseIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(o *Options)
		want   string
	}{
		"no file":     {func(o *Options) { o.Users.File = "" }, "users' sessions"},
		"gone":        {func(o *Options) { o.Users.File = "gone.csv" }, "gone.csv"},
		"train":       {func(o *Options) { o.TrainFile = "t" }, "leave the files of sessions out"},
		"test":        {func(o *Options) { o.TestFile = "t" }, "leave the files of sessions out"},
		"last only":   {func(o *Options) { o.LastOnly = true }, "last-only"},
		"against":     {func(o *Options) { o.Against = "pop" }, "leave the model to compare with out"},
		"tuned file":  {func(o *Options) { o.ModelFile, o.Tune = "m", true }, "tuning trains its own"},
		"share":       {func(o *Options) { o.Users.TestShare = 2 }, "test share"},
		"positions":   {func(o *Options) { o.Users.Positions = -1 }, "positions"},
		"a_max":       {func(o *Options) { o.Users.Placement = recommend.Placement{Name: "home", AMax: 2} }, "a_max"},
		"kappa":       {func(o *Options) { o.Users.Placement = recommend.Placement{Name: "home", Kappa: math.NaN()} }, "kappa"},
		"all train":   {func(o *Options) { o.Users.TestFrom = day(1000) }, "cut elsewhere"},
		"all test":    {func(o *Options) { o.Users.TestFrom = day(-1000) }, "cut elsewhere"},
		"no customer": {func(o *Options) { o.Users.TestFrom = day(119) }, "cut elsewhere"},
		"not a table": {func(o *Options) { o.Users.File = put(t, "x.csv", "a,b\n1,2\n") }, "column"},
		"no rows":     {func(o *Options) { o.Users.File = put(t, "x.csv", "user,session,item,time\nu,s,i,soon\n") }, "row 1"},
	} {
		t.Run(name, func(t *testing.T) {
			list := orders(1)
			list = slices.DeleteFunc(list, func(r row) bool { return r.day == 119 && r.user != "" })
			list = append(list, row{"stranger", "s", "i01", 119})
			o := usersOptions(t, list, ExcludeSeen)
			c.change(&o)
			_, err := Run(t.Context(), o)
			if kind := fault.KindOf(err); kind != fault.Invalid && kind != fault.NotFound || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want a fault with %q", err, c.want)
			}
		})
	}
}

func TestUsersEndsWithItsContext(t *testing.T) {
	for _, stage := range []string{"read users", "tune", "train", "score", "time"} {
		ctx, cancel := context.WithCancel(t.Context())
		o := usersOptions(t, orders(1), ExcludeSeen)
		o.Tune = true
		seen := false
		o.Progress = func(s string, _, _ int64) {
			if s == stage {
				seen = true
				cancel()
			}
		}
		if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) || !seen {
			t.Errorf("cancelled in stage %s (seen: %v): error %v", stage, seen, err)
		}
		cancel()
	}
}
