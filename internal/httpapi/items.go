package httpapi

import (
	"net/http"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/catalog"
)

const maxItems = 5000 // in one request

// itemVerdict is what became of one item of a PUT.
type itemVerdict struct {
	Index  int    `json:"index"`
	ItemID string `json:"item_id"`
	Status string `json:"status"` // stored or invalid
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// itemsAnswer is the answer of PUT /v1/items.
type itemsAnswer struct {
	Stored  int           `json:"stored"`
	Invalid int           `json:"invalid"`
	Items   []itemVerdict `json:"items"`
}

// putItems inserts or replaces items. A bad item does not fail the others; a
// body of the wrong shape is refused whole.
func putItems(c *call) error {
	var in struct {
		Items []catalog.Item `json:"items"`
	}
	if err := c.readStrict(&in); err != nil {
		return err
	}
	if len(in.Items) == 0 {
		return invalidField("items_missing", "/items", "must hold at least one item")
	}
	if len(in.Items) > maxItems {
		return withStatus(fault.Invalidf("too_many_items", "the request holds %d items; send at most %d at once", len(in.Items), maxItems).
			At("/items", "split the request"), http.StatusRequestEntityTooLarge)
	}
	verdicts, err := c.site.PutItems(c.ctx, in.Items)
	if err != nil {
		return err
	}
	out := itemsAnswer{Items: make([]itemVerdict, len(in.Items))}
	for i, it := range in.Items {
		out.Items[i] = itemVerdict{Index: i, ItemID: it.ItemID, Status: "stored"}
		if i < len(verdicts) && verdicts[i] != nil {
			out.Items[i].refuse(verdicts[i])
			out.Invalid++
			continue
		}
		out.Stored++
	}
	return c.reply(http.StatusOK, out)
}

func (v *itemVerdict) refuse(err error) {
	v.Status, v.Code, v.Detail = "invalid", "invalid_item", "the item is not valid"
	if f := fault.Of(err); f != nil {
		v.Code, v.Detail = f.Code, f.Detail
		for _, at := range f.Fields {
			v.Detail += " (" + at.Pointer + " " + at.Detail + ")"
		}
	}
}

func getItem(c *call) error {
	id, err := c.param("id")
	if err != nil {
		return err
	}
	it, ok := c.site.Item(id)
	if !ok {
		return fault.NotFoundf("unknown_item", "there is no item %s in this catalog", printable(id))
	}
	return c.reply(http.StatusOK, it)
}

// patchItem changes what is live: price and availability.
func patchItem(c *call) error {
	id, err := c.param("id")
	if err != nil {
		return err
	}
	var p catalog.Patch
	if err := c.readStrict(&p); err != nil {
		return err
	}
	if p.Available == nil && p.Price == nil {
		return invalidField("nothing_to_change", "/available", "or price must be there")
	}
	it, err := c.site.PatchItem(c.ctx, id, p)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, it)
}

func placements(c *call) error {
	type placement struct {
		Name string `json:"name"`
	}
	out := []placement{}
	for _, n := range c.site.Placements() {
		out = append(out, placement{Name: n})
	}
	return c.reply(http.StatusOK, map[string]any{"placements": out})
}

// getVisitor shows what is known of a visitor, by anonymous or user id.
func getVisitor(c *call) error {
	id, err := c.param("id")
	if err != nil {
		return err
	}
	v, err := c.site.Visitor(c.ctx, id)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, v)
}

// eraseVisitor forgets a visitor and says so.
func eraseVisitor(c *call) error {
	id, err := c.param("id")
	if err != nil {
		return err
	}
	receipt, err := c.site.EraseVisitor(c.ctx, id)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, receipt)
}
