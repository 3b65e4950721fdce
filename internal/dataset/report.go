package dataset

import (
	"slices"

	"github.com/nextbest/nextbest/internal/fault"
)

// Limits of a report: it must stay readable and small.
const (
	maxErrors  = 100
	maxUnknown = 100
)

// Report is what became of a file's rows: rows = good + bad, always.
type Report struct {
	Rows      int64      `json:"rows"`
	Good      int64      `json:"good"`
	Bad       int64      `json:"bad"`
	Errors    []RowError `json:"errors"`              // the first 100 bad rows
	Unknown   []string   `json:"unknown,omitempty"`   // columns nothing was read from
	Dimension int        `json:"dimension,omitempty"` // of the vectors; 0 when there are none
}

// RowError says why a row is bad.
type RowError struct {
	File    string `json:"file"`
	Row     int64  `json:"row"`     // from 1, a header does not count; of NDJSON the line, empty ones count
	Pointer string `json:"pointer"` // the column, as a JSON pointer; "" for the whole row
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// Merge adds the report of another file of the same dataset.
func (r *Report) Merge(o *Report) {
	r.Rows += o.Rows
	r.Good += o.Good
	r.Bad += o.Bad
	room := min(maxErrors-len(r.Errors), len(o.Errors))
	r.Errors = append(r.Errors, o.Errors[:max(0, room)]...)
	for _, name := range o.Unknown {
		r.unknown(name)
	}
	if r.Dimension == 0 {
		r.Dimension = o.Dimension
	}
}

func (r *Report) unknown(name string) {
	if len(r.Unknown) < maxUnknown && !slices.Contains(r.Unknown, name) {
		r.Unknown = append(r.Unknown, name)
	}
}

func (r *Report) bad(file string, row int64, p *problem) {
	r.Bad++
	if len(r.Errors) < maxErrors {
		r.Errors = append(r.Errors, RowError{File: file, Row: row, Pointer: p.pointer, Code: p.code, Detail: p.detail})
	}
}

// problem is what makes one row bad.
type problem struct{ pointer, code, detail string }

func (p *problem) Error() string { return p.code + ": " + p.detail }

// at is a problem with a column.
func at(name, code, detail string) *problem {
	return &problem{pointer: "/" + name, code: code, detail: detail}
}

// missing is the problem of a row without a value that it must have.
func missing(name, detail string) *problem { return at(name, name+"_missing", detail) }

// ofFault is a column's problem as another package's fault says it.
func ofFault(name, code string, err error) *problem {
	if f := fault.Of(err); f != nil {
		return at(name, code, f.Detail)
	}
	return at(name, code, err.Error())
}
