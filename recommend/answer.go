package recommend

import (
	"time"

	"github.com/nextbest/nextbest/recommend/catalog"
)

// Words of Answer.Degraded: what could not do its part.
const (
	DegradedSession = "session"
	DegradedProfile = "profile"
	DegradedModel   = "model"
	DegradedCatalog = "catalog"
	DegradedRules   = "rules"
	DegradedAfter   = "after"
	DegradedStore   = "store"
	DegradedBudget  = "budget"
)

// Reason is why an item is in an answer, in one word.
type Reason string

// The reasons.
const (
	ReasonSession  Reason = "session"
	ReasonProfile  Reason = "profile"
	ReasonBlend    Reason = "blend"
	ReasonPopular  Reason = "popular"
	ReasonTrending Reason = "trending"
	ReasonNew      Reason = "new"
	ReasonPinned   Reason = "pinned"
	ReasonBoosted  Reason = "boosted"
	ReasonRule     Reason = "rule"
	ReasonFallback Reason = "fallback"
)

// Answer is what Rank fills. It may be reused: Reset keeps its memory, Rank
// replaces everything but Degraded, to which it adds.
type Answer struct {
	Items       []Item
	Blend       Blend
	Degraded    []string // empty in a healthy answer
	Versions    Versions
	Stages      Stages
	Explanation *Explanation // with Request.Explain or WhyNot only
}

// Reset empties the answer.
func (a *Answer) Reset() {
	clear(a.Items)
	*a = Answer{Items: a.Items[:0], Degraded: a.Degraded[:0]}
}

// Degrade adds a word to Degraded, once.
func (a *Answer) Degrade(word string) {
	for _, have := range a.Degraded {
		if have == word {
			return
		}
	}
	a.Degraded = append(a.Degraded, word)
}

// Item is one recommended item.
type Item struct {
	ItemID  string
	Slot    int // 1-based
	Score   float64
	Reason  Reason
	Catalog *catalog.Item // as it is now; nil without a catalog. Read only.
	Ledger  []Entry       // with Request.Explain only
}

// Blend is what session and profile weigh in an answer.
type Blend struct {
	Session float64 `json:"session"`
	Profile float64 `json:"profile"`
}

// Versions says what an answer was made from.
type Versions struct {
	Model    string `json:"model"`
	Catalog  string `json:"catalog"`
	Rules    string `json:"rules"`
	Profiles string `json:"profiles"`
}

// Stages says what the stages of an answer took. Session and Profile are the
// caller's to fill.
type Stages struct {
	Session, Profile, Retrieve, Score, Merchandise time.Duration
}

// Each calls fn for every stage in order.
func (s *Stages) Each(fn func(name string, took time.Duration)) {
	fn("session", s.Session)
	fn("profile", s.Profile)
	fn("retrieve", s.Retrieve)
	fn("score", s.Score)
	fn("merchandise", s.Merchandise)
}

// Entry is one line of an item's ledger. The values of all lines of an item
// add up to its score.
type Entry struct {
	Stage     string  `json:"stage"` // score, boost, diversify, slot, pin
	Signal    string  `json:"signal,omitempty"`
	Rule      string  `json:"rule,omitempty"`
	Value     float64 `json:"value"`
	Factor    float64 `json:"factor,omitempty"`
	MovedFrom int     `json:"moved_from,omitempty"` // slot before the stage
}

// Explanation says where candidates came from and where they went.
type Explanation struct {
	Candidates map[string]int `json:"candidates"` // by source; one may come from several
	Drops      map[string]int `json:"drops"`      // by reason
	WhyNot     []WhyNot       `json:"why_not,omitempty"`
}

// WhyNot says which stage or rule kept an item out.
type WhyNot struct {
	ItemID string `json:"item_id"`
	Stage  string `json:"stage"`
	Rule   string `json:"rule,omitempty"`
	Detail string `json:"detail"`
}
