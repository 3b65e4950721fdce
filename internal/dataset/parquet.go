package dataset

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/nextbest/nextbest/internal/fault"
)

// rowsAtOnce is how many rows are decoded at a time: enough to make a page
// cheap, few enough that wide vectors stay small.
const rowsAtOnce = 128

// columnar reads rows of a parquet file, one row group after the other.
type columnar struct {
	ctx    context.Context
	file   *parquet.File
	leaves []leaf
	names  []string // of the columns, by leaf.column
	unread []string // of the leaves that are nested too deep
	temp   *os.File // an unpacked copy; nil when the file is read in place

	groups []parquet.RowGroup // still to read
	rows   parquet.Rows       // of the running group; nil between groups
	buf    []parquet.Row
	ready  []parquet.Row // decoded, not handed out
	cells  []value
	read   int64
	report func(read, total int64)
	size   int64
}

// openParquet opens a source in place when it can be read at any position,
// else unpacks it into a temporary file first.
func openParquet(ctx context.Context, s Source, progress func(read, total int64)) (rowReader, error) {
	c := &columnar{ctx: ctx, report: progress, size: s.Size}
	at, ok := s.Body.(io.ReaderAt)
	if s.Compression != Plain || !ok || s.Size <= 0 {
		temp, size, err := s.spool(ctx)
		if err != nil {
			return nil, err
		}
		c.temp, at, c.size = temp, temp, size
	}
	if err := c.open(at); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// spool unpacks the source into a temporary file.
func (s Source) spool(ctx context.Context) (*os.File, int64, error) {
	body, err := s.plain(ctx, nil)
	if err != nil {
		return nil, 0, err
	}
	defer body.Close()
	temp, err := os.CreateTemp("", "nextbest-*.parquet")
	if err != nil {
		return nil, 0, fmt.Errorf("making room for an unpacked file: %w", err)
	}
	out := bufio.NewWriterSize(temp, readerBuffer)
	size, err := io.Copy(out, body)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		removeTemp(temp)
		return nil, 0, err
	}
	return temp, size, nil
}

func removeTemp(f *os.File) {
	f.Close()
	os.Remove(f.Name())
}

func (c *columnar) open(at io.ReaderAt) (err error) {
	defer noPanic(&err)
	c.file, err = parquet.OpenFile(at, c.size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fault.Invalidf("file_broken", "not a usable parquet file: %v", err).Because(err)
	}
	c.groups = c.file.RowGroups()
	c.leaves, c.names, c.unread = planLeaves(c.file.Schema())
	c.cells = make([]value, len(c.names))
	c.buf = make([]parquet.Row, rowsAtOnce)
	return nil
}

// noPanic turns a panic of the parquet library into an error: it trusts
// lengths that a damaged file gets wrong.
func noPanic(err *error) {
	if p := recover(); p != nil {
		*err = fault.Invalidf("file_broken", "the parquet file is damaged: %v", p)
	}
}

func (c *columnar) columns() (names, unread []string) { return c.names, c.unread }

func (c *columnar) line() int64 { return 0 }

func (c *columnar) close() {
	if c.rows != nil {
		c.rows.Close()
	}
	if c.temp != nil {
		removeTemp(c.temp)
	}
}

func (c *columnar) next(r *row) (err error) {
	defer noPanic(&err)
	for len(c.ready) == 0 {
		if err := c.fill(); err != nil {
			return err
		}
	}
	for n := range c.cells {
		c.cells[n] = value{}
	}
	var p *problem
	for _, v := range c.ready[0] {
		n := v.Column()
		if n < 0 || n >= len(c.leaves) {
			return fault.Invalidf("file_broken", "the parquet file is damaged: a value belongs to no column")
		}
		if l := &c.leaves[n]; l.shape != nested && !l.take(&c.cells[l.column], v) && p == nil {
			p = at(c.names[l.column], "null", "the list holds a null")
		}
	}
	c.ready = c.ready[1:]
	c.read++
	if p != nil {
		return p
	}
	for n, v := range c.cells {
		if v.kind != empty {
			r.add(c.names[n], v)
		}
	}
	return nil
}

// fill decodes the next rows.
func (c *columnar) fill() error {
	if c.rows == nil {
		if len(c.groups) == 0 {
			return io.EOF
		}
		c.rows, c.groups = c.groups[0].Rows(), c.groups[1:]
	}
	n, err := c.rows.ReadRows(c.buf)
	c.ready = c.buf[:n]
	if c.report != nil {
		c.report(c.progress(), c.size)
	}
	if err == nil && n > 0 {
		return nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	closing := c.rows
	c.rows = nil
	return closing.Close()
}

// progress is the share of the rows read, in bytes of the file.
func (c *columnar) progress() int64 {
	return int64(float64(c.size) * min(1, float64(c.read)/max(1, float64(c.file.NumRows()))))
}

// shape is how a leaf of the schema becomes a cell.
type shape uint8

const (
	nested shape = iota // not read; reported by its name
	scalar
	list
	mapKey
	mapValue
)

// leaf is one column of values of the file.
type leaf struct {
	column   int
	shape    shape
	kind     parquet.Kind
	optional bool // a list's element may be null
	depth    int  // definition level of a value that is there
	millis   float64
	scale    float64
}

// planLeaves says for each leaf which column of the row it belongs to.
func planLeaves(s *parquet.Schema) (leaves []leaf, names, unread []string) {
	column := map[string]int{}
	members := map[string]int{}
	for _, path := range s.Columns() {
		members[path[0]]++
	}
	for _, path := range s.Columns() {
		name := path[0]
		l := leaf{shape: nested}
		if at, ok := s.Lookup(path...); ok {
			l = planLeaf(at, path, members[name])
		}
		if l.shape == nested {
			unread = append(unread, strings.Join(path, "/"))
		} else if _, ok := column[name]; !ok {
			column[name] = len(names)
			names = append(names, name)
		}
		l.column = column[name]
		leaves = append(leaves, l)
	}
	return leaves, names, unread
}

// planLeaf plans one leaf by its full path (the library's own is cut to the
// last name).
func planLeaf(at parquet.LeafColumn, path []string, members int) leaf {
	l := leaf{kind: at.Node.Type().Kind(), optional: at.Node.Optional(), depth: at.MaxDefinitionLevel, scale: 1}
	last := path[len(path)-1]
	switch {
	case at.MaxRepetitionLevel == 0 && len(path) == 1:
		l.shape = scalar
	case at.MaxRepetitionLevel == 1 && members == 1:
		l.shape = list
	case at.MaxRepetitionLevel == 1 && members == 2 && len(path) == 3 && last == "key":
		l.shape = mapKey
	case at.MaxRepetitionLevel == 1 && members == 2 && len(path) == 3 && last == "value":
		l.shape = mapValue
	}
	if logical := at.Node.Type().LogicalType(); logical != nil {
		l.millis, l.scale = logicalScale(logical.Value)
	}
	return l
}

// take adds a value to its cell; false for a null within a list.
func (l *leaf) take(cell *value, v parquet.Value) bool {
	if v.IsNull() {
		// A list that is null or empty ends above its elements.
		return l.shape == scalar || !l.optional || v.DefinitionLevel() < l.depth-1
	}
	one := l.value(v)
	switch l.shape {
	case scalar:
		*cell = one
	case list:
		if x, ok := one.float(); ok || one.kind == number {
			if !ok {
				x = math.NaN() // refused where it is a vector
			}
			cell.kind, cell.floats = floats, append(cell.floats, float32(x))
			return one.kind != integer || appendText(cell, one) // whole numbers may be ids
		}
		cell.kind = texts
		return appendText(cell, one)
	case mapKey:
		cell.kind = pairs
		return appendText(cell, one)
	case mapValue:
		x, _ := one.float() // no number: 0, which no weight may be
		cell.kind, cell.floats = pairs, append(cell.floats, float32(x))
	}
	return true
}

func appendText(cell *value, v value) bool {
	s, ok := v.str()
	cell.texts = append(cell.texts, s)
	return ok
}

// value is a leaf's value as a cell.
func (l *leaf) value(v parquet.Value) value {
	switch l.kind {
	case parquet.Boolean:
		if v.Boolean() {
			return value{kind: truth, whole: 1}
		}
		return value{kind: truth}
	case parquet.Int32:
		return l.integer(int64(v.Int32()))
	case parquet.Int64:
		return l.integer(v.Int64())
	case parquet.Float:
		return value{kind: number, number: float64(v.Float())}
	case parquet.Double:
		return value{kind: number, number: v.Double()}
	case parquet.ByteArray, parquet.FixedLenByteArray:
		if len(v.ByteArray()) == 0 {
			return value{}
		}
		return value{kind: text, text: string(v.ByteArray())}
	}
	return value{kind: text, text: v.String()}
}

// integer applies the column's logical type: a time, a decimal or a number.
func (l *leaf) integer(x int64) value {
	switch {
	case l.millis > 0:
		return value{kind: moment, whole: int64(float64(x) * l.millis)}
	case l.scale != 1:
		return value{kind: number, number: float64(x) * l.scale}
	}
	return value{kind: integer, whole: x}
}
