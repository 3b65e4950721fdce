package embedded

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/catalog"
)

// PutItems stores items in one commit.
func (s *Store) PutItems(ctx context.Context, site string, items []catalog.Item) error {
	if err := s.enterWrite(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	x := s.scratch.Get().(*scratch)
	defer s.recycle(x)
	b := s.db.NewBatch()
	defer b.Close()
	if err := s.touch(b, x, site); err != nil {
		return translate("store items", err)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // attributes come back as they were sent
	for i := range items {
		buf.Reset()
		if err := enc.Encode(&items[i]); err != nil {
			return fault.Invalidf("invalid_item", "item %q cannot be stored", items[i].ItemID).Because(err)
		}
		x.key = append(prefix(x.key[:0], spaceItem, site), items[i].ItemID...)
		if err := b.Set(x.key, buf.Bytes(), nil); err != nil {
			return translate("store items", err)
		}
	}
	return s.commitTouched("store items", b, x)
}

// Items reads the catalog in the order of ids.
func (s *Store) Items(ctx context.Context, site string, fn func(catalog.Item) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	return s.each(ctx, prefix(nil, spaceItem, site), func(_, value []byte) error {
		var it catalog.Item
		if err := json.Unmarshal(value, &it); err != nil {
			return badRow("item", err)
		}
		return fn(it)
	})
}

// DeleteItems removes items in one commit.
func (s *Store) DeleteItems(ctx context.Context, site string, ids []string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	b := s.db.NewBatch()
	defer b.Close()
	for _, id := range ids {
		if err := b.Delete(append(prefix(nil, spaceItem, site), id...), nil); err != nil {
			return translate("delete items", err)
		}
	}
	return s.commit("delete items", b)
}
