package catalog

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/internal/fault"
)

// Limits of one filter: what it may cost is known before it runs.
const (
	MaxFilterDepth  = 6
	MaxFilterNodes  = 128
	MaxFilterValues = 1000
)

// op is what a condition compares with.
type op uint8

const (
	opIn op = iota // = and in: one of the values
	opLess
	opLessEqual
	opMore
	opMoreEqual
	opContains
	opExists
)

// ops are the operators of a condition; the second column turns one round.
var ops = map[string]struct {
	op     op
	negate bool
	list   bool
}{
	"=": {op: opIn}, "!=": {op: opIn, negate: true},
	"in": {op: opIn, list: true}, "not_in": {op: opIn, negate: true, list: true},
	"<": {op: opLess}, "<=": {op: opLessEqual}, ">": {op: opMore}, ">=": {op: opMoreEqual},
	"contains": {op: opContains}, "exists": {op: opExists},
}

const opNames = "= != < <= > >= in not_in contains exists"

// Compiled is a checked filter. It belongs to no snapshot: Bind it to one.
// Nil is a filter that everything passes.
type Compiled struct {
	root   node
	leaves []leaf
	values int // texts and numbers of all leaves
	nodes  int
}

// nodeKind is what a node does with its children.
type nodeKind uint8

const (
	nodeAll nodeKind = iota
	nodeAny
	nodeLeaf
)

// node is one place of a filter. There is no node for "not": it is pushed down
// to the leaves, so that what is left can be enumerated where possible.
type node struct {
	kind     nodeKind
	leaf     int
	children []node
}

// leaf is one condition.
type leaf struct {
	attribute string
	op        op
	negate    bool
	texts     []string
	numbers   []float64
}

// Compile checks a filter of the form {"all":[…],"any":[…],"not":{…}} or
// {"attribute","op","value"}. Errors are *fault.Error of kind Invalid with a
// pointer below "/filter".
func Compile(raw []byte) (*Compiled, error) { return CompileAt(raw, "/filter") }

// CompileAt is Compile for a filter found at another place of a document.
func CompileAt(raw []byte, pointer string) (*Compiled, error) {
	if depth := nesting(raw); depth > 3*MaxFilterDepth {
		return nil, filterFault(pointer, fmt.Sprintf("must be nested at most %d deep", MaxFilterDepth))
	}
	c := &Compiled{}
	root, err := c.parse(raw, pointer, 0, false)
	if err != nil {
		return nil, err
	}
	c.root = root
	return c, nil
}

// nesting is how deep brackets open, read in one pass outside of strings.
func nesting(raw []byte) int {
	depth, deepest, inText := 0, 0, false
	for n := 0; n < len(raw); n++ {
		switch c := raw[n]; {
		case inText && c == '\\':
			n++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

func filterFault(pointer, detail string) *fault.Error {
	return fault.Invalidf("invalid_filter", "the filter cannot be used: %s %s", pointer, detail).At(pointer, detail)
}

// parse reads a group or a condition; turned is whether an odd number of nots
// lies around it.
func (c *Compiled) parse(raw jsontext.Value, pointer string, depth int, turned bool) (node, error) {
	if c.nodes++; c.nodes > MaxFilterNodes {
		return node{}, filterFault(pointer, fmt.Sprintf("must have at most %d conditions and groups in all", MaxFilterNodes))
	}
	if depth > MaxFilterDepth {
		return node{}, filterFault(pointer, fmt.Sprintf("must be nested at most %d deep", MaxFilterDepth))
	}
	var object map[string]jsontext.Value
	if err := json.Unmarshal(raw, &object); err != nil || object == nil {
		return node{}, filterFault(pointer, "must be a JSON object without repeated names")
	}
	if _, isLeaf := object["attribute"]; isLeaf || object["op"] != nil {
		return c.condition(object, pointer, turned)
	}
	return c.group(object, pointer, depth, turned)
}

// group reads all, any and not; several of them in one object all hold.
func (c *Compiled) group(object map[string]jsontext.Value, pointer string, depth int, turned bool) (node, error) {
	var parts []node
	for _, name := range sortedNames(object) {
		at := pointer + "/" + escapePointer(name)
		switch name {
		case "all", "any":
			part, err := c.list(object[name], at, depth, name == "any", turned)
			if err != nil {
				return node{}, err
			}
			parts = append(parts, part)
		case "not":
			part, err := c.parse(object[name], at, depth+1, !turned)
			if err != nil {
				return node{}, err
			}
			parts = append(parts, part)
		default:
			return node{}, filterFault(at, `is not known here: a filter has "all", "any", "not" or "attribute", "op", "value"`)
		}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return join(parts, turned), nil
}

// join is "all" of the parts, "any" under a not (De Morgan).
func join(parts []node, turned bool) node {
	kind := nodeAll
	if turned {
		kind = nodeAny
	}
	return node{kind: kind, children: parts}
}

func (c *Compiled) list(raw jsontext.Value, pointer string, depth int, isAny, turned bool) (node, error) {
	var list []jsontext.Value
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		return node{}, filterFault(pointer, "must be a list of conditions")
	}
	if isAny && len(list) == 0 {
		return node{}, filterFault(pointer, "must have at least one condition")
	}
	parts := make([]node, 0, min(len(list), MaxFilterNodes))
	for n, item := range list {
		part, err := c.parse(item, pointer+"/"+strconv.Itoa(n), depth+1, turned)
		if err != nil {
			return node{}, err
		}
		parts = append(parts, part)
	}
	return join(parts, isAny != turned), nil
}

// condition reads {"attribute","op","value"}.
func (c *Compiled) condition(object map[string]jsontext.Value, pointer string, turned bool) (node, error) {
	for _, name := range sortedNames(object) {
		if name != "attribute" && name != "op" && name != "value" {
			return node{}, filterFault(pointer+"/"+escapePointer(name), `is not known here: a condition has "attribute", "op" and "value"`)
		}
	}
	var l leaf
	if err := json.Unmarshal(orNull(object["attribute"]), &l.attribute); err != nil || l.attribute == "" || len(l.attribute) > MaxAttribute {
		return node{}, filterFault(pointer+"/attribute", "must name an attribute")
	}
	var name string
	if err := json.Unmarshal(orNull(object["op"]), &name); err != nil {
		return node{}, filterFault(pointer+"/op", "must be one of "+opNames)
	}
	known, ok := ops[name]
	if !ok {
		return node{}, filterFault(pointer+"/op", "must be one of "+opNames)
	}
	l.op, l.negate = known.op, known.negate != turned
	if detail := l.setValue(object["value"], known.list); detail != "" {
		return node{}, filterFault(pointer+"/value", detail)
	}
	if c.values += len(l.texts) + len(l.numbers); c.values > MaxFilterValues {
		return node{}, filterFault(pointer+"/value", fmt.Sprintf("a filter has at most %d values in all", MaxFilterValues))
	}
	c.leaves = append(c.leaves, l)
	return node{kind: nodeLeaf, leaf: len(c.leaves) - 1}, nil
}

func orNull(v jsontext.Value) jsontext.Value {
	if v == nil {
		return jsontext.Value("null")
	}
	return v
}

// setValue reads the value that the operator and the attribute need; it
// answers what is wrong with it.
func (l *leaf) setValue(raw jsontext.Value, list bool) string {
	if l.op == opExists {
		return l.setExists(raw)
	}
	values := []jsontext.Value{orNull(raw)}
	if list {
		values = nil
		if err := json.Unmarshal(orNull(raw), &values); err != nil || values == nil {
			return "must be a list of strings or numbers"
		}
		if len(values) > MaxFilterValues {
			return fmt.Sprintf("must be at most %d values", MaxFilterValues)
		}
	}
	for _, v := range values {
		if detail := l.addValue(v); detail != "" {
			return detail
		}
	}
	return ""
}

func (l *leaf) setExists(raw jsontext.Value) string {
	if raw == nil {
		return ""
	}
	var wanted bool
	if err := json.Unmarshal(raw, &wanted); err != nil || raw.Kind() == 'n' {
		return "must be true, false or left out"
	}
	l.negate = l.negate != !wanted
	return ""
}

func (l *leaf) addValue(raw jsontext.Value) string {
	v, ok := parseValue([]byte(raw))
	if !ok || len(v.texts) > 1 || !v.isNumber && raw.Kind() == '[' {
		return "must be a string, a number or a boolean"
	}
	if !v.isNumber && len(v.texts[0]) > MaxValue {
		return fmt.Sprintf("must be at most %d bytes", MaxValue)
	}
	if l.attribute == "published_at" && !v.isNumber {
		ms, ok := publishedAt(v.texts[0])
		if !ok {
			return "must be an RFC 3339 time, a date or epoch milliseconds"
		}
		v = value{number: ms, isNumber: true}
	}
	if detail := l.fits(v, raw); detail != "" {
		return detail
	}
	if v.isNumber {
		l.numbers = append(l.numbers, v.number)
		return ""
	}
	text := v.texts[0]
	if l.attribute == "categories" || l.attribute == "category" {
		text = CategoryPath(text)
	}
	if l.attribute == "name" && l.op == opContains {
		text = strings.ToLower(text)
	}
	l.texts = append(l.texts, text)
	return ""
}

// fits checks a value against what its operator and attribute compare.
func (l *leaf) fits(v value, raw jsontext.Value) string {
	switch l.op {
	case opLess, opLessEqual, opMore, opMoreEqual:
		if !v.isNumber {
			return "must be a number for < <= > >="
		}
	case opContains:
		if v.isNumber || raw.Kind() != '"' {
			return "must be a string for contains"
		}
	}
	switch l.attribute {
	case "price", "published_at":
		if !v.isNumber || math.IsInf(v.number, 0) {
			return "must be a number for " + l.attribute
		}
	case "available":
		if raw.Kind() != 't' && raw.Kind() != 'f' || l.op != opIn {
			return "must be true or false with = or !="
		}
	case "item_id", "group_id", "name", "categories":
		if v.isNumber || raw.Kind() != '"' {
			return "must be a string for " + l.attribute
		}
	}
	return ""
}
