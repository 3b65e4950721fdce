package httpapi

import (
	"net/http"
	"strings"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session/event"
)

const (
	itemBatch    = 10_000 // each batch builds a catalog snapshot
	eventBatch   = 1_000
	profileBatch = 1_000
)

// importAnswer is the report on an import: rows = good + bad.
type importAnswer struct {
	*dataset.Report
	Version string `json:"version,omitempty"` // of profiles
}

// importRows answers POST /v1/imports/{kind}: a stream of rows, one JSON
// object a line (or csv, tsv by Content-Type), as the command line reads them.
// Bad rows are reported and left out. What was stored before a failure stays;
// sending the file again changes nothing twice.
func importRows(c *call) error {
	kind, err := c.param("kind")
	if err != nil {
		return err
	}
	run, ok := importers()[kind]
	if !ok {
		return fault.NotFoundf("unknown_import", "there is no import %s; there are: catalog, events, profiles", printable(kind))
	}
	format, err := c.rowFormat()
	if err != nil {
		return err
	}
	in, err := c.bodyStream(c.route.limit)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := run(c, dataset.Source{Name: "body", Format: format, Body: in})
	if in.Err != nil {
		return in.Err
	}
	if err != nil {
		return err
	}
	if out.Errors == nil {
		out.Errors = []dataset.RowError{}
	}
	return c.reply(http.StatusOK, out)
}

// rowFormat is the format that the Content-Type names; JSON lines unless said.
func (c *call) rowFormat() (dataset.Format, error) {
	t, _, _ := strings.Cut(strings.ToLower(string(c.rc.Request.Header.ContentType())), ";")
	switch strings.TrimSpace(t) {
	case "", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/json", "text/plain":
		return dataset.NDJSON, nil
	case "text/csv":
		return dataset.CSV, nil
	case "text/tab-separated-values":
		return dataset.TSV, nil
	}
	return 0, withStatus(fault.Invalidf("unsupported_media_type", "rows of type %s are not understood; send application/x-ndjson, text/csv or text/tab-separated-values", printable(t)),
		http.StatusUnsupportedMediaType)
}

type importer func(c *call, src dataset.Source) (importAnswer, error)

func importers() map[string]importer {
	return map[string]importer{"catalog": importCatalog, "events": importEvents, "profiles": importProfiles}
}

// batches collects rows and hands them on, many at a time.
type batches[T any] struct {
	size int
	rows []T
	send func([]T) error
}

func (b *batches[T]) add(row T) error {
	if b.rows = append(b.rows, row); len(b.rows) < b.size {
		return nil
	}
	return b.flush()
}

func (b *batches[T]) flush() error {
	if len(b.rows) == 0 {
		return nil
	}
	err := b.send(b.rows)
	b.rows = b.rows[:0]
	return err
}

func importCatalog(c *call, src dataset.Source) (importAnswer, error) {
	refused := &dataset.Report{}
	b := batches[catalog.Item]{size: itemBatch, send: func(items []catalog.Item) error {
		verdicts, err := c.site.PutItems(c.ctx, append([]catalog.Item(nil), items...))
		for i, v := range verdicts {
			if v != nil {
				refused.Bad++
				refused.Errors = append(refused.Errors, itemError(items[i].ItemID, v))
			}
		}
		return err
	}}
	report, err := dataset.ReadCatalogFrom(c.ctx, src, dataset.Options{}, b.add)
	if err == nil {
		err = b.flush()
	}
	if err != nil {
		return importAnswer{}, err
	}
	// Rows that only the catalog refused were good to the reader.
	report.Good -= refused.Bad
	report.Merge(refused)
	return importAnswer{Report: report}, nil
}

func itemError(id string, err error) dataset.RowError {
	e := dataset.RowError{File: "body", Code: "invalid_item", Detail: "item " + printable(id) + " is not valid"}
	if f := fault.Of(err); f != nil {
		e.Code, e.Detail = f.Code, "item "+printable(id)+": "+f.Detail
		if len(f.Fields) > 0 {
			e.Pointer = f.Fields[0].Pointer
		}
	}
	return e
}

// importEvents keeps events of the past with the times they carry.
func importEvents(c *call, src dataset.Source) (importAnswer, error) {
	site := c.key.Site
	received := c.received.UnixMilli()
	b := batches[event.Record]{size: eventBatch, send: func(recs []event.Record) error {
		_, err := c.site.ImportEvents(c.ctx, append([]event.Record(nil), recs...))
		return err
	}}
	report, err := dataset.ReadEventsFrom(c.ctx, src, dataset.Options{}, func(r dataset.EventRow) error {
		return b.add(r.Record(site, received))
	})
	if err == nil {
		err = b.flush()
	}
	if err != nil {
		return importAnswer{}, err
	}
	return importAnswer{Report: report}, nil
}

// importProfiles loads a dataset version beside the active one and activates
// it whole, unless ?activate=false. ?version= names it, so that a large set can
// be sent in parts.
func importProfiles(c *call, src dataset.Source) (importAnswer, error) {
	version := c.queryArg("version")
	if version == "" {
		version = "p-" + c.received.UTC().Format("20060102T150405.000")
	}
	if err := event.CheckID(version); err != nil {
		return importAnswer{}, invalidField("invalid_version", "/version", "must have 1-128 bytes without control characters")
	}
	b := batches[profile.Profile]{size: profileBatch, send: func(ps []profile.Profile) error {
		return c.site.ImportProfiles(c.ctx, append([]profile.Profile(nil), ps...), version, false)
	}}
	report, err := dataset.ReadProfilesFrom(c.ctx, src, dataset.Options{}, func(r dataset.ProfileRow) error {
		r.Version = version
		return b.add(r.Profile)
	})
	if err == nil {
		err = b.flush()
	}
	if err == nil && report.Good > 0 && c.queryArg("activate") != "false" {
		err = c.site.ImportProfiles(c.ctx, nil, version, true)
	}
	if err != nil {
		return importAnswer{}, err
	}
	return importAnswer{Report: report, Version: version}, nil
}
