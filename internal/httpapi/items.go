package httpapi

import (
	"net/http"
	"strings"

	jsonx "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/catalog"
)

const (
	maxItems    = 5000 // in one request
	itemStored  = "stored"
	itemInvalid = "invalid"
)

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

// putItems inserts or replaces items. A bad item does not fail the others; only
// a body that holds no list of them is refused whole.
func putItems(c *call) error {
	var in struct {
		Items []jsontext.Value `json:"items"`
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
	out := itemsAnswer{Items: make([]itemVerdict, len(in.Items))}
	if err := c.storeItems(out.readItems(in.Items)); err != nil {
		return err
	}
	for i := range out.Items {
		if out.Items[i].Status == itemStored {
			out.Stored++
		} else {
			out.Invalid++
		}
	}
	return c.reply(http.StatusOK, out)
}

// readItems decodes each item on its own. It returns those that could be read
// and the verdict of each; the others have theirs.
func (a *itemsAnswer) readItems(raw []jsontext.Value) ([]catalog.Item, []*itemVerdict) {
	items, verdicts := make([]catalog.Item, 0, len(raw)), make([]*itemVerdict, 0, len(raw))
	for i := range raw {
		v := &a.Items[i]
		v.Index, v.Status = i, itemStored
		var it catalog.Item
		if err := strictValue(raw[i], &it); err != nil {
			v.ItemID = idOf(raw[i])
			v.refuse(err)
			continue
		}
		v.ItemID = it.ItemID
		items, verdicts = append(items, it), append(verdicts, v)
	}
	return items, verdicts
}

// idOf is the id of an item that is wrong elsewhere, "" when there is none.
func idOf(raw jsontext.Value) string {
	var it struct {
		ItemID string `json:"item_id"`
	}
	if err := jsonx.Unmarshal(raw, &it); err != nil {
		return ""
	}
	return it.ItemID
}

func (c *call) storeItems(items []catalog.Item, verdicts []*itemVerdict) error {
	if len(items) == 0 {
		return nil
	}
	errs, err := c.site.PutItems(c.ctx, items)
	if err != nil {
		return err
	}
	for i, err := range errs {
		if err != nil {
			verdicts[i].refuse(err)
		}
	}
	return nil
}

func (v *itemVerdict) refuse(err error) {
	v.Status, v.Code, v.Detail = itemInvalid, "invalid_item", "the item is not valid"
	if f := fault.Of(err); f != nil {
		v.Code, v.Detail = f.Code, f.Detail
		for _, at := range f.Fields {
			v.Detail += " (" + strings.TrimSpace(at.Pointer+" "+at.Detail) + ")"
		}
	}
}

func getItem(c *call) error {
	id, err := c.itemID()
	if err != nil {
		return err
	}
	it, ok := c.site.Item(id)
	if !ok {
		return fault.NotFoundf("unknown_item", "there is no item %s in this catalog", printable(id))
	}
	return c.reply(http.StatusOK, viewItem(it))
}

// viewItem says of an item what it is taken for where nothing was sent.
func viewItem(it catalog.Item) catalog.Item {
	if it.Available == nil {
		yes := true
		it.Available = &yes
	}
	return it
}

// patchItem changes what is live: price and availability.
func patchItem(c *call) error {
	id, err := c.itemID()
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
	return c.reply(http.StatusOK, viewItem(it))
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
