package dataset

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nextbest/nextbest/internal/fault"
)

// SessionOptions are how a session file is read; the zero value works.
type SessionOptions struct {
	SpanDays float64                 // days over which the lines of a _sessions.txt spread; 30 when 0
	Progress func(read, total int64) // bytes of the file; may be nil
}

const (
	defaultSpanDays = 30
	secondsPerDay   = 86400
	maxID           = 128
)

// Sessions is a session file in memory: four bytes per click and each item's
// id once.
type Sessions struct {
	ids     []string
	index   map[string]uint32
	items   []uint32
	offsets []int
	days    []float64
}

// Len is the number of sessions.
func (s *Sessions) Len() int { return len(s.days) }

// Clicks is the number of items in all sessions.
func (s *Sessions) Clicks() int { return len(s.items) }

// Items is the number of distinct items.
func (s *Sessions) Items() int { return len(s.ids) }

// ID is the id of item i; items are numbered in the order they came.
func (s *Sessions) ID(i uint32) string { return s.ids[i] }

// Session is the n-th session's items in time order (read only).
func (s *Sessions) Session(n int) []uint32 { return s.items[s.offsets[n]:s.offsets[n+1]] }

// EndDays is when the n-th session ended, in days since the epoch (of a
// _sessions.txt: since the file's begin).
func (s *Sessions) EndDays(n int) float64 { return s.days[n] }

// All are the sessions as item ids with their end; the slice is reused.
func (s *Sessions) All() iter.Seq2[[]string, float64] {
	return func(yield func([]string, float64) bool) {
		var items []string
		for n := range s.days {
			items = items[:0]
			for _, i := range s.Session(n) {
				items = append(items, s.ids[i])
			}
			if !yield(items, s.days[n]) {
				return
			}
		}
	}
}

// ReadSessions reads a session file: one session of space-separated item ids
// per line when the name ends in _sessions.txt, else tab-separated rows under
// a header with SessionId, ItemId and Time (epoch seconds); .gz and .zst are
// unpacked. Sessions come in the order of their first row. The error is a
// fault that names the file and the row.
func ReadSessions(ctx context.Context, path string, opts SessionOptions) (*Sessions, error) {
	f, size, err := openSized(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	base, compression := cutCompression(strings.ToLower(filepath.Base(path)))
	src := Source{Name: path, Compression: compression, Size: size, Body: f}
	text, err := src.plain(ctx, opts.Progress)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	s := &Sessions{index: map[string]uint32{}, offsets: []int{0}}
	lines := newLineReader(text)
	if strings.HasSuffix(base, "_sessions.txt") {
		err = s.readLines(lines, cmp.Or(opts.SpanDays, defaultSpanDays))
	} else {
		err = s.readTable(lines)
	}
	if err == nil && s.Len() == 0 {
		err = fault.Invalidf("no_sessions", "the file holds no session")
	}
	if err != nil {
		return nil, src.broken("line "+strconv.FormatInt(max(1, lines.n), 10), err)
	}
	s.index = nil // only reading needs it
	return s, nil
}

// readLines reads one session per line.
func (s *Sessions) readLines(lines *lineReader, spanDays float64) error {
	if !(spanDays > 0) || math.IsInf(spanDays, 0) {
		return fault.Invalidf("span_days", "the span must be more than 0 days")
	}
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for id := range bytes.FieldsSeq(line) {
			if err := s.add(id); err != nil {
				return err
			}
		}
		if len(s.items) > s.offsets[len(s.offsets)-1] {
			s.offsets = append(s.offsets, len(s.items))
			s.days = append(s.days, 0)
		}
	}
	for n := range s.days {
		s.days[n] = spanDays * float64(n) / float64(max(1, len(s.days)-1))
	}
	return nil
}

func (s *Sessions) add(id []byte) error {
	i, ok := s.index[string(id)]
	if !ok {
		if len(id) == 0 || len(id) > maxID || !utf8.Valid(id) {
			return fault.Invalidf("item_id", "an item id must be 1 to %d bytes of UTF-8", maxID)
		}
		i = uint32(len(s.ids))
		s.index[string(id)] = i
		s.ids = append(s.ids, string(id))
	}
	s.items = append(s.items, i)
	return nil
}

// click is one row of a table, until the rows are sorted into sessions.
type click struct {
	session, item uint32
	time          float64
}

// readTable reads rows of SessionId, ItemId and Time.
func (s *Sessions) readTable(lines *lineReader) error {
	columns, err := tableHeader(lines)
	if err != nil {
		return err
	}
	var clicks []click
	sessions := map[string]uint32{}
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			s.group(clicks, len(sessions))
			return nil
		}
		if err != nil {
			return err
		}
		if len(line) == 0 {
			continue
		}
		c, err := s.parse(line, columns, sessions)
		if err != nil {
			return err
		}
		clicks = append(clicks, c)
	}
}

// tableColumns are the places of the three columns; the largest is needed.
type tableColumns struct{ session, item, time, need int }

func tableHeader(lines *lineReader) (tableColumns, error) {
	c := tableColumns{session: -1, item: -1, time: -1}
	line, err := lines.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return c, err
	}
	for n, name := range strings.Split(string(line), "\t") {
		switch plainName(name) {
		case "sessionid":
			c.session = n
		case "itemid":
			c.item = n
		case "time":
			c.time = n
		}
	}
	if c.session < 0 || c.item < 0 || c.time < 0 {
		return c, fault.Invalidf("header", "the first line must be a header with the tab-separated columns SessionId, ItemId and Time"+
			" (a file with one session per line must be named …_sessions.txt)")
	}
	c.need = max(c.session, c.item, c.time)
	return c, nil
}

func (s *Sessions) parse(line []byte, columns tableColumns, sessions map[string]uint32) (click, error) {
	var session, item, at []byte
	rest, more := line, true
	for n := 0; n <= columns.need; n++ {
		if !more {
			return click{}, fault.Invalidf("columns", "the row has only %d columns", n)
		}
		var field []byte
		field, rest, more = bytes.Cut(rest, []byte("\t"))
		switch n {
		case columns.session:
			session = field
		case columns.item:
			item = field
		case columns.time:
			at = field
		}
	}
	seconds, err := strconv.ParseFloat(string(at), 64)
	if err != nil || math.IsNaN(seconds) || math.IsInf(seconds, 0) {
		return click{}, fault.Invalidf("time", "Time must be epoch seconds, not %.40q", at)
	}
	if len(session) == 0 {
		return click{}, fault.Invalidf("session_id", "SessionId is empty")
	}
	n, ok := sessions[string(session)]
	if !ok {
		n = uint32(len(sessions))
		sessions[string(session)] = n
	}
	if err := s.add(item); err != nil {
		return click{}, err
	}
	return click{session: n, item: s.items[len(s.items)-1], time: seconds}, nil
}

// group sorts the rows into sessions, each by time, equal times as they came.
func (s *Sessions) group(clicks []click, sessions int) {
	slices.SortStableFunc(clicks, func(x, y click) int {
		return cmp.Or(cmp.Compare(x.session, y.session), cmp.Compare(x.time, y.time))
	})
	s.items = s.items[:0]
	s.days = make([]float64, sessions)
	for n, c := range clicks {
		s.items = append(s.items, c.item)
		if n == len(clicks)-1 || clicks[n+1].session != c.session {
			s.offsets = append(s.offsets, n+1)
			s.days[c.session] = c.time / secondsPerDay
		}
	}
}

// plainName is a column's name without case, spaces and separators:
// SessionId, session_id and "Session ID" are one.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '_', '-', ' ', '.', '\ufeff':
			return -1
		}
		return r
	}, strings.ToLower(strings.TrimSpace(name)))
}
