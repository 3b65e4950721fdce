package main

import (
	"regexp"
	"strings"
	"unicode"
)

// cleaner turns the stock list's shouted, abbreviated descriptions into names
// that a shop would print.
type cleaner struct {
	code, setOf, junk *regexp.Regexp
	short             map[string]string
	small             map[string]bool
}

func newCleaner() *cleaner {
	return &cleaner{
		// A stock code is five digits and up to two letters; the rest are
		// postage, bank charges, vouchers, manual entries and samples.
		code:  regexp.MustCompile(`^[0-9]{5}[A-Z]{0,2}$`),
		setOf: regexp.MustCompile(`(?i)\b(?:s/|set/)\s*(\d+)`),
		junk:  regexp.MustCompile(`(?i)\b(?:carriage|voucher|high resolution|adjust|damage[sd]?|wrong\w*|check|missing|thrown|found|sample|test|amazon|ebay|dotcom\w*|charge|fba)\b|\?`),
		short: map[string]string{
			"w": "with", "asstd": "assorted", "asst": "assorted", "ass": "assorted", "assort": "assorted", "col": "colour", "turq": "turquoise",
			"neckl": "necklace", "neckl.": "necklace", "med": "medium", "lge": "large", "sml": "small", "p'weight": "paperweight", "xmas": "Christmas", "choc": "chocolate",
			"fuschia": "fuchsia", "&": "and", "dia": "diamante", "trad": "traditional", "dec": "decoration", "vippassport": "VIP passport",
		},
		small: map[string]bool{"of": true, "and": true, "in": true, "with": true, "the": true, "for": true, "on": true, "a": true, "de": true, "to": true, "at": true, "by": true, "from": true, "or": true},
	}
}

// name is the printable form of a description; "" when it is not a product's.
func (c *cleaner) name(desc string) string {
	if c.junk.MatchString(desc) {
		return ""
	}
	desc = strings.NewReplacer("*", " ", `"`, " ", ",", ", ", "+", " & ", "_", " ").Replace(desc)
	desc = c.setOf.ReplaceAllString(desc, "Set of $1 ")
	fields := strings.Fields(desc)
	for i, f := range fields {
		fields[i] = c.word(strings.TrimRight(f, ".,"), i == 0)
	}
	return strings.TrimSpace(strings.Join(strings.Fields(strings.Join(fields, " ")), " "))
}

// word is one word in title case; what holds a digit keeps units small.
func (c *cleaner) word(w string, first bool) string {
	low := strings.ToLower(w)
	if full, ok := c.short[low]; ok {
		low = full
	}
	if low == "t-light" || low == "t-lights" {
		return "T" + low[1:2] + "L" + low[3:]
	}
	if c.small[low] && !first {
		return low
	}
	if low == "i" || low == "tv" || low == "cd" || low == "dvd" || low == "usb" || low == "uk" {
		return strings.ToUpper(low)
	}
	up := true
	return strings.Map(func(r rune) rune {
		out := r
		if up && unicode.IsLetter(r) {
			out = unicode.ToUpper(r)
		}
		up = r == '-' || r == '/' || r == '('
		return out
	}, low)
}
