// Package replay gives the load test its visitors: sessions of a file, or
// generated ones, walked click by click, and the requests of each click.
package replay

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Sessions are what visitors clicked, in order. Read-only once made.
type Sessions struct {
	Items []string   // every item that occurs
	list  [][]uint32 // places in Items
}

// Len is the number of sessions.
func (s *Sessions) Len() int { return len(s.list) }

// Read reads a file: one session a line when its name ends in _sessions.txt,
// else tab separated SessionId ItemId Time with a header.
func Read(path string) (*Sessions, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	defer func() { _ = f.Close() }()
	parse := parseTSV
	if strings.HasSuffix(path, "_sessions.txt") {
		parse = parseLines
	}
	s, err := parse(f)
	if err != nil {
		return nil, fmt.Errorf("read sessions of %s: %w", path, err)
	}
	if len(s.list) == 0 {
		return nil, fmt.Errorf("%s holds no session", path)
	}
	return s, nil
}

// builder numbers items while sessions are read.
type builder struct {
	Sessions
	index map[string]uint32
}

func (b *builder) item(id string) uint32 {
	i, ok := b.index[id]
	if !ok {
		i = uint32(len(b.Items))
		b.index[strings.Clone(id)] = i
		b.Items = append(b.Items, strings.Clone(id))
	}
	return i
}

func lines(r io.Reader, fn func(line string) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 64<<10), 4<<20)
	for sc.Scan() {
		if err := fn(sc.Text()); err != nil {
			return err
		}
	}
	return sc.Err()
}

func parseLines(r io.Reader) (*Sessions, error) {
	b := builder{index: map[string]uint32{}}
	err := lines(r, func(line string) error {
		var session []uint32
		for _, id := range strings.Fields(line) {
			session = append(session, b.item(id))
		}
		if len(session) > 0 {
			b.list = append(b.list, session)
		}
		return nil
	})
	return &b.Sessions, err
}

// click is one row of a TSV file.
type click struct {
	item uint32
	time float64
}

func parseTSV(r io.Reader) (*Sessions, error) {
	b := builder{index: map[string]uint32{}}
	var clicks [][]click
	bySession := map[string]int{}
	col := map[string]int{}
	err := lines(r, func(line string) error {
		row := strings.Split(line, "\t")
		if len(col) == 0 {
			return header(row, col)
		}
		last := max(col["SessionId"], col["ItemId"], col["Time"])
		if len(row) <= last {
			return fmt.Errorf("row %q has too few columns", line)
		}
		at, err := strconv.ParseFloat(row[col["Time"]], 64)
		if err != nil {
			return fmt.Errorf("row %q: %w", line, err)
		}
		id := row[col["SessionId"]]
		n, ok := bySession[id]
		if !ok {
			n = len(clicks)
			bySession[strings.Clone(id)] = n
			clicks = append(clicks, nil)
		}
		clicks[n] = append(clicks[n], click{b.item(row[col["ItemId"]]), at})
		return nil
	})
	for _, c := range clicks {
		slices.SortStableFunc(c, func(x, y click) int { return cmp.Compare(x.time, y.time) })
		session := make([]uint32, len(c))
		for i := range c {
			session[i] = c[i].item
		}
		b.list = append(b.list, session)
	}
	return &b.Sessions, err
}

func header(row []string, col map[string]int) error {
	for i, name := range row {
		col[name] = i
	}
	for _, name := range []string{"SessionId", "ItemId", "Time"} {
		if _, ok := col[name]; !ok {
			return errors.New("the header must name SessionId, ItemId and Time, tab separated")
		}
	}
	return nil
}

// Generate makes sessions whose items follow a power law, as clicks in shops
// do: each walks through the neighbourhood of one item, so that items of a
// session belong together.
func Generate(seed uint64, sessions, items int) *Sessions {
	r := rand.New(rand.NewPCG(seed, 1))
	popular := rand.NewZipf(r, 1.2, 8, uint64(items-1))
	near := rand.NewZipf(r, 1.5, 1, uint64(min(items-1, 50)))
	s := &Sessions{}
	for i := range items {
		s.Items = append(s.Items, "item-"+strconv.Itoa(i))
	}
	for range sessions {
		start := popular.Uint64()
		var session []uint32
		for range 2 + min(r.IntN(4)+r.IntN(8), 30) {
			session = append(session, uint32((start+near.Uint64())%uint64(items)))
		}
		s.list = append(s.list, session)
	}
	return s
}

// WriteLines writes the sessions in the form of a _sessions.txt file.
func (s *Sessions) WriteLines(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, session := range s.list {
		for i, item := range session {
			if i > 0 {
				_ = out.WriteByte(' ')
			}
			_, _ = out.WriteString(s.Items[item])
		}
		_ = out.WriteByte('\n')
	}
	return out.Flush()
}

// Step is one click of one visitor.
type Step struct {
	Visitor string
	Session string
	Item    string
	EventID string
}

// walk is a session that is being replayed.
type walk struct {
	visitor, session string
	items            []uint32
	at               int
}

// Cursor walks many sessions at once, a click of each in turn, so that the
// clicks of one visitor keep some distance. It belongs to one goroutine; no two
// cursors of different names share a visitor.
type Cursor struct {
	s      *Sessions
	r      *rand.Rand
	name   string
	active []walk
	turn   int
	made   int
	events int
}

// Cursor makes a cursor over active sessions at a time.
func (s *Sessions) Cursor(seed uint64, name string, active int) *Cursor {
	return &Cursor{s: s, r: rand.New(rand.NewPCG(seed, 2)), name: name, active: make([]walk, max(active, 1))}
}

// Next fills in the next click.
func (c *Cursor) Next(step *Step) {
	w := &c.active[c.turn]
	c.turn = (c.turn + 1) % len(c.active)
	if w.at >= len(w.items) {
		c.made++
		n := strconv.Itoa(c.made)
		w.visitor, w.session = "v-"+c.name+"-"+n, "s-"+c.name+"-"+n
		w.items, w.at = c.s.list[c.r.IntN(len(c.s.list))], 0
	}
	c.events++
	*step = Step{
		Visitor: w.visitor, Session: w.session, Item: c.s.Items[w.items[w.at]],
		EventID: "e-" + c.name + "-" + strconv.Itoa(c.events),
	}
	w.at++
}
