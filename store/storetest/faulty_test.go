package storetest

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
	"github.com/nextbest/nextbest/store/memory"
)

// faulty is a memory store of which single methods are replaced.
type faulty struct {
	store.Store
	shadow store.Store // the same writes without erasures

	onAppend        func(context.Context, ingest.Write) error
	onEvents        func(context.Context, session.Key, int) ([]event.Record, []string, error)
	onVisitor       func(ctx context.Context, site, id string) (session.Visitor, error)
	onScan          func(context.Context, string, event.Cursor, int, func(event.Record) error) (event.Cursor, int, error)
	onPutHistory    func(context.Context, []event.Record) error
	onHistory       func(ctx context.Context, site, owner string, limit int) ([]event.Record, error)
	onSweep         func(context.Context, time.Time) error
	onDropLog       func(context.Context, string, time.Time) error
	onDropHistory   func(context.Context, string, time.Time) error
	onBuiltIn       func(ctx context.Context, site, owner, except string) (*profile.Profile, error)
	onProfile       func(ctx context.Context, site, id string) (*profile.Profile, error)
	onPutProfiles   func(ctx context.Context, site, version string, all []profile.Profile) error
	onActivateP     func(ctx context.Context, site, version string) error
	onDropProfiles  func(ctx context.Context, site, version string) error
	onPutItems      func(context.Context, string, []catalog.Item) error
	onItems         func(context.Context, string, func(catalog.Item) error) error
	onDeleteItems   func(context.Context, string, []string) error
	onPutVersion    func(context.Context, string, string, store.Version, []byte) error
	onVersions      func(ctx context.Context, site, kind string) ([]store.Version, error)
	onReadVersion   func(ctx context.Context, site, kind, id string) ([]byte, error)
	onDeleteVersion func(ctx context.Context, site, kind, id string) error
	onActivate      func(ctx context.Context, site, kind, id string) error
	onPutDecisions  func(ctx context.Context, site string, all []store.Decision) error
	onDecision      func(ctx context.Context, site string, at int64, id string) (store.Decision, error)
	onDecisions     func(ctx context.Context, site string, before int64, limit int) ([]store.Decision, error)
	onDropDecisions func(ctx context.Context, site string, before time.Time) error
	onPutCheckpoint func(ctx context.Context, site, name string, state []byte) error
	onErase         func(ctx context.Context, site, visitor string, at time.Time) error
	onClose         func() error
	onReopen        func() store.Store
}

func newFaulty(plant func(*faulty)) *faulty {
	f := &faulty{Store: memory.New(), shadow: memory.New()}
	if plant != nil {
		plant(f)
	}
	return f
}

// Reopen keeps everything unless the fault says otherwise.
func (f *faulty) Reopen(testing.TB) store.Store {
	if f.onReopen != nil {
		return f.onReopen()
	}
	return f
}

func (f *faulty) Append(ctx context.Context, w ingest.Write) error {
	if f.onAppend != nil {
		return f.onAppend(ctx, w)
	}
	_ = f.shadow.Append(ctx, w)
	return f.Store.Append(ctx, w)
}

func (f *faulty) SessionEvents(ctx context.Context, key session.Key, limit int) ([]event.Record, []string, error) {
	return or(f.onEvents, f.Store.SessionEvents)(ctx, key, limit)
}

func (f *faulty) Visitor(ctx context.Context, site, id string) (session.Visitor, error) {
	return or(f.onVisitor, f.Store.Visitor)(ctx, site, id)
}

func (f *faulty) ScanLog(ctx context.Context, site string, from event.Cursor, limit int, fn func(event.Record) error) (event.Cursor, int, error) {
	return or(f.onScan, f.Store.ScanLog)(ctx, site, from, limit, fn)
}

func (f *faulty) PutHistory(ctx context.Context, recs []event.Record) error {
	if f.onPutHistory == nil {
		_ = f.shadow.PutHistory(ctx, recs)
	}
	return or(f.onPutHistory, f.Store.PutHistory)(ctx, recs)
}

func (f *faulty) History(ctx context.Context, site, owner string, limit int) ([]event.Record, error) {
	return or(f.onHistory, f.Store.History)(ctx, site, owner, limit)
}

func (f *faulty) Sweep(ctx context.Context, now time.Time) error {
	return or(f.onSweep, f.Store.Sweep)(ctx, now)
}

func (f *faulty) DropLog(ctx context.Context, site string, before time.Time) error {
	return or(f.onDropLog, f.Store.DropLog)(ctx, site, before)
}

func (f *faulty) DropHistory(ctx context.Context, site string, before time.Time) error {
	return or(f.onDropHistory, f.Store.DropHistory)(ctx, site, before)
}

func (f *faulty) BuiltIn(ctx context.Context, site, owner, except string) (*profile.Profile, error) {
	return or(f.onBuiltIn, f.Store.BuiltIn)(ctx, site, owner, except)
}

func (f *faulty) Profile(ctx context.Context, site, id string) (*profile.Profile, error) {
	return or(f.onProfile, f.Store.Profile)(ctx, site, id)
}

func (f *faulty) PutProfiles(ctx context.Context, site, version string, all []profile.Profile) error {
	_ = f.shadow.PutProfiles(ctx, site, version, all)
	return or(f.onPutProfiles, f.Store.PutProfiles)(ctx, site, version, all)
}

func (f *faulty) ActivateProfiles(ctx context.Context, site, version string) error {
	_ = f.shadow.ActivateProfiles(ctx, site, version)
	return or(f.onActivateP, f.Store.ActivateProfiles)(ctx, site, version)
}

func (f *faulty) DropProfiles(ctx context.Context, site, version string) error {
	return or(f.onDropProfiles, f.Store.DropProfiles)(ctx, site, version)
}

func (f *faulty) PutItems(ctx context.Context, site string, items []catalog.Item) error {
	return or(f.onPutItems, f.Store.PutItems)(ctx, site, items)
}

func (f *faulty) Items(ctx context.Context, site string, fn func(catalog.Item) error) error {
	return or(f.onItems, f.Store.Items)(ctx, site, fn)
}

func (f *faulty) DeleteItems(ctx context.Context, site string, ids []string) error {
	return or(f.onDeleteItems, f.Store.DeleteItems)(ctx, site, ids)
}

func (f *faulty) PutVersion(ctx context.Context, site, kind string, v store.Version, b []byte) error {
	return or(f.onPutVersion, f.Store.PutVersion)(ctx, site, kind, v, b)
}

func (f *faulty) Versions(ctx context.Context, site, kind string) ([]store.Version, error) {
	return or(f.onVersions, f.Store.Versions)(ctx, site, kind)
}

func (f *faulty) ReadVersion(ctx context.Context, site, kind, id string) ([]byte, error) {
	return or(f.onReadVersion, f.Store.ReadVersion)(ctx, site, kind, id)
}

func (f *faulty) DeleteVersion(ctx context.Context, site, kind, id string) error {
	return or(f.onDeleteVersion, f.Store.DeleteVersion)(ctx, site, kind, id)
}

func (f *faulty) Activate(ctx context.Context, site, kind, id string) error {
	return or(f.onActivate, f.Store.Activate)(ctx, site, kind, id)
}

func (f *faulty) PutDecisions(ctx context.Context, site string, all []store.Decision) error {
	return or(f.onPutDecisions, f.Store.PutDecisions)(ctx, site, all)
}

func (f *faulty) Decision(ctx context.Context, site string, at int64, id string) (store.Decision, error) {
	return or(f.onDecision, f.Store.Decision)(ctx, site, at, id)
}

func (f *faulty) Decisions(ctx context.Context, site string, before int64, limit int) ([]store.Decision, error) {
	return or(f.onDecisions, f.Store.Decisions)(ctx, site, before, limit)
}

func (f *faulty) DropDecisions(ctx context.Context, site string, before time.Time) error {
	return or(f.onDropDecisions, f.Store.DropDecisions)(ctx, site, before)
}

func (f *faulty) PutCheckpoint(ctx context.Context, site, name string, state []byte) error {
	return or(f.onPutCheckpoint, f.Store.PutCheckpoint)(ctx, site, name, state)
}

func (f *faulty) EraseVisitor(ctx context.Context, site, visitor string, at time.Time) error {
	return or(f.onErase, f.Store.EraseVisitor)(ctx, site, visitor, at)
}

func (f *faulty) Close() error { return or(f.onClose, f.Store.Close)() }

// or is the planted method, or the store's own without one.
func or[F any](planted, own F) F {
	if reflect.ValueOf(planted).IsNil() {
		return own
	}
	return planted
}

// recorder is a testing.TB that keeps a failure to itself.
type recorder struct {
	testing.TB
	failure string
}

func (r *recorder) Errorf(format string, args ...any) { r.failure = fmt.Sprintf(format, args...) }
func (r *recorder) Error(args ...any)                 { r.failure = fmt.Sprint(args...) }
func (r *recorder) Fail()                             { r.failure = "failed" }
func (r *recorder) Failed() bool                      { return r.failure != "" }

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	runtime.Goexit()
}

func (r *recorder) FailNow() {
	r.Fail()
	runtime.Goexit()
}

// failure runs a check and returns how it failed, "" when it passed.
func failure(t *testing.T, check func(testing.TB, store.Store), s store.Store) string {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		check(r, s)
	}()
	<-done
	return r.failure
}
