package site

import (
	"context"
	"fmt"
	"sync"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/catalog"
)

// itemSet is the catalog as it was last written, the source of the snapshot
// that ranking reads. Guarded by mu; a writer holds it through store and
// snapshot, so that what is live is never older than what is stored.
type itemSet struct {
	mu   sync.Mutex
	byID map[string]catalog.Item
}

func (s *Site) loadItems(ctx context.Context) error {
	s.items.mu.Lock()
	defer s.items.mu.Unlock()
	all := map[string]catalog.Item{}
	err := s.cfg.Store.Items(ctx, s.cfg.Name, func(it catalog.Item) error {
		all[it.ItemID] = it
		return nil
	})
	if s.items.byID == nil || err == nil {
		s.items.byID = all
	}
	if err != nil {
		return fmt.Errorf("read the catalog: %w", err)
	}
	s.publishItems()
	return nil
}

// publishItems builds a new snapshot and swaps it in. The caller holds mu.
func (s *Site) publishItems() {
	if len(s.items.byID) == 0 {
		s.engine.SetCatalog(nil)
		return
	}
	all := make([]catalog.Item, 0, len(s.items.byID))
	for _, it := range s.items.byID {
		all = append(all, it)
	}
	s.engine.SetCatalog(catalog.Build(all))
}

// PutItems inserts or replaces items; the answer holds one error per item, nil
// for those stored. Good items are live when it returns. The second error is
// about all of them: nothing was changed.
func (s *Site) PutItems(ctx context.Context, items []catalog.Item) ([]error, error) {
	verdicts := make([]error, len(items))
	good := make([]catalog.Item, 0, len(items))
	for i := range items {
		if err := catalog.Validate(&items[i]); err != nil {
			verdicts[i] = err
			continue
		}
		good = append(good, items[i])
	}
	if len(good) == 0 {
		return verdicts, nil
	}
	s.items.mu.Lock()
	defer s.items.mu.Unlock()
	if err := s.cfg.Store.PutItems(ctx, s.cfg.Name, good); err != nil {
		return nil, unavailable("the items were not stored; send them again", err)
	}
	for _, it := range good {
		s.items.byID[it.ItemID] = it
	}
	s.publishItems()
	return verdicts, nil
}

// Item returns an item as it is now, live price and availability included.
func (s *Site) Item(id string) (catalog.Item, bool) {
	s.items.mu.Lock()
	defer s.items.mu.Unlock()
	it, ok := s.items.byID[id]
	return it, ok
}

// PatchItem changes price or availability. It is stored and live when it
// returns: the next answer shows it.
func (s *Site) PatchItem(ctx context.Context, id string, p catalog.Patch) (catalog.Item, error) {
	s.items.mu.Lock()
	defer s.items.mu.Unlock()
	it, ok := s.items.byID[id]
	if !ok {
		return catalog.Item{}, fault.NotFoundf("unknown_item", "there is no item %q in this catalog; PUT it first", id)
	}
	if p.Available != nil {
		it.Available = p.Available
	}
	if p.Price != nil {
		it.Price = p.Price
	}
	if err := catalog.Validate(&it); err != nil {
		return catalog.Item{}, err
	}
	if err := s.cfg.Store.PutItems(ctx, s.cfg.Name, []catalog.Item{it}); err != nil {
		return catalog.Item{}, unavailable("the change was not stored; send it again", err)
	}
	s.items.byID[id] = it
	s.engine.Catalog().Apply(id, p)
	return it, nil
}

func unavailable(detail string, cause error) error {
	return fault.Unavailablef("store_unavailable", "%s", detail).Because(cause)
}
