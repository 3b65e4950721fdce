package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/nextbest/nextbest/internal/fault"
)

// Options are how rows are read; the zero value works.
type Options struct {
	Dimension int                     // vectors of another are bad rows; 0: the first good vector decides
	Progress  func(read, total int64) // bytes of the file; total 0 when unknown; may be nil
}

// rowReader hands out a source's rows. next returns io.EOF at the end, a
// *problem for a row that cannot be read although the next one can, and any
// other error when the source is broken.
type rowReader interface {
	// columns are the names of a file with a header, nil where rows bring
	// theirs, and those of columns that cannot be read.
	columns() (names, unread []string)
	next(r *row) error
	// line is the number of the line that next read last, for formats that
	// people look into by lines; 0 where rows are counted.
	line() int64
	close()
}

// column says what a column means.
type column uint8

const (
	colUnknown column = iota
	colIgnored        // known, and nothing to read from
	colID
	colGroup
	colName
	colURL
	colImage
	colPrice
	colCurrency
	colAvailable
	colCategories
	colTags
	colAttributes
	colPublished
	colVector
	colSpace
	colAffinities
	colSegments
	colList
	colTime
	colVisitor
	colUser
	colSession
	colEvent
	colKind
	colQuantity
	colItems
	colQuery
	colSlot
	colRecommendation
)

// schema is what the columns of one kind of rows mean.
type schema struct {
	means  func(plain string) column
	id     func(c column) bool // columns of which a file with a header must have one
	wants  string              // … in words
	extras bool                // unknown columns become attributes
}

// resolver looks columns up by name and remembers.
type resolver struct {
	schema schema
	known  map[string]column
	report *Report
}

// maxNames bounds what the resolver remembers of rows that bring their names.
const maxNames = 10_000

func (r *resolver) column(name string) column {
	c, ok := r.known[name]
	if ok {
		return c
	}
	c = r.schema.means(plainName(name))
	if c == colUnknown && !r.schema.extras {
		r.report.unknown(name)
	}
	if len(r.known) < maxNames {
		r.known[name] = c
	}
	return c
}

// header checks a file's header before any row is read.
func (r *resolver) header(names, unread []string) error {
	for _, name := range unread {
		r.report.unknown(name)
	}
	if names == nil {
		return nil
	}
	seen, found := map[string]bool{}, false
	for _, name := range names {
		plain := plainName(name)
		if seen[plain] {
			return fault.Invalidf("header", "the column %q is there twice", name)
		}
		seen[plain] = true
		found = r.schema.id(r.column(name)) || found
	}
	if !found {
		return fault.Invalidf("header", "there is no column %s; the columns are: %s%s", r.schema.wants, strings.Join(names, ", "), delimiterHint(names))
	}
	return nil
}

// delimiterHint says what is probably wrong with a header of one column that
// holds another format's delimiter.
func delimiterHint(names []string) string {
	if len(names) != 1 {
		return ""
	}
	for _, d := range []struct{ delimiter, hint string }{
		{"\t", "is it separated by tabs? Then name the file .tsv"},
		{";", "is it separated by semicolons? A .csv is separated by commas"},
		{",", "is it separated by commas? Then name the file .csv"},
	} {
		if strings.Contains(names[0], d.delimiter) {
			return "; " + d.hint
		}
	}
	return ""
}

// read drives a source through decode and hands the good rows to fn.
func read[T any](ctx context.Context, src Source, opts Options, s schema,
	decode func(*resolver, *row) (T, *problem), fn func(T) error) (report *Report, err error) {
	report = &Report{Errors: []RowError{}, Dimension: opts.Dimension}
	reader, err := src.rows(ctx, opts.Progress)
	if err != nil {
		return report, src.broken("the beginning", err)
	}
	defer reader.close()
	names := &resolver{schema: s, known: map[string]column{}, report: report}
	if err := names.header(reader.columns()); err != nil {
		return report, src.broken("the header", err)
	}
	for r := (row{}); ; r.reset() {
		if err := ctx.Err(); err != nil {
			return report, err
		}
		err := reader.next(&r)
		if errors.Is(err, io.EOF) {
			return report, nil
		}
		var p *problem
		if err != nil && !errors.As(err, &p) {
			return report, src.broken(placeOf(reader, report.Rows+1), err)
		}
		report.Rows++
		var out T
		if p == nil {
			out, p = decode(names, &r)
		}
		if p != nil {
			report.bad(src.Name, max(report.Rows, reader.line()), p)
			continue
		}
		if err := fn(out); err != nil {
			place := placeOf(reader, report.Rows)
			report.Rows--
			return report, fmt.Errorf("%s: %s: %w", src.Name, place, err)
		}
		report.Good++
	}
}

// placeOf names a row the way people find it: by its line, or as the n-th row.
func placeOf(reader rowReader, n int64) string {
	if line := reader.line(); line > 0 {
		return "line " + strconv.FormatInt(line, 10)
	}
	return "row " + strconv.FormatInt(n, 10)
}

// rows opens the reader of the source's format.
func (s Source) rows(ctx context.Context, progress func(read, total int64)) (rowReader, error) {
	if s.Format == Parquet {
		return openParquet(ctx, s, progress)
	}
	body, err := s.plain(ctx, progress)
	if err != nil {
		return nil, err
	}
	var reader rowReader
	switch s.Format {
	case CSV:
		reader, err = newTable(body, ',')
	case TSV:
		reader, err = newTable(body, '\t')
	case NDJSON:
		reader = &objects{body: body, lines: newLineReader(body)}
	default:
		err = fault.Invalidf("file_format", "the format must be csv, tsv, ndjson or parquet")
	}
	if err != nil {
		body.Close()
		return nil, err
	}
	return reader, nil
}

// readPath is read of a file.
func readPath(path string, fn func(Source) (*Report, error)) (*Report, error) {
	f, src, err := openFile(path)
	if err != nil {
		return &Report{Errors: []RowError{}}, err
	}
	defer f.Close()
	return fn(src)
}
