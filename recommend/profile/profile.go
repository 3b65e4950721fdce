// Package profile is the long-term view of a visitor: computed offline and
// uploaded, or built in from the visitor's own history.
package profile

// Profile is what is known of a visitor for longer than a session.
type Profile struct {
	ID         string      `json:"id"`                   // user id or anonymous id
	Version    string      `json:"version"`              // dataset version, or "history" for the built-in one
	Space      string      `json:"space,omitempty"`      // name of the vector space of Vector
	Vector     []float32   `json:"vector,omitempty"`     // meets only item vectors of the same Space
	Affinities []Affinity  `json:"affinities,omitempty"` // item weights > 0, strongest first
	Attributes []Attribute `json:"attributes,omitempty"` // attribute affinities, strongest first
	Segments   []string    `json:"segments,omitempty"`
	List       []string    `json:"list,omitempty"`      // a ranked list computed offline
	Purchased  []Purchase  `json:"purchased,omitempty"` // newest first
}

// Affinity says how much the visitor likes an item: weight > 0, any scale.
type Affinity struct {
	ItemID string  `json:"item_id"`
	Weight float64 `json:"weight"`
}

// Attribute says how much the visitor likes a value of an attribute.
type Attribute struct {
	Name   string  `json:"name"`
	Value  string  `json:"value"`
	Weight float64 `json:"weight"`
}

// Purchase is an item that the visitor bought, and when (epoch ms).
type Purchase struct {
	ItemID string `json:"item_id"`
	Time   int64  `json:"time"`
}
