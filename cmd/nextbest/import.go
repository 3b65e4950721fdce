package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session/event"
)

// importCmd loads files.
type importCmd struct {
	Catalog  importCatalogCmd  `cmd:"" help:"Items: item_id, group_id, name, price, available, categories …; other columns become attributes."`
	Events   importEventsCmd   `cmd:"" help:"Events of the past: anonymous_id or user_id, kind, item_id, ts …"`
	Profiles importProfilesCmd `cmd:"" help:"Long-term profiles: id, affinities, vector, segments, list."`
}

// importFlags are shared by the three.
type importFlags struct {
	Files []string `arg:"" name:"file" help:"Files to read: csv, tsv, ndjson or parquet, also .gz and .zst." type:"path"`
	targetFlags
	JSON bool `help:"Print one JSON object." name:"json"`
}

// check tells all that is wrong before a row is read or sent.
func (f *importFlags) check() error {
	var p problems
	f.targetFlags.check(&p)
	f.checkStore(&p)
	for _, path := range f.Files {
		if _, _, err := dataset.Detect(path); err != nil {
			p.failf("%s", told(err))
		} else {
			p.file("file", path)
		}
	}
	return p.err()
}

type (
	importCatalogCmd  struct{ importFlags }
	importEventsCmd   struct{ importFlags }
	importProfilesCmd struct{ importFlags }
)

// source reads every row of the files as T and hands it to fn.
type source[T any] func(ctx context.Context, path string, opts dataset.Options, fn func(T) error) (*dataset.Report, error)

// sink takes rows, many at a time; end is called once after the last.
type sink[T any] struct {
	put func(ctx context.Context, rows []T) error
	end func(ctx context.Context) error
}

// Run imports a catalog.
func (c *importCatalogCmd) Run(ctx context.Context, s streams) error {
	read := source[catalog.Item](dataset.ReadCatalog)
	if c.Server != "" {
		return importRemote(ctx, &c.importFlags, s, "catalog", read, func(it catalog.Item) any { return it })
	}
	return c.local(ctx, s, func(st *site.Site) (*dataset.Report, error) {
		refused := &dataset.Report{}
		report, err := readAll(ctx, &c.importFlags, s, "catalog", read, sink[catalog.Item]{
			put: func(ctx context.Context, items []catalog.Item) error { return putItems(ctx, st, items, refused) },
		})
		if report != nil {
			report.Good -= refused.Bad
			report.Merge(refused)
		}
		return report, err
	})
}

// putItems stores a batch; items that the catalog refuses join the report.
func putItems(ctx context.Context, st *site.Site, items []catalog.Item, refused *dataset.Report) error {
	verdicts, err := st.PutItems(ctx, items)
	for i, v := range verdicts {
		if v != nil {
			refused.Merge(&dataset.Report{Bad: 1, Errors: []dataset.RowError{{Pointer: "/" + items[i].ItemID, Code: "invalid_item", Detail: v.Error()}}})
		}
	}
	return err
}

// Run imports events.
func (c *importEventsCmd) Run(ctx context.Context, s streams) error {
	read := source[dataset.EventRow](dataset.ReadEvents)
	now := time.Now().UnixMilli()
	if c.Server != "" {
		return importRemote(ctx, &c.importFlags, s, "events", read, func(r dataset.EventRow) any {
			rec := r.Record("", now)
			return exportedOf(&rec)
		})
	}
	return c.local(ctx, s, func(st *site.Site) (*dataset.Report, error) {
		return readAll(ctx, &c.importFlags, s, "events", read, sink[dataset.EventRow]{
			put: func(ctx context.Context, batch []dataset.EventRow) error {
				recs := make([]event.Record, len(batch))
				for i := range batch {
					recs[i] = batch[i].Record(st.Name(), now)
				}
				_, err := st.ImportEvents(ctx, recs)
				return err
			},
		})
	})
}

// Run imports profiles as a new dataset and activates it.
func (c *importProfilesCmd) Run(ctx context.Context, s streams) error {
	read := source[dataset.ProfileRow](dataset.ReadProfiles)
	if c.Server != "" {
		return importRemote(ctx, &c.importFlags, s, "profiles", read, func(r dataset.ProfileRow) any { return r.Profile })
	}
	version := newID()
	return c.local(ctx, s, func(st *site.Site) (*dataset.Report, error) {
		return readAll(ctx, &c.importFlags, s, "profiles", read, sink[dataset.ProfileRow]{
			put: func(ctx context.Context, batch []dataset.ProfileRow) error {
				ps := make([]profile.Profile, len(batch))
				for i := range batch {
					ps[i] = batch[i].Profile
					ps[i].Version = version
				}
				return st.ImportProfiles(ctx, ps, version, false)
			},
			end: func(ctx context.Context) error { return st.ImportProfiles(ctx, nil, version, true) },
		})
	})
}

// local imports into the files of a stopped server.
func (f *importFlags) local(ctx context.Context, s streams, run func(*site.Site) (*dataset.Report, error)) error {
	if err := f.check(); err != nil {
		return err
	}
	var report *dataset.Report
	err := withSite(ctx, f.targetFlags, func(st *site.Site) (err error) {
		report, err = run(st)
		return err
	})
	return f.finish(s, report, err)
}

const importBatch = 10_000

// readAll reads the files one after the other into the sink.
func readAll[T any](ctx context.Context, f *importFlags, s streams, label string, read source[T], to sink[T]) (*dataset.Report, error) {
	total := &dataset.Report{Errors: []dataset.RowError{}}
	batch := make([]T, 0, importBatch)
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := to.put(ctx, batch)
		batch = batch[:0]
		return err
	}
	for _, path := range f.Files {
		bar := newProgress(s.err, label+" "+path)
		report, err := read(ctx, path, dataset.Options{Progress: bar.bytes}, func(row T) error {
			if batch = append(batch, row); len(batch) < importBatch {
				return nil
			}
			return flush()
		})
		bar.done()
		if report != nil {
			total.Merge(report)
		}
		if err != nil {
			return total, err
		}
	}
	if err := flush(); err != nil {
		return total, err
	}
	if total.Good == 0 || to.end == nil {
		return total, nil
	}
	return total, to.end(ctx)
}

// importRemote streams the rows, as one JSON object a line, to a running
// server. What the files report as bad is not sent.
func importRemote[T any](ctx context.Context, f *importFlags, s streams, kind string, read source[T], encode func(T) any) error {
	if err := f.check(); err != nil {
		return err
	}
	pipe, w := io.Pipe()
	local := make(chan outcome, 1)
	go func() {
		out := bufio.NewWriterSize(w, 1<<16)
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		report, err := readAll(ctx, f, s, kind, read, sink[T]{put: func(_ context.Context, batch []T) error {
			for i := range batch {
				if err := e.Encode(encode(batch[i])); err != nil {
					return err
				}
			}
			return nil
		}})
		if err == nil {
			err = out.Flush()
		}
		_ = w.CloseWithError(err)
		local <- outcome{report, err}
	}()
	var stored dataset.Report
	refused := f.remote().do(ctx, http.MethodPost, "/v1/imports/"+url.PathEscape(kind), "application/x-ndjson", pipe, &stored)
	_ = pipe.Close() // ends the reader when the server refused early
	here := <-local
	if here.err != nil && !errors.Is(here.err, io.ErrClosedPipe) {
		return here.err // what the server makes of half a body says nothing
	}
	if refused != nil {
		return refused // how many of the rows read were stored is not known: no report
	}
	report := here.report
	report.Good -= stored.Bad
	report.Bad += stored.Bad
	report.Merge(&dataset.Report{Errors: stored.Errors})
	return f.finish(s, report, nil)
}

// outcome is what became of reading the files.
type outcome struct {
	report *dataset.Report
	err    error
}

// finish prints the report. A file without a single good row is a failure.
func (f *importFlags) finish(s streams, r *dataset.Report, err error) error {
	if r == nil || err != nil && r.Rows == 0 {
		return err
	}
	if f.JSON {
		if e := writeJSON(s.out, r); e != nil {
			return e
		}
	} else {
		printReport(s.out, r)
	}
	if err == nil && r.Rows > 0 && r.Good == 0 {
		err = errors.New("no row could be used; see the report")
	}
	return err
}

// rowWord is what a file's rows are counted in: see dataset.RowError.
func rowWord(file string) string {
	if format, _, _ := dataset.Detect(file); format == dataset.NDJSON {
		return "line"
	}
	return "row"
}

func printReport(w io.Writer, r *dataset.Report) {
	fmt.Fprintf(w, "%d rows: %d good, %d bad\n", r.Rows, r.Good, r.Bad)
	for _, e := range r.Errors {
		fmt.Fprintf(w, "  %s %s %d %s: %s (%s)\n", e.File, rowWord(e.File), e.Row, e.Pointer, e.Detail, e.Code)
	}
	if int64(len(r.Errors)) < r.Bad {
		fmt.Fprintf(w, "  … and %d more\n", r.Bad-int64(len(r.Errors)))
	}
	if len(r.Unknown) > 0 {
		fmt.Fprintf(w, "columns that mean nothing here: %v\n", r.Unknown)
	}
}
