package storetest

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/internal/keys"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
	"github.com/nextbest/nextbest/store/memory"
)

// forgiving answers nil where the store refuses.
func forgiving(err error, kind fault.Kind) error {
	if fault.KindOf(err) == kind && err != nil {
		return nil
	}
	return err
}

func profileFaults() []planted {
	return []planted{
		{"profile/only_the_active_dataset", func(f *faulty) {
			f.onPutProfiles = func(ctx context.Context, site, version string, all []profile.Profile) error {
				return errors.Join(f.Store.PutProfiles(ctx, site, version, all), f.Store.ActivateProfiles(ctx, site, version))
			}
		}},
		{"profile/whole_profile", func(f *faulty) {
			f.onPutProfiles = func(ctx context.Context, site, version string, all []profile.Profile) error {
				all = slices.Clone(all)
				for i := range all {
					all[i].Vector = nil
				}
				return f.Store.PutProfiles(ctx, site, version, all)
			}
		}},
		{"profile/put_replaces", func(f *faulty) { // a cache that nobody empties
			seen := map[string]*profile.Profile{}
			f.onProfile = func(ctx context.Context, site, id string) (*profile.Profile, error) {
				if p := seen[id]; p != nil {
					return p, nil
				}
				p, err := f.Store.Profile(ctx, site, id)
				seen[id] = p
				return p, err
			}
		}},
		{"profile/retired_is_removed", func(f *faulty) {
			f.onActivateP = func(ctx context.Context, site, version string) error {
				return forgiving(f.Store.ActivateProfiles(ctx, site, version), fault.NotFound)
			}
		}},
		{"profile/activation_is_atomic", func(f *faulty) { // empties before it fills
			f.onActivateP = func(ctx context.Context, site, version string) error {
				if err := f.Store.PutProfiles(ctx, site, "gap", nil); err != nil {
					return err
				}
				if err := f.Store.ActivateProfiles(ctx, site, "gap"); err != nil {
					return err
				}
				for range 1000 {
					runtime.Gosched()
				}
				return f.Store.ActivateProfiles(ctx, site, version)
			}
		}},
		{"profile/unknown_dataset", func(f *faulty) {
			f.onActivateP = func(ctx context.Context, site, version string) error {
				return errors.Join(f.Store.PutProfiles(ctx, site, version, nil), f.Store.ActivateProfiles(ctx, site, version))
			}
		}},
		{"profile/drop", func(f *faulty) {
			f.onDropProfiles = func(context.Context, string, string) error { return nil }
		}},
		{"profile/names_stay_apart", func(f *faulty) {
			f.onProfile = func(ctx context.Context, site, id string) (*profile.Profile, error) {
				return f.Store.Profile(ctx, site[:1], id)
			}
		}},
		{"profile/keeps_no_buffer", func(f *faulty) {
			var kept []profile.Profile
			f.onPutProfiles = func(ctx context.Context, site, version string, all []profile.Profile) error {
				kept = all
				return f.Store.PutProfiles(ctx, site, version, all)
			}
			f.onProfile = func(context.Context, string, string) (*profile.Profile, error) { return &kept[0], nil }
		}},
	}
}

func controlFaults() []planted {
	return append(itemFaults(), append(versionFaults(), []planted{
		{"keys/upsert_in_order", func(f *faulty) { f.Store = reversedKeys{f.Store} }},
		{"checkpoint/replaced_whole", func(f *faulty) {
			f.onPutCheckpoint = func(ctx context.Context, site, name string, state []byte) error {
				old, err := f.Checkpoint(ctx, site, name)
				if len(old) > len(state) {
					state = append(slices.Clone(state), old[len(state):]...) // written over, not replaced
				}
				return errors.Join(err, f.Store.PutCheckpoint(ctx, site, name, state))
			}
		}},
		{"checkpoint/names_stay_apart", func(f *faulty) {
			f.onPutCheckpoint = func(ctx context.Context, site, name string, state []byte) error {
				return f.Store.PutCheckpoint(ctx, site, strings.TrimSpace(name), state)
			}
		}},
	}...)...)
}

type reversedKeys struct{ store.Store }

func (s reversedKeys) Keys(ctx context.Context) ([]keys.Key, error) {
	all, err := s.Store.Keys(ctx)
	slices.Reverse(all)
	return all, err
}

func itemFaults() []planted {
	return []planted{
		{"items/upsert_in_order", func(f *faulty) {
			f.onItems = func(ctx context.Context, site string, fn func(catalog.Item) error) error {
				var all []catalog.Item
				err := f.Store.Items(ctx, site, func(it catalog.Item) error {
					all = append([]catalog.Item{it}, all...)
					return nil
				})
				for _, it := range all {
					err = errors.Join(err, fn(it))
				}
				return err
			}
		}},
		{"items/whole_item", func(f *faulty) {
			f.onPutItems = func(ctx context.Context, site string, items []catalog.Item) error {
				items = slices.Clone(items)
				for i := range items {
					items[i].Attributes = nil
				}
				return f.Store.PutItems(ctx, site, items)
			}
		}},
		{"items/delete", func(f *faulty) { // takes the id for a prefix
			f.onDeleteItems = func(ctx context.Context, site string, ids []string) error {
				var more []string
				err := f.Store.Items(ctx, site, func(it catalog.Item) error {
					if strings.HasPrefix(it.ItemID, ids[0]) {
						more = append(more, it.ItemID)
					}
					return nil
				})
				return errors.Join(err, f.Store.DeleteItems(ctx, site, more))
			}
		}},
		{"items/callback_error_ends_it", func(f *faulty) {
			f.onItems = func(ctx context.Context, site string, fn func(catalog.Item) error) error {
				return f.Store.Items(ctx, site, func(it catalog.Item) error {
					_ = fn(it)
					return nil
				})
			}
		}},
		{"items/callback_may_use_the_store", func(f *faulty) { // sees what the callback puts
			f.onItems = func(ctx context.Context, site string, fn func(catalog.Item) error) error {
				return errors.Join(f.Store.Items(ctx, site, fn), f.Store.Items(ctx, site, fn))
			}
		}},
		{"items/sites_stay_apart", func(f *faulty) {
			f.onItems = func(ctx context.Context, site string, fn func(catalog.Item) error) error {
				return f.Store.Items(ctx, site[:1], fn)
			}
		}},
		{"items/keeps_no_buffer", func(f *faulty) {
			var kept []catalog.Item
			f.onPutItems = func(_ context.Context, _ string, items []catalog.Item) error {
				kept = items
				return nil
			}
			f.onItems = func(_ context.Context, _ string, fn func(catalog.Item) error) error { return fn(kept[0]) }
		}},
	}
}

func versionFaults() []planted {
	return []planted{
		{"version/body_of_many_chunks", func(f *faulty) {
			f.onReadVersion = func(ctx context.Context, site, kind, id string) ([]byte, error) {
				b, err := f.Store.ReadVersion(ctx, site, kind, id)
				return b[:min(len(b), 2<<20)], err
			}
		}},
		{"version/newest_first", func(f *faulty) {
			f.onVersions = func(ctx context.Context, site, kind string) ([]store.Version, error) {
				all, err := f.Store.Versions(ctx, site, kind)
				slices.Reverse(all)
				return all, err
			}
		}},
		{"version/put_replaces", func(f *faulty) {
			f.onPutVersion = func(ctx context.Context, site, kind string, v store.Version, b []byte) error {
				if _, err := f.Store.ReadVersion(ctx, site, kind, v.ID); err == nil {
					return nil
				}
				return f.Store.PutVersion(ctx, site, kind, v, b)
			}
		}},
		{"version/digest_is_checked", func(f *faulty) {
			f.onPutVersion = func(ctx context.Context, site, kind string, v store.Version, b []byte) error {
				v.SHA256 = ""
				return f.Store.PutVersion(ctx, site, kind, v, b)
			}
		}},
		{"version/unknown", func(f *faulty) {
			f.onReadVersion = func(ctx context.Context, site, kind, id string) ([]byte, error) {
				b, err := f.Store.ReadVersion(ctx, site, kind, id)
				return b, forgiving(err, fault.NotFound)
			}
		}},
		{"version/delete", func(f *faulty) {
			f.onDeleteVersion = func(ctx context.Context, site, kind, id string) error {
				return forgiving(f.Store.DeleteVersion(ctx, site, kind, id), fault.Conflict)
			}
		}},
		{"version/pointer", func(f *faulty) { // moves once
			f.onActivate = func(ctx context.Context, site, kind, id string) error {
				if active, err := f.Active(ctx, site, kind); err != nil || active != "" {
					return err
				}
				return f.Store.Activate(ctx, site, kind, id)
			}
		}},
		{"version/kinds_and_sites_stay_apart", func(f *faulty) {
			f.onReadVersion = func(ctx context.Context, site, kind, id string) ([]byte, error) {
				return f.Store.ReadVersion(ctx, site, kind[:1], id)
			}
		}},
		{"version/keeps_no_buffer", func(f *faulty) {
			var kept []byte
			f.onReadVersion = func(ctx context.Context, site, kind, id string) ([]byte, error) {
				var err error
				if kept == nil {
					kept, err = f.Store.ReadVersion(ctx, site, kind, id)
				}
				return kept, err
			}
		}},
	}
}

func eraseFaults() []planted {
	later := func(f *faulty, armed *bool) {
		f.onErase = func(ctx context.Context, site, visitor string, at time.Time) error {
			*armed = true
			return f.Store.EraseVisitor(ctx, site, visitor, at)
		}
	}
	return []planted{
		{"erase/session", func(f *faulty) { f.onEvents = f.shadow.SessionEvents }},
		{"erase/log", func(f *faulty) { f.onScan = f.shadow.ScanLog }},
		{"erase/history", func(f *faulty) { f.onHistory = f.shadow.History }},
		{"erase/profiles", func(f *faulty) { f.onProfile = f.shadow.Profile }},
		{"erase/leaves_the_mark", func(f *faulty) {
			f.onVisitor = func(ctx context.Context, site, id string) (session.Visitor, error) {
				v, err := f.Store.Visitor(ctx, site, id)
				v.ErasedAt = 0
				return v, err
			}
		}},
		{"erase/mark_written_by_append", onRows(func(rows []session.Visitor) []session.Visitor {
			for i := range rows {
				rows[i].ErasedAt = 0
			}
			return rows
		})},
		{"erase/by_user_id", func(f *faulty) { // looks at visitors only
			f.onErase = func(ctx context.Context, site, visitor string, at time.Time) error {
				if visitor == "u" {
					return nil
				}
				return f.Store.EraseVisitor(ctx, site, visitor, at)
			}
		}},
		{"erase/stale_event_stays_away", func(f *faulty) { f.onEvents = f.shadow.SessionEvents }},
		{"erase/stale_event_stays_away", func(f *faulty) { f.onScan = f.shadow.ScanLog }},
		{"erase/stale_event_stays_away", func(f *faulty) { f.onHistory = f.shadow.History }},
		{"erase/stale_visitor_stays_away", func(f *faulty) {
			f.onVisitor = func(ctx context.Context, site, id string) (session.Visitor, error) {
				v, err := f.shadow.Visitor(ctx, site, id)
				v.ErasedAt = erased
				return v, err
			}
		}},
		{"erase/what_comes_later_is_kept", func(f *faulty) {
			f.onErase = func(ctx context.Context, site, visitor string, at time.Time) error {
				return f.Store.EraseVisitor(ctx, site, visitor, at.Add(24*time.Hour))
			}
		}},
		{"erase/log_goes_on_behind_it", func(f *faulty) {
			armed := false
			later(f, &armed)
			skipping(f, &armed)
		}},
		{"erase/ends_at_the_site", func(f *faulty) {
			f.onErase = func(ctx context.Context, site, visitor string, at time.Time) error {
				return errors.Join(f.Store.EraseVisitor(ctx, site, visitor, at), f.Store.EraseVisitor(ctx, "t", visitor, at))
			}
		}},
	}
}

type fewerSites struct{ store.Store }

func (s fewerSites) Sites(ctx context.Context) ([]string, error) {
	all, err := s.Store.Sites(ctx)
	return all[min(len(all), 1):], err
}

func lifeFaults() []planted {
	return []planted{
		{"life/sites_are_known_by_any_write", func(f *faulty) { f.Store = fewerSites{f.Store} }},
		{"life/ended_context", func(f *faulty) {
			f.onAppend = func(ctx context.Context, w ingest.Write) error {
				return f.Store.Append(context.WithoutCancel(ctx), w)
			}
		}},
		{"life/closed", func(f *faulty) { f.onClose = func() error { return nil } }},
		{"reopen/everything_is_kept", func(f *faulty) { f.onReopen = func() store.Store { return memory.New() } }},
		{"reopen/log_goes_on", func(f *faulty) {
			armed := false
			skipping(f, &armed)
			f.onReopen = func() store.Store {
				armed = true
				return f
			}
		}},
		{"reopen/erasure_holds", func(f *faulty) {
			f.onReopen = func() store.Store { return f.shadow }
		}},
	}
}
