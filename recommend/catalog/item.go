// Package catalog holds what a site can recommend: items with attributes,
// live price and availability, and the immutable snapshot that ranking reads.
package catalog

import "encoding/json"

// Item is one thing that can be recommended, in the shape of PUT /v1/items.
type Item struct {
	ItemID      string                     `json:"item_id"`
	GroupID     string                     `json:"group_id,omitempty"` // variants of one product share it
	Name        string                     `json:"name,omitempty"`
	URL         string                     `json:"url,omitempty"`
	ImageURL    string                     `json:"image_url,omitempty"`
	Price       *float64                   `json:"price,omitempty"`
	Currency    string                     `json:"currency,omitempty"`
	Available   *bool                      `json:"available,omitempty"`  // nil means true
	Categories  []string                   `json:"categories,omitempty"` // paths, "home>lanterns"
	Attributes  map[string]json.RawMessage `json:"attributes,omitempty"` // string, number, bool, or a list of strings
	PublishedAt string                     `json:"published_at,omitempty"`
}

// Patch changes what is live about an item; nil fields stay.
type Patch struct {
	Available *bool    `json:"available,omitempty"`
	Price     *float64 `json:"price,omitempty"`
}
