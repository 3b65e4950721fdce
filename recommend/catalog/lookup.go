package catalog

import "math"

// Version identifies the content the snapshot was built from.
func (s *Snapshot) Version() string { return s.version }

// Len is the number of variants: of items.
func (s *Snapshot) Len() int { return len(s.ids) }

// Groups is the number of groups.
func (s *Snapshot) Groups() int { return len(s.keys) }

// ID is the item id of variant v.
func (s *Snapshot) ID(v uint32) string { return s.ids[v] }

// Key is the key of group g: its group_id, or the item's id.
func (s *Snapshot) Key(g uint32) string { return s.keys[g] }

// GroupOf is the group of variant v.
func (s *Snapshot) GroupOf(v uint32) uint32 { return s.groupOf[v] }

// Members are the variants of group g, ascending. Read only.
func (s *Snapshot) Members(g uint32) []uint32 { return s.members[s.memOff[g]:s.memOff[g+1]] }

// Fresh are all groups by publication, newest first; those without a date
// come last. Read only.
func (s *Snapshot) Fresh() []uint32 { return s.fresh }

// Published is when variant v was published in epoch ms, NaN when not said.
func (s *Snapshot) Published(v uint32) float64 { return s.published.numberOf(v) }

// Variant is the number of an item, None when the catalog lacks it.
func (s *Snapshot) Variant(itemID string) uint32 {
	if v, ok := s.variants[itemID]; ok {
		return v
	}
	return None
}

// Resolve finds what an id names: an item (its group and variant) or a group
// (variant None). Both are None when the catalog lacks it.
func (s *Snapshot) Resolve(id string) (group, variant uint32) {
	if v, ok := s.variants[id]; ok {
		return s.groupOf[v], v
	}
	if g, ok := s.groups[id]; ok {
		return g, None
	}
	return None, None
}

// Item is variant v as it is now. The item must not be changed.
func (s *Snapshot) Item(v uint32) *Item { return s.items[v].Load() }

// Find is the item with this id as it is now.
func (s *Snapshot) Find(itemID string) (Item, bool) {
	v, ok := s.variants[itemID]
	if !ok {
		return Item{}, false
	}
	return *s.items[v].Load(), true
}

// Attribute is an indexed attribute of a snapshot; the zero value has no
// values.
type Attribute struct{ col *column }

// Attribute is the attribute (or "categories") with this name.
func (s *Snapshot) Attribute(name string) Attribute { return Attribute{s.columns[s.columnName(name)]} }

// Code is the code of a value, None when no item has it.
func (a Attribute) Code(value string) uint32 {
	if a.col == nil {
		return None
	}
	if code, ok := a.col.dict[value]; ok {
		return code
	}
	return None
}

// First is the code of variant v's first value, None when it has none. Numbers
// have no code.
func (a Attribute) First(v uint32) uint32 {
	if a.col == nil || a.col.off[v] == a.col.off[v+1] {
		return None
	}
	return a.col.codes[a.col.off[v]]
}

// Has reports whether variant v has the value with this code.
func (a Attribute) Has(v, code uint32) bool {
	if a.col == nil {
		return false
	}
	for _, c := range a.col.valuesOf(v) {
		if c == code {
			return true
		}
	}
	return false
}

// Variants are those that have the value with this code, ascending. Read only.
func (a Attribute) Variants(code uint32) []uint32 {
	if a.col == nil || code >= uint32(len(a.col.texts)) {
		return nil
	}
	return a.col.having(code)
}

// Word is the attribute of the words in the items' names.
func (s *Snapshot) Word() Attribute { return Attribute{s.words} }

// columnName understands "category" for "categories" unless items have an
// attribute of that name.
func (s *Snapshot) columnName(name string) string {
	if name == "category" && s.columns[name] == nil {
		return "categories"
	}
	return name
}

// Summary says how much a snapshot holds.
type Summary struct {
	Items, Groups, Available, Attributes int
}

// Summary counts; it reads every item.
func (s *Snapshot) Summary() Summary {
	sum := Summary{Items: s.Len(), Groups: s.Groups(), Attributes: len(s.columns) - 1}
	for v := range s.ids {
		if s.Available(uint32(v)) {
			sum.Available++
		}
	}
	return sum
}

func isNumber(x float64) bool { return !math.IsNaN(x) }
