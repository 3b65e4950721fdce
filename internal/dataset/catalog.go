package dataset

import (
	"context"
	"encoding/json"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/session/event"
)

// ReadCatalog reads the items of a file; unknown columns become attributes.
// The report is there with an error too: what was read until then.
func ReadCatalog(ctx context.Context, path string, opts Options, fn func(catalog.Item) error) (*Report, error) {
	return readPath(path, func(src Source) (*Report, error) { return ReadCatalogFrom(ctx, src, opts, fn) })
}

// ReadCatalogFrom is ReadCatalog of a source that is open already.
func ReadCatalogFrom(ctx context.Context, src Source, opts Options, fn func(catalog.Item) error) (*Report, error) {
	return read(ctx, src, opts, catalogSchema(), decodeItem, fn)
}

func catalogSchema() schema {
	return schema{
		means:  catalogColumn,
		id:     func(c column) bool { return c == colID },
		wants:  "item_id (or id, entity_id, sku)",
		extras: true,
	}
}

func catalogColumn(plain string) column {
	switch plain {
	case "id", "itemid", "entityid", "sku", "productid":
		return colID
	case "groupid", "itemgroupid", "parentid":
		return colGroup
	case "name", "title":
		return colName
	case "url", "link":
		return colURL
	case "imageurl", "image", "imagelink":
		return colImage
	case "price":
		return colPrice
	case "currency":
		return colCurrency
	case "available", "availability", "instock":
		return colAvailable
	case "categories", "category":
		return colCategories
	case "tags":
		return colTags
	case "attributes":
		return colAttributes
	case "publishedat":
		return colPublished
	}
	return colUnknown
}

func decodeItem(names *resolver, r *row) (catalog.Item, *problem) {
	var it catalog.Item
	for n, v := range r.values {
		if p := itemCell(&it, names.column(r.names[n]), r.names[n], v); p != nil {
			return it, p
		}
	}
	if it.ItemID == "" {
		return it, missing("item_id", "the item has no id")
	}
	return it, nil
}

func itemCell(it *catalog.Item, c column, name string, v value) *problem {
	switch c {
	case colID:
		return setID(&it.ItemID, name, v)
	case colGroup:
		return setID(&it.GroupID, name, v)
	case colName:
		return setText(&it.Name, name, v)
	case colURL:
		return setText(&it.URL, name, v)
	case colImage:
		return setText(&it.ImageURL, name, v)
	case colCurrency:
		return setText(&it.Currency, name, v)
	case colPrice:
		price, ok := v.float()
		if !ok || price < 0 {
			return at(name, "price", "the price must be a number, 0 or more")
		}
		it.Price = &price
	case colAvailable:
		yes, ok := v.truth()
		if !ok {
			return at(name, "available", "availability must be true or false")
		}
		it.Available = &yes
	case colCategories:
		list, ok := v.list()
		if !ok {
			return at(name, "categories", "categories must be a list of strings, in csv separated by |")
		}
		it.Categories = list
	case colPublished:
		ms, ok := v.millis()
		if !ok {
			return at(name, "time", "the time must be RFC 3339 or epoch milliseconds")
		}
		it.PublishedAt = time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
	default:
		return itemAttribute(it, c, name, v)
	}
	return nil
}

// itemAttribute takes what has no field of its own.
func itemAttribute(it *catalog.Item, c column, name string, v value) *problem {
	set := func(name string, raw json.RawMessage) {
		if it.Attributes == nil {
			it.Attributes = map[string]json.RawMessage{}
		}
		it.Attributes[name] = raw
	}
	if c == colAttributes {
		raw, ok := v.json()
		var members map[string]jsonMember
		if !ok || jsonv2.Unmarshal(raw, &members) != nil {
			return at(name, "attributes", "attributes must be a JSON object")
		}
		for key, member := range members {
			if member.v.kind == empty {
				continue
			}
			raw, ok := member.v.attribute()
			if !ok {
				return at(name+"/"+key, "attribute", "an attribute must be a string, a number, a bool or a list of strings")
			}
			set(key, raw)
		}
		return nil
	}
	if c == colTags {
		list, ok := v.list()
		if !ok {
			return at(name, "tags", "tags must be a list of strings, in csv separated by |")
		}
		v = value{kind: texts, texts: list}
	}
	raw, ok := v.attribute()
	if !ok {
		return at(name, "attribute", "an attribute must be a string, a number, a bool or a list of strings")
	}
	set(name, raw)
	return nil
}

// setID takes a checked id; the first column that has one wins.
func setID(dst *string, name string, v value) *problem {
	if *dst != "" {
		return nil
	}
	s, ok := v.str()
	if !ok {
		return at(name, "id", "an id must be a string or a number")
	}
	if err := event.CheckID(s); err != nil {
		return ofFault(name, "id", err)
	}
	*dst = s
	return nil
}

func setText(dst *string, name string, v value) *problem {
	s, ok := v.str()
	if !ok {
		return at(name, "text", "the value must be text")
	}
	*dst = s
	return nil
}
