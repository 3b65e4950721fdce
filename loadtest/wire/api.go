package wire

import (
	"encoding/json"
	"fmt"
)

// Ack is the answer to events.
type Ack struct {
	Accepted  int               `json:"accepted"`
	Duplicate int               `json:"duplicate"`
	Invalid   []json.RawMessage `json:"invalid"`
	Shed      int               `json:"shed"`
	Session   Session           `json:"session"`
}

// Sum is how many events the answer accounts for.
func (a Ack) Sum() int { return a.Accepted + a.Duplicate + len(a.Invalid) + a.Shed }

// Session is what an answer says of the session.
type Session struct {
	ID        string `json:"session_id"`
	Events    int    `json:"events"`
	LastEvent string `json:"last_event_id"`
}

// List is the answer to a request for recommendations.
type List struct {
	Items []struct {
		ID   string `json:"item_id"`
		Slot int    `json:"slot"`
	} `json:"items"`
	Session  Session  `json:"session"`
	Degraded []string `json:"degraded"`
}

// Visitor is what the server knows of a visitor.
type Visitor struct {
	Session *struct {
		Session
		Recent []struct {
			ID string `json:"event_id"`
		} `json:"recent_events"`
	} `json:"session"`
}

// Status is an answer other than 2xx.
type Status struct {
	Code int
	Body string
}

func (s *Status) Error() string { return fmt.Sprintf("status %d: %s", s.Code, s.Body) }

// Call sends a request and decodes the JSON of a 2xx answer into out.
func (c *Conn) Call(method, path string, body []byte, out any) error {
	res, err := c.Do(method, path, body)
	if err != nil {
		return err
	}
	if !res.OK() {
		return &Status{Code: res.Status, Body: string(res.Body[:min(len(res.Body), 300)])}
	}
	if err := json.Unmarshal(res.Body, out); err != nil {
		return fmt.Errorf("answer of %s: %w", path, err)
	}
	return nil
}
