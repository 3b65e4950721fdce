package demo

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/recommend/profile"
)

func load(t *testing.T) *Data {
	t.Helper()
	d, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLoadHoldsAShop(t *testing.T) {
	d := load(t)
	if n := len(d.Items); n < 3500 {
		t.Errorf("%d items, want at least 3,500", n)
	}
	if n := len(d.Sessions); n < 15000 {
		t.Errorf("%d sessions, want at least 15,000", n)
	}
	code := regexp.MustCompile(`^[0-9]{5}[A-Z]{0,2}$`)
	shelved, ids := 0, map[string]bool{}
	for _, it := range d.Items {
		if !code.MatchString(it.ItemID) || ids[it.ItemID] {
			t.Errorf("item %q: junk or doubled code", it.ItemID)
		}
		ids[it.ItemID] = true
		if it.Price == nil || *it.Price <= 0 || it.Currency != "GBP" {
			t.Errorf("item %s has no price", it.ItemID)
		}
		if it.Name == "" || strings.ToUpper(it.Name) == it.Name {
			t.Errorf("item %s: name %q", it.ItemID, it.Name)
		}
		if len(it.Categories) != 1 || it.Categories[0] == "" {
			t.Errorf("item %s: categories %v", it.ItemID, it.Categories)
		} else if it.Categories[0] != "curiosities" {
			shelved++
		}
	}
	if share := float64(shelved) / float64(len(d.Items)); share < .85 {
		t.Errorf("%.3f of the items are on a shelf, want .85", share)
	}
	checkSessions(t, d, ids)
}

func checkSessions(t *testing.T, d *Data, ids map[string]bool) {
	t.Helper()
	last := time.Time{}
	for i, s := range d.Sessions {
		if len(s.Items) == 0 || len(s.Items) > 200 || s.Time.Before(last) {
			t.Fatalf("session %d: %d items at %v after %v", i, len(s.Items), s.Time, last)
		}
		last = s.Time
		once := map[string]bool{}
		for _, it := range s.Items {
			if !ids[it] || once[it] {
				t.Fatalf("session %d: item %q unknown or twice", i, it)
			}
			once[it] = true
		}
	}
	if y := d.Sessions[0].Time.Year(); y != 2010 || d.End().Year() != 2011 {
		t.Errorf("sessions from %v to %v", d.Sessions[0].Time, d.End())
	}
}

func TestCustomersHaveHistory(t *testing.T) {
	d := load(t)
	if n := len(d.Customers); n < 3 || n > 8 {
		t.Errorf("%d customers to play", n)
	}
	for _, c := range d.Customers {
		p := d.Profile(c.ID)
		if p == nil || len(p.Affinities) < 20 || len(p.Purchased) < 20 || c.Text == "" || c.Leaning == "" {
			t.Fatalf("customer %+v has no history worth playing", c)
		}
		if got := len(d.byCustomer[c.ID]); got != c.Orders {
			t.Errorf("customer %s: %d sessions, the description says %d", c.ID, got, c.Orders)
		}
		for i := 1; i < len(p.Affinities); i++ {
			if p.Affinities[i].Weight > p.Affinities[i-1].Weight {
				t.Fatalf("customer %s: affinities are not ordered", c.ID)
			}
		}
	}
	if d.Profile("nobody") != nil {
		t.Error("an unknown customer has a profile")
	}
}

func TestProfileForgetsHalfIn60Days(t *testing.T) {
	end := time.Date(2011, 12, 9, 12, 0, 0, 0, time.UTC)
	d := &Data{
		Sessions: []Session{
			{Customer: "c", Time: end.Add(-60 * 24 * time.Hour), Items: []string{"old", "both"}},
			{Customer: "c", Time: end, Items: []string{"new", "both"}},
		},
		byCustomer: map[string][]int{"c": {0, 1}},
	}
	got := map[string]float64{}
	for _, a := range d.Profile("c").Affinities {
		got[a.ItemID] = a.Weight
	}
	for id, want := range map[string]float64{"old": .5, "new": 1, "both": 1.5} {
		if diff := got[id] - want; diff > 1e-9 || diff < -1e-9 {
			t.Errorf("%s weighs %v, want %v", id, got[id], want)
		}
	}
	if newest := d.Profile("c").Purchased[0]; newest != (profile.Purchase{ItemID: "both", Time: end.UnixMilli()}) {
		t.Errorf("newest purchase %+v", newest)
	}
}

func TestProfilesAreDeterministic(t *testing.T) {
	d := load(t)
	a, b := d.Profiles(), d.Profiles()
	if len(a) < 3000 || len(a) != len(b) {
		t.Fatalf("%d and %d profiles", len(a), len(b))
	}
	for i := range a {
		if a[i].ID != b[i].ID || a[i].Affinities[0] != b[i].Affinities[0] {
			t.Fatalf("profile %d differs between two runs", i)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load(); err != nil {
			b.Fatal(err)
		}
	}
}
