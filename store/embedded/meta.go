package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/internal/keys"
)

// loadSites reads which sites are known.
func (s *Store) loadSites() error {
	return s.each(context.Background(), []byte{spaceSite}, func(key, _ []byte) error {
		s.sites.Store(string(key[1:]), struct{}{})
		return nil
	})
}

// Sites names the known sites.
func (s *Store) Sites(ctx context.Context) ([]string, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	var all []string
	s.sites.Range(func(site, _ any) bool {
		all = append(all, site.(string))
		return true
	})
	slices.Sort(all)
	return all, nil
}

// PutKey stores one API key.
func (s *Store) PutKey(ctx context.Context, k keys.Key) error {
	value, err := json.Marshal(&k)
	if err != nil {
		return fault.Invalidf("invalid_key", "key %q cannot be stored", k.ID).Because(err)
	}
	return s.put(ctx, "store a key", k.Site, append([]byte{spaceKey}, k.ID...), value)
}

// Keys reads all API keys.
func (s *Store) Keys(ctx context.Context) ([]keys.Key, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	var all []keys.Key
	err := s.each(ctx, []byte{spaceKey}, func(_, value []byte) error {
		var k keys.Key
		if err := json.Unmarshal(value, &k); err != nil {
			return badRow("key", err)
		}
		all = append(all, k)
		return nil
	})
	return all, err
}

// PutCheckpoint replaces the value of a name.
func (s *Store) PutCheckpoint(ctx context.Context, site, name string, state []byte) error {
	return s.put(ctx, "store a checkpoint", site, prefix(nil, spaceCheckpoint, site, name), state)
}

// Checkpoint reads the value of a name.
func (s *Store) Checkpoint(ctx context.Context, site, name string) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	value, _, err := s.get(prefix(nil, spaceCheckpoint, site, name))
	return value, translate("read a checkpoint", err)
}

// put stores one row of a site.
func (s *Store) put(ctx context.Context, doing, site string, key, value []byte) error {
	if err := s.enterWrite(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	x := s.scratch.Get().(*scratch)
	defer s.recycle(x)
	b := s.db.NewBatch()
	defer b.Close()
	if err := s.touch(b, x, site); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if err := b.Set(key, value, nil); err != nil {
		return translate(doing, err)
	}
	return s.commitTouched(doing, b, x)
}
