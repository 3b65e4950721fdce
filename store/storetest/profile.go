package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/store"
)

func profileGuarantees() []guarantee {
	return []guarantee{
		{"profile/only_the_active_dataset", profileActiveOnly},
		{"profile/whole_profile", profileWhole},
		{"profile/put_replaces", profileReplaces},
		{"profile/retired_is_removed", profileRetired},
		{"profile/activation_is_atomic", profileAtomic},
		{"profile/unknown_dataset", profileUnknown},
		{"profile/drop", profileDrop},
		{"profile/names_stay_apart", profileApart},
		{"profile/keeps_no_buffer", profileKeepsNoBuffer},
	}
}

func profileActiveOnly(t testing.TB, s store.Store) {
	ctx := t.Context()
	want := func(version string, there bool) {
		t.Helper()
		active, err := s.ActiveProfiles(ctx, "s")
		must(t, err)
		same(t, "active dataset", active, version)
		p := profileOf(t, s, "s", "v")
		if (p != nil) != there || p != nil && p.Version != version {
			t.Fatalf("with dataset %q active the profile is %+v", version, p)
		}
	}
	want("", false)
	must(t, s.PutProfiles(ctx, "s", "one", []profile.Profile{fullProfile("v")}))
	want("", false)
	must(t, s.ActivateProfiles(ctx, "s", "one"))
	want("one", true)
	must(t, s.PutProfiles(ctx, "s", "two", []profile.Profile{fullProfile("w")}))
	want("one", true)
	must(t, s.ActivateProfiles(ctx, "s", "two"))
	want("two", false)
	must(t, s.PutProfiles(ctx, "s", "two", []profile.Profile{fullProfile("v")}))
	want("two", true)
	must(t, s.ActivateProfiles(ctx, "s", "two")) // the active one again: nothing happens
	want("two", true)
}

func profileWhole(t testing.TB, s store.Store) {
	want := fullProfile("v")
	activate(t, s, "s", "one", want, profile.Profile{ID: "plain"})
	want.Version = "one"
	same(t, "profile", profileOf(t, s, "s", "v"), &want)
	same(t, "plain profile", profileOf(t, s, "s", "plain"), &profile.Profile{ID: "plain", Version: "one"})
}

func profileReplaces(t testing.TB, s store.Store) {
	activate(t, s, "s", "one", fullProfile("v"))
	if profileOf(t, s, "s", "v") == nil {
		t.Fatalf("no profile")
	}
	must(t, s.PutProfiles(t.Context(), "s", "one", []profile.Profile{{ID: "v", Segments: []string{"new"}}, {ID: "w"}}))
	same(t, "profile", profileOf(t, s, "s", "v"), &profile.Profile{ID: "v", Version: "one", Segments: []string{"new"}})
	same(t, "profile", profileOf(t, s, "s", "w"), &profile.Profile{ID: "w", Version: "one"})
}

func profileRetired(t testing.TB, s store.Store) {
	activate(t, s, "s", "one", fullProfile("v"), fullProfile("w"))
	activate(t, s, "s", "two", fullProfile("v"))
	is(t, s.ActivateProfiles(t.Context(), "s", "one"), fault.NotFound)
	activate(t, s, "s", "one", fullProfile("v"))
	if p := profileOf(t, s, "s", "w"); p != nil {
		t.Fatalf("a retired profile is back: %+v", p)
	}
}

// profileAtomic reads while datasets change: every read finds the profile, whole
// and of one dataset, and the datasets never go back.
func profileAtomic(t testing.TB, s store.Store) {
	const versions = 30
	put := func(n int) error {
		p := profile.Profile{ID: "v", Vector: []float32{float32(n)}, Segments: []string{numbered("d", n)}}
		if err := s.PutProfiles(context.Background(), "s", numbered("d", n), []profile.Profile{p}); err != nil {
			return err
		}
		return s.ActivateProfiles(context.Background(), "s", numbered("d", n))
	}
	must(t, put(0))
	var end atomic.Bool
	var group sync.WaitGroup
	wrong := make(chan error, 2)
	for range 2 {
		group.Go(func() {
			last := ""
			for !end.Load() {
				p, err := s.Profile(context.Background(), "s", "v")
				if err != nil || p == nil || len(p.Segments) != 1 || p.Segments[0] != p.Version || p.Version < last {
					wrong <- fmt.Errorf("read %+v (%v) after %q", p, err, last)
					return
				}
				last = p.Version
			}
		})
	}
	var err error
	for n := 1; n < versions && err == nil; n++ {
		if err = put(n); err == nil {
			var p *profile.Profile
			if p, err = s.Profile(context.Background(), "s", "v"); err == nil && (p == nil || p.Version != numbered("d", n)) {
				err = fmt.Errorf("after activating %d: %+v", n, p)
			}
		}
	}
	end.Store(true)
	group.Wait()
	must(t, err)
	select {
	case err := <-wrong:
		t.Fatal(err)
	default:
	}
}

func profileUnknown(t testing.TB, s store.Store) {
	ctx := t.Context()
	is(t, s.ActivateProfiles(ctx, "s", "never put"), fault.NotFound)
	is(t, s.PutProfiles(ctx, "s", "", nil), fault.Invalid)
	activate(t, s, "s", "one", fullProfile("v"))
	is(t, s.ActivateProfiles(ctx, "s", "never put"), fault.NotFound)
	is(t, s.ActivateProfiles(ctx, "other", "one"), fault.NotFound)
	if profileOf(t, s, "s", "v") == nil {
		t.Fatalf("a failed activation removed the active dataset")
	}
	must(t, s.PutProfiles(ctx, "s", "empty", nil)) // put, if only with nothing
	must(t, s.ActivateProfiles(ctx, "s", "empty"))
}

func profileDrop(t testing.TB, s store.Store) {
	ctx := t.Context()
	activate(t, s, "s", "one", fullProfile("v"))
	must(t, s.PutProfiles(ctx, "s", "two", []profile.Profile{fullProfile("v")}))
	must(t, s.PutProfiles(ctx, "t", "two", []profile.Profile{fullProfile("v")}))
	is(t, s.DropProfiles(ctx, "s", "one"), fault.Conflict)
	must(t, s.DropProfiles(ctx, "s", "two"))
	must(t, s.DropProfiles(ctx, "s", "never put"))
	is(t, s.ActivateProfiles(ctx, "s", "two"), fault.NotFound)
	must(t, s.ActivateProfiles(ctx, "t", "two"))
	if p := profileOf(t, s, "s", "v"); p == nil || p.Version != "one" {
		t.Fatalf("the active profile is %+v", p)
	}
}

func profileApart(t testing.TB, s store.Store) {
	for i, site := range names() {
		var some []profile.Profile
		for j, id := range names() {
			some = append(some, profile.Profile{ID: id, Vector: []float32{float32(i), float32(j)}})
		}
		activate(t, s, site, "same", some...)
		must(t, s.PutProfiles(t.Context(), site, "same2", []profile.Profile{{ID: "a"}}))
	}
	for i, site := range names() {
		for j, id := range names() {
			p := profileOf(t, s, site, id)
			same(t, "profile", p, &profile.Profile{ID: id, Version: "same", Vector: []float32{float32(i), float32(j)}})
		}
	}
}

func profileKeepsNoBuffer(t testing.TB, s store.Store) {
	mine, want := []profile.Profile{fullProfile("v")}, fullProfile("v")
	want.Version = "one"
	activate(t, s, "s", "one", mine...)
	mine[0].Vector[0], mine[0].Segments[0], mine[0].Affinities[0].Weight = 99, "overwritten", 99
	same(t, "profile", profileOf(t, s, "s", "v"), &want)
}
