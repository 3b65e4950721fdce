package main

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
)

//go:embed shelves.txt
var shelvesText string

// otherPath is where a name goes that no shelf knows.
const otherPath = "curiosities"

// shelf puts every name that fits on one category path.
type shelf struct {
	path         string
	fits, unless *regexp.Regexp
}

// readShelves parses shelves.txt.
func readShelves(text string) ([]shelf, error) {
	var out []shelf
	for i, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		cells := strings.Split(line, "\t")
		if len(cells) < 2 || len(cells) > 3 {
			return nil, fmt.Errorf("shelves.txt line %d: want two or three cells, have %d", i+1, len(cells))
		}
		s := shelf{path: cells[0]}
		var err error
		if s.fits, err = words(cells[1]); err != nil {
			return nil, fmt.Errorf("shelves.txt line %d: %w", i+1, err)
		}
		if len(cells) == 3 {
			if s.unless, err = words(cells[2]); err != nil {
				return nil, fmt.Errorf("shelves.txt line %d: %w", i+1, err)
			}
		}
		out = append(out, s)
	}
	return out, nil
}

func words(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile(`(?i)\b(?:` + pattern + `)\b`)
}

// place is the category path of a name.
func place(shelves []shelf, name string) string {
	for _, s := range shelves {
		if s.fits.MatchString(name) && (s.unless == nil || !s.unless.MatchString(name)) {
			return s.path
		}
	}
	return otherPath
}

// trait finds one attribute in a name: the first value whose words occur.
type trait []struct{ value, words string }

func colours() trait {
	return trait{
		{"red", "red|retrospot|scarlet|ruby|poppy|strawberry"}, {"pink", "pink|fuschia|fuchsia|rose|rosy"},
		{"blue", "blue|navy|aqua|sapphire"}, {"turquoise", "turquoise|turq|teal"}, {"green", "green|olive|emerald|mint"},
		{"yellow", "yellow|lemon"}, {"orange", "orange|amber"}, {"purple", "purple|lilac|lavender|amethyst|mauve|violet"},
		{"ivory", "ivory|cream|natural"}, {"white", "white|snowy?"}, {"black", "black|jet"}, {"brown", "brown|chocolate"},
		{"gold", "gold|golden"}, {"silver", "silver"}, {"copper", "copper|bronze"}, {"grey", "grey|slate|zinc"},
		{"clear", "clear|crystal|glass"}, {"multicolour", "multicolou?r\\w*|assorted|rainbow|pastel|tutti"},
	}
}

func materials() trait {
	return trait{
		{"glass", "glass|crystal|murano"}, {"wood", "wood|wooden|bamboo"}, {"metal", "metal|zinc|tin|tins|iron|steel|silver|copper|brass|enamel|wire"},
		{"ceramic", "ceramic|porcelain|china|terracotta|stoneware|clay"}, {"paper", "paper|card|cards|wrap|tissue|tissues|notebook|envelope"},
		{"felt", "felt|feltcraft"}, {"wool", "wool|woolly|knitted|knit"}, {"cotton", "cotton|fabric|canvas|cushion|apron|linen"},
		{"wicker", "wicker|rattan|willow"}, {"plastic", "plastic|acrylic|pvc"}, {"leather", "leather|suede"}, {"slate", "slate"},
		{"wax", "candle|candles"}, {"feather", "feather|feathers"}, {"shell", "shell|pearl|mother of pearl"}, {"lace", "lace|crochet|doily"},
	}
}

func patterns() trait {
	return trait{
		{"polka dot", "polka ?dots?|retrospot|spots?|spotty|dotty"}, {"hearts", "hearts?|sweethearts?|love"}, {"stars", "stars?|starry"},
		{"stripes", "stripes?|striped|stripey"}, {"paisley", "paisley"}, {"gingham", "gingham|tartan|checked?|plaid"},
		{"floral", "floral|flowers?|roses?|daisy|daisies|botanical|blossom|garden|lily|poppy|posy|morris"}, {"union jack", "union (jack|flag)|empire|coronation"},
		{"birds", "birds?|robin|owl|dove|lovebirds?|hen|chick|chicks|cockerel"}, {"butterflies", "butterfl\\w+"},
		{"skulls", "skulls?"}, {"vintage", "vintage|retro|antique|victorian|edwardian"}, {"woodland", "woodland|toadstool|mushroom|forest"},
		{"fruit", "fruit|strawberry|cherry|cherries|apples?|pears?"}, {"circus", "circus"}, {"space", "spaceboy|rocket|planet"},
		{"babushka", "babushka|russian doll"}, {"lace", "lace|doily|doiley"},
	}
}

// finder is a trait compiled.
type finder struct {
	values []string
	res    []*regexp.Regexp
}

func compile(t trait) (finder, error) {
	var f finder
	for _, v := range t {
		re, err := words(v.words)
		if err != nil {
			return finder{}, fmt.Errorf("value %q: %w", v.value, err)
		}
		f.values, f.res = append(f.values, v.value), append(f.res, re)
	}
	return f, nil
}

// find returns the value whose word comes first in the name, "" for none.
func (f finder) find(name string) string {
	best, at := "", len(name)+1
	for i, re := range f.res {
		if loc := re.FindStringIndex(name); loc != nil && loc[0] < at {
			best, at = f.values[i], loc[0]
		}
	}
	return best
}
