package memory

import (
	"context"
	"maps"
	"slices"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/store"
)

type storedProfile = profile.Profile

type versionID struct{ kind, id string }

type storedVersion struct {
	version store.Version
	body    []byte
}

func cloneProfile(p profile.Profile) profile.Profile {
	p.Vector = slices.Clone(p.Vector)
	p.Affinities = slices.Clone(p.Affinities)
	p.Attributes = slices.Clone(p.Attributes)
	p.Segments = slices.Clone(p.Segments)
	p.List = slices.Clone(p.List)
	p.Purchased = slices.Clone(p.Purchased)
	return p
}

// PutProfiles writes into a dataset.
func (s *Store) PutProfiles(ctx context.Context, site, version string, profiles []profile.Profile) error {
	if version == "" {
		return fault.Invalidf("version_id", "a dataset of profiles needs a version")
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	x := s.touch(site)
	slot := x.slots[version]
	if slot == nil {
		slot = make(map[string]storedProfile)
		x.slots[version] = slot
	}
	for _, p := range profiles {
		if x.marks[p.ID] != 0 {
			continue
		}
		p = cloneProfile(p)
		p.Version = version
		slot[p.ID] = p
	}
	return nil
}

// Profile reads from the active dataset.
func (s *Store) Profile(ctx context.Context, site, id string) (*profile.Profile, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	x := s.site(site)
	p, ok := x.slots[x.active][id]
	if !ok || x.marks[id] != 0 {
		return nil, nil
	}
	p = cloneProfile(p)
	return &p, nil
}

// ActiveProfiles names the active dataset.
func (s *Store) ActiveProfiles(ctx context.Context, site string) (string, error) {
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.mu.Unlock()
	return s.site(site).active, nil
}

// ActivateProfiles changes the active dataset and removes the old one.
func (s *Store) ActivateProfiles(ctx context.Context, site, version string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	x := s.site(site)
	if _, ok := x.slots[version]; !ok {
		return fault.NotFoundf("unknown_version", "there is no dataset %q of profiles", version)
	}
	if x.active != version {
		delete(x.slots, x.active)
		x.active = version
	}
	return nil
}

// DropProfiles removes a dataset that is not active.
func (s *Store) DropProfiles(ctx context.Context, site, version string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	x := s.site(site)
	if version != "" && x.active == version {
		return fault.Conflictf("version_active", "dataset %q of profiles is active; activate another one first", version)
	}
	delete(x.slots, version)
	return nil
}

func cloneItem(it catalog.Item) catalog.Item {
	it.Categories = slices.Clone(it.Categories)
	it.Attributes = maps.Clone(it.Attributes)
	for name, raw := range it.Attributes {
		it.Attributes[name] = slices.Clone(raw)
	}
	if it.Price != nil {
		price := *it.Price
		it.Price = &price
	}
	if it.Available != nil {
		available := *it.Available
		it.Available = &available
	}
	return it
}

// PutItems stores items.
func (s *Store) PutItems(ctx context.Context, site string, items []catalog.Item) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	x := s.touch(site)
	for _, it := range items {
		x.items[it.ItemID] = cloneItem(it)
	}
	return nil
}

// Items copies the catalog first, so fn runs without the mutex.
func (s *Store) Items(ctx context.Context, site string, fn func(catalog.Item) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	x := s.site(site)
	all := make([]catalog.Item, 0, len(x.items))
	for _, id := range slices.Sorted(maps.Keys(x.items)) {
		all = append(all, cloneItem(x.items[id]))
	}
	s.mu.Unlock()
	for _, it := range all {
		if err := fn(it); err != nil {
			return err
		}
	}
	return nil
}

// DeleteItems removes items.
func (s *Store) DeleteItems(ctx context.Context, site string, ids []string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, id := range ids {
		delete(s.site(site).items, id)
	}
	return nil
}

// PutVersion stores a body.
func (s *Store) PutVersion(ctx context.Context, site, kind string, v store.Version, body []byte) error {
	v, err := store.Sealed(v, kind, body)
	if err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	v.Meta = maps.Clone(v.Meta)
	s.touch(site).versions[versionID{kind, v.ID}] = storedVersion{v, slices.Clone(body)}
	return nil
}

// Versions lists a kind.
func (s *Store) Versions(ctx context.Context, site, kind string) ([]store.Version, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var all []store.Version
	for id, v := range s.site(site).versions {
		if id.kind == kind {
			v.version.Meta = maps.Clone(v.version.Meta)
			all = append(all, v.version)
		}
	}
	store.SortVersions(all)
	return all, nil
}

// ReadVersion returns a body.
func (s *Store) ReadVersion(ctx context.Context, site, kind, id string) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	v, ok := s.site(site).versions[versionID{kind, id}]
	if !ok {
		return nil, store.NoVersion(kind, id)
	}
	return slices.Clone(v.body), nil
}

// DeleteVersion removes a version that is not active.
func (s *Store) DeleteVersion(ctx context.Context, site, kind, id string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	x := s.site(site)
	if _, ok := x.versions[versionID{kind, id}]; !ok {
		return store.NoVersion(kind, id)
	}
	if x.pointers[kind] == id {
		return store.ActiveVersion(kind, id)
	}
	delete(x.versions, versionID{kind, id})
	return nil
}

// Activate moves the pointer of a kind.
func (s *Store) Activate(ctx context.Context, site, kind, id string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	x := s.site(site)
	if _, ok := x.versions[versionID{kind, id}]; !ok {
		return store.NoVersion(kind, id)
	}
	x.pointers[kind] = id
	return nil
}

// Active reads the pointer of a kind.
func (s *Store) Active(ctx context.Context, site, kind string) (string, error) {
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.mu.Unlock()
	return s.site(site).pointers[kind], nil
}
