package event

// kindNames are the words of the wire, by code.
var kindNames = [...]string{
	KindUnknown: "unknown",
	Impression:  "impression",
	View:        "view",
	Click:       "click",
	CartAdd:     "cart_add",
	CartRemove:  "cart_remove",
	WishAdd:     "wish_add",
	WishRemove:  "wish_remove",
	Purchase:    "purchase",
	Refund:      "refund",
	Search:      "search",
	Dislike:     "dislike",
	Page:        "page",
	Identify:    "identify",
	Custom:      "custom",
}

// String is the kind's word on the wire.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[KindUnknown]
}

// ParseKind finds the kind of a word; false when there is none.
func ParseKind(s string) (Kind, bool) {
	for k := Impression; int(k) < len(kindNames); k++ {
		if kindNames[k] == s {
			return k, true
		}
	}
	return KindUnknown, false
}

// Weight says how much an engagement of this kind tells about the visitor's
// interest: negative for what takes an interest back, 0 for kinds that tell
// nothing about one item.
func (k Kind) Weight() float64 {
	switch k {
	case View, Click:
		return 1
	case WishAdd:
		return 2
	case CartAdd:
		return 3
	case Purchase:
		return 4
	case WishRemove:
		return -2
	case CartRemove, Dislike:
		return -3
	case Refund:
		return -4
	}
	return 0
}

// Engages reports whether events of this kind are item engagements: they enter
// the session's ring. Impressions are not: being shown is no engagement.
func (k Kind) Engages() bool { return k.Weight() != 0 }

// TakesItems reports whether the kind may carry several items in items[].
func (k Kind) TakesItems() bool { return k == Purchase || k == Refund || k == Impression }

// String is the level's word on the wire, "" for ConsentUnset.
func (c Consent) String() string {
	switch c {
	case ConsentNone:
		return "none"
	case ConsentSession:
		return "session"
	case ConsentFull:
		return "full"
	}
	return ""
}

// ParseConsent finds the level of a word; false when there is none.
func ParseConsent(s string) (Consent, bool) {
	switch s {
	case "none":
		return ConsentNone, true
	case "session":
		return ConsentSession, true
	case "full":
		return ConsentFull, true
	}
	return ConsentUnset, false
}
