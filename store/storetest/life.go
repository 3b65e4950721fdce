package storetest

import (
	"context"
	"testing"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/internal/keys"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
)

func lifeGuarantees() []guarantee {
	return []guarantee{
		{"life/sites_are_known_by_any_write", lifeSites},
		{"life/ended_context", lifeContext},
		{"life/closed", lifeClosed},
	}
}

func durableGuarantees() []guarantee {
	return []guarantee{
		{"reopen/everything_is_kept", reopenKeeps},
		{"reopen/log_goes_on", reopenLog},
		{"reopen/erasure_holds", reopenErased},
	}
}

func lifeSites(t testing.TB, s store.Store) {
	ctx := t.Context()
	sites, err := s.Sites(ctx)
	must(t, err)
	same(t, "sites of an empty store", sites, []string(nil))
	add(t, s, rec("event", "v", "x", "1", base))
	addVisitor(t, s, session.Visitor{Site: "visitor", ID: "v"})
	addHistory(t, s, rec("history", "v", "x", "1", base))
	must(t, s.PutProfiles(ctx, "profile", "one", nil))
	must(t, s.PutItems(ctx, "item", []catalog.Item{{ItemID: "i"}}))
	must(t, s.PutVersion(ctx, "version", "model", store.Version{ID: "m"}, nil))
	must(t, s.PutKey(ctx, keys.Key{ID: "k", Site: "key"}))
	must(t, s.PutCheckpoint(ctx, "checkpoint", "c", nil))
	_, _ = events(t, s, session.Key{Site: "only read"}, 1)
	sites, err = s.Sites(ctx)
	must(t, err)
	same(t, "sites", sites, []string{"checkpoint", "event", "history", "item", "key", "profile", "version", "visitor"})
}

// calls makes one call of every method that can fail.
func calls(ctx context.Context, s store.Store) map[string]func() error {
	r := rec("s", "v", "x", "1", base)
	return map[string]func() error{
		"Append":        func() error { return s.Append(ctx, ingest.Write{Records: []event.Record{r}}) },
		"SessionEvents": func() error { _, _, err := s.SessionEvents(ctx, keyOf(r), 1); return err },
		"Visitor":       func() error { _, err := s.Visitor(ctx, "s", "v"); return err },
		"ScanLog": func() error {
			_, _, err := s.ScanLog(ctx, "s", nil, 0, func(event.Record) error { return nil })
			return err
		},
		"DropLog":          func() error { return s.DropLog(ctx, "s", at(base)) },
		"DropHistory":      func() error { return s.DropHistory(ctx, "s", at(base)) },
		"Sweep":            func() error { return s.Sweep(ctx, at(base)) },
		"PutHistory":       func() error { return s.PutHistory(ctx, []event.Record{r}) },
		"History":          func() error { _, err := s.History(ctx, "s", "v", 1); return err },
		"BuiltIn":          func() error { _, err := s.BuiltIn(ctx, "s", "v", ""); return err },
		"Profile":          func() error { _, err := s.Profile(ctx, "s", "v"); return err },
		"ActiveProfiles":   func() error { _, err := s.ActiveProfiles(ctx, "s"); return err },
		"PutProfiles":      func() error { return s.PutProfiles(ctx, "s", "one", []profile.Profile{{ID: "v"}}) },
		"ActivateProfiles": func() error { return s.ActivateProfiles(ctx, "s", "zero") },
		"DropProfiles":     func() error { return s.DropProfiles(ctx, "s", "zero") },
		"PutItems":         func() error { return s.PutItems(ctx, "s", []catalog.Item{{ItemID: "i"}}) },
		"Items":            func() error { return s.Items(ctx, "s", func(catalog.Item) error { return nil }) },
		"DeleteItems":      func() error { return s.DeleteItems(ctx, "s", []string{"i"}) },
		"PutVersion":       func() error { return s.PutVersion(ctx, "s", "model", store.Version{ID: "m"}, []byte("x")) },
		"Versions":         func() error { _, err := s.Versions(ctx, "s", "model"); return err },
		"ReadVersion":      func() error { _, err := s.ReadVersion(ctx, "s", "model", "kept"); return err },
		"DeleteVersion":    func() error { return s.DeleteVersion(ctx, "s", "model", "kept") },
		"Activate":         func() error { return s.Activate(ctx, "s", "model", "kept") },
		"Active":           func() error { _, err := s.Active(ctx, "s", "model"); return err },
		"PutKey":           func() error { return s.PutKey(ctx, keys.Key{ID: "k", Site: "s"}) },
		"Keys":             func() error { _, err := s.Keys(ctx); return err },
		"PutDecisions":     func() error { return s.PutDecisions(ctx, "s", []store.Decision{decided(base, "d")}) },
		"Decision":         func() error { _, err := s.Decision(ctx, "s", base, "kept"); return err },
		"Decisions":        func() error { _, err := s.Decisions(ctx, "s", base, 1); return err },
		"DropDecisions":    func() error { return s.DropDecisions(ctx, "s", at(base)) },
		"Checkpoint":       func() error { _, err := s.Checkpoint(ctx, "s", "c"); return err },
		"PutCheckpoint":    func() error { return s.PutCheckpoint(ctx, "s", "c", []byte("x")) },
		"EraseVisitor":     func() error { return s.EraseVisitor(ctx, "s", "v", at(base)) },
		"Sites":            func() error { _, err := s.Sites(ctx); return err },
		"Flush":            func() error { return s.Flush(ctx) },
	}
}

func lifeContext(t testing.TB, s store.Store) {
	must(t, s.PutVersion(t.Context(), "s", "model", store.Version{ID: "kept"}, []byte("x")))
	for name, call := range calls(ended(), s) {
		if err := call(); fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("%s with an ended context answers %v", name, err)
		}
	}
	same(t, "log", wholeLog(t, s, "s"), []event.Record(nil))
	wantBody(t, s, "s", "model", "kept", []byte("x"))
}

func lifeClosed(t testing.TB, s store.Store) {
	add(t, s, rec("s", "v", "x", "1", base))
	must(t, s.Flush(t.Context()))
	if s.Durability() == "" {
		t.Fatalf("the durability has no name")
	}
	must(t, s.Close())
	must(t, s.Close())
	for name, call := range calls(t.Context(), s) {
		if err := call(); fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("%s of a closed store answers %v", name, err)
		}
	}
}

// reopen opens again what a store kept.
func reopen(t testing.TB, s store.Store) store.Store {
	t.Helper()
	r, ok := s.(Reopener)
	if !ok {
		t.Fatalf("%T cannot be opened again", s)
	}
	return r.Reopen(t)
}

func reopenKeeps(t testing.TB, s store.Store) {
	ctx := t.Context()
	r, v := full("s", "v", "x", "1", base), session.Visitor{Site: "s", ID: "v", Session: "x", SessionAt: base, Lasting: true}
	k := keys.Key{ID: "k", Site: "s", Scope: keys.Secret}
	must(t, s.Append(ctx, ingest.Write{Records: []event.Record{r}, Visitors: []session.Visitor{v}}))
	addHistory(t, s, r)
	activate(t, s, "s", "one", fullProfile("p"))
	must(t, s.PutItems(ctx, "s", []catalog.Item{fullItem("i")}))
	putVersion(t, s, "s", "model", store.Version{ID: "m"}, body(1<<20+9, 1))
	must(t, s.Activate(ctx, "s", "model", "m"))
	must(t, s.PutKey(ctx, k))
	must(t, s.PutCheckpoint(ctx, "s", "c", []byte("state")))
	putDecisions(t, s, "s", decided(base, "d"))

	s = reopen(t, s)
	recs, _ := events(t, s, keyOf(r), 10)
	same(t, "session", recs, []event.Record{r})
	same(t, "log", wholeLog(t, s, "s"), []event.Record{r})
	same(t, "history", history(t, s, "s", session.UserVisitor("user")), []event.Record{r})
	gotVisitor, err := s.Visitor(ctx, "s", "v")
	must(t, err)
	same(t, "visitor", gotVisitor, v)
	p := fullProfile("p")
	p.Version = "one"
	same(t, "profile", profileOf(t, s, "s", "p"), &p)
	same(t, "items", itemsOf(t, s, "s"), []catalog.Item{fullItem("i")})
	wantBody(t, s, "s", "model", "m", body(1<<20+9, 1))
	active, err := s.Active(ctx, "s", "model")
	must(t, err)
	same(t, "active version", active, "m")
	ks, err := s.Keys(ctx)
	must(t, err)
	same(t, "keys", ks, []keys.Key{k})
	state, err := s.Checkpoint(ctx, "s", "c")
	must(t, err)
	same(t, "checkpoint", state, []byte("state"))
	same(t, "decisions", decisionsOf(t, s, "s", base+1, 0), []store.Decision{decided(base, "d")})
	sites, err := s.Sites(ctx)
	must(t, err)
	same(t, "sites", sites, []string{"s"})
}

// reopenLog opens again after the newest rows, which would show where the log
// ended, were removed.
func reopenLog(t testing.TB, s store.Store) {
	add(t, s, rec("s", "v", "x", "1", base), rec("s", "w", "x", "2", base))
	_, end := logFrom(t, s, "s", nil, 0)
	steps := []func(store.Store){
		func(store.Store) {},
		func(s store.Store) { eraseOf(t, s, "s", "w") },
		func(s store.Store) { must(t, s.DropLog(t.Context(), "s", at(base+100*hourMs))) },
	}
	for i, step := range steps {
		step(s)
		s = reopen(t, s)
		more := rec("s", "v", "x", numbered("more", i), base)
		add(t, s, more)
		var recs []event.Record
		recs, end = logFrom(t, s, "s", end, 0)
		same(t, "behind the old end", recs, []event.Record{more})
	}
}

func reopenErased(t testing.TB, s store.Store) {
	add(t, s, rec("s", "v", "x", "1", base))
	eraseOf(t, s, "s", "v")
	s = reopen(t, s)
	add(t, s, rec("s", "v", "x", "2", base))
	same(t, "log", wholeLog(t, s, "s"), []event.Record(nil))
	got, err := s.Visitor(t.Context(), "s", "v")
	must(t, err)
	same(t, "visitor", got, session.Visitor{Site: "s", ID: "v", ErasedAt: erased})
}
