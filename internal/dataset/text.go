package dataset

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/internal/fault"
)

// table reads rows of csv and tsv.
type table struct {
	body io.ReadCloser
	lim  *rowLimit
	csv  *csv.Reader
	head []string
}

func newTable(body io.ReadCloser, comma rune) (*table, error) {
	t := &table{body: body, lim: &rowLimit{r: body}}
	t.csv = csv.NewReader(t.lim)
	t.csv.Comma = comma
	t.csv.ReuseRecord = true
	t.csv.LazyQuotes = comma == '\t' // most programs that write tabs do not quote
	t.lim.left = maxLine
	head, err := t.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, fault.Invalidf("header", "the file is empty: its first line must be a header")
	}
	if err != nil {
		return nil, err
	}
	t.head = slices.Clone(head)
	t.head[0] = string(bytes.TrimPrefix([]byte(t.head[0]), []byte("\xef\xbb\xbf")))
	return t, nil
}

func (t *table) columns() (names, unread []string) { return t.head, nil }
func (t *table) line() int64                       { return 0 }
func (t *table) close()                            { t.body.Close() }

func (t *table) next(r *row) error {
	t.lim.left = maxLine
	record, err := t.csv.Read()
	var bad *csv.ParseError
	if errors.As(err, &bad) && fault.Of(err) == nil {
		return &problem{code: "csv", detail: "line " + strconv.Itoa(bad.StartLine) + ": " + bad.Err.Error()}
	}
	if err != nil {
		return err
	}
	for n, field := range record {
		if field != "" {
			r.add(t.head[n], value{kind: text, text: field})
		}
	}
	return nil
}

// rowLimit bounds what the csv reader may read for one row: an open quote
// must not pull in the rest of the file.
type rowLimit struct {
	r    io.Reader
	left int
}

func (l *rowLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fault.Invalidf("row_too_long", "the row is longer than %d bytes; is a quote left open?", maxLine)
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}

// objects reads one JSON object per line.
type objects struct {
	body  io.ReadCloser
	lines *lineReader
}

func (o *objects) columns() (names, unread []string) { return nil, nil }
func (o *objects) line() int64                       { return o.lines.n }
func (o *objects) close()                            { o.body.Close() }

func (o *objects) next(r *row) error {
	for {
		line, err := o.lines.next()
		if err != nil {
			return err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return decodeObject(line, r)
		}
	}
}

// decodeObject reads the members of a JSON object; an error is a *problem.
func decodeObject(line []byte, r *row) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(line))
	refuse := func(err error) error {
		return &problem{pointer: string(dec.StackPointer()), code: "invalid_json", detail: jsonDetail(err)}
	}
	if open, err := dec.ReadToken(); err != nil {
		return refuse(err)
	} else if open.Kind() != '{' {
		return &problem{code: "invalid_json", detail: "the line is not a JSON object"}
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return refuse(err)
		}
		key := name.String()
		raw, err := dec.ReadValue()
		if err != nil {
			return refuse(err)
		}
		if v := ofJSON(raw); v.kind != empty {
			r.add(key, v)
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return refuse(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return &problem{code: "invalid_json", detail: "there is more than one JSON value on the line"}
	}
	return nil
}

func jsonDetail(err error) string {
	var bad *jsontext.SyntacticError
	if errors.As(err, &bad) && bad.Err != nil {
		return bad.Err.Error()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the JSON ends too early"
	}
	return err.Error()
}

// ofJSON is a JSON value as a cell; null is an empty one.
func ofJSON(raw jsontext.Value) value {
	switch raw.Kind() {
	case '"':
		s, _ := jsontext.AppendUnquote(nil, raw) // the decoder let only valid text through
		if len(s) == 0 {
			return value{}
		}
		return value{kind: text, text: string(s)}
	case '0':
		x, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return value{kind: text, text: string(raw)} // beyond float64: no number for us
		}
		return value{kind: number, number: x, text: string(raw)}
	case 't':
		return value{kind: truth, whole: 1}
	case 'f':
		return value{kind: truth}
	case '[', '{':
		return value{kind: object, raw: raw.Clone()}
	}
	return value{}
}
