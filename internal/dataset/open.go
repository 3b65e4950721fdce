// Package dataset reads what people bring as files: sessions to train and
// evaluate on, and rows of a catalog, of events and of profiles in csv, tsv,
// ndjson or parquet, plain or compressed. A bad row is reported and left out;
// a broken file is an error that names the file and the row. Sizes are
// bounded whatever the bytes say.
package dataset

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/nextbest/nextbest/internal/fault"
)

// Format is how a file holds its rows.
type Format uint8

// The formats.
const (
	FormatUnknown Format = iota
	CSV                  // comma separated, quoted by RFC 4180
	TSV                  // tab separated, quotes only where a field starts with one
	NDJSON               // one JSON object per line
	Parquet
)

// Compression is what a file is wrapped in.
type Compression uint8

// The compressions.
const (
	Plain Compression = iota
	Gzip
	Zstd
)

// Source is one file, or one uploaded part of a dataset.
type Source struct {
	Name        string // as reports name it
	Format      Format
	Compression Compression
	Size        int64     // bytes of Body; 0 when unknown (Parquet is then kept in a temporary file)
	Body        io.Reader // Parquet is read in place when it is an io.ReaderAt too
}

// Limits that hold for every source.
const (
	maxLine      = 4 << 20  // bytes of one row of text
	maxRatio     = 250      // bytes out per byte in of a compressed source …
	ratioSlack   = 64 << 20 // … beyond the first 64 MiB
	zstdWindow   = 128 << 20
	readerBuffer = 1 << 16
)

// Detect tells format and compression by a file's name: .csv .tsv .txt
// .ndjson .jsonl .parquet, each also with .gz or .zst.
func Detect(name string) (Format, Compression, error) {
	base := strings.ToLower(filepath.Base(name))
	base, compression := cutCompression(base)
	switch filepath.Ext(base) {
	case ".csv":
		return CSV, compression, nil
	case ".tsv", ".txt":
		return TSV, compression, nil
	case ".ndjson", ".jsonl":
		return NDJSON, compression, nil
	case ".parquet":
		return Parquet, compression, nil
	}
	return FormatUnknown, compression, fault.Invalidf("file_format",
		"%s: the name must end in .csv, .tsv, .txt, .ndjson, .jsonl or .parquet, with .gz or .zst when compressed", name)
}

func cutCompression(name string) (string, Compression) {
	if base, ok := strings.CutSuffix(name, ".gz"); ok {
		return base, Gzip
	}
	if base, ok := strings.CutSuffix(name, ".zst"); ok {
		return base, Zstd
	}
	return name, Plain
}

// openFile opens a file as a Source; the caller closes the file.
func openFile(path string) (*os.File, Source, error) {
	format, compression, err := Detect(path)
	if err != nil {
		return nil, Source{}, err
	}
	f, size, err := openSized(path)
	if err != nil {
		return nil, Source{}, err
	}
	return f, Source{Name: path, Format: format, Compression: compression, Size: size, Body: f}, nil
}

func openSized(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, fault.NotFoundf("no_file", "%s: there is no such file", path)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("opening a file of rows: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fault.Invalidf("file_format", "%s: is a folder, not a file", path)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// plain is the decompressed text of a source: bounded in ratio, reporting
// progress, ending when the context does. Closing it leaves Body open.
func (s Source) plain(ctx context.Context, progress func(read, total int64)) (io.ReadCloser, error) {
	in := &progressReader{ctx: ctx, r: s.Body, total: s.Size, report: progress}
	switch s.Compression {
	case Gzip:
		z, err := gzip.NewReader(bufio.NewReaderSize(in, readerBuffer))
		if err != nil {
			return nil, s.broken("the beginning", err)
		}
		return &bounded{r: z, in: in, close: func() { z.Close() }}, nil
	case Zstd:
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, s.broken("the beginning", err)
		}
		return &bounded{r: z, in: in, close: z.Close}, nil
	}
	return &bounded{r: in, in: in, close: func() {}}, nil
}

// broken is the error of a source that cannot be read on: place is "row 7".
func (s Source) broken(place string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if f := fault.Of(err); f != nil {
		return fault.New(f.Kind, f.Code, "%s: %s: %s", s.Name, place, f.Detail).Because(f.Cause)
	}
	return fault.Invalidf("file_broken", "%s: %s: the file cannot be read: %v", s.Name, place, err).Because(err)
}

// progressReader counts what is read of the file itself.
type progressReader struct {
	ctx    context.Context
	r      io.Reader
	n      int64
	total  int64
	report func(read, total int64)
}

func (p *progressReader) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.r.Read(b)
	p.n += int64(n)
	if p.report != nil && n > 0 {
		p.report(p.n, p.total)
	}
	return n, err
}

// bounded refuses to hand out far more than was read: a few kilobytes must
// not become terabytes.
type bounded struct {
	r     io.Reader
	in    *progressReader
	n     int64
	close func()
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	if b.n > ratioSlack && b.n/maxRatio > b.in.n {
		return 0, fault.Invalidf("decompression_ratio", "the file unpacks to more than %d times its size", maxRatio)
	}
	return n, err
}

func (b *bounded) Close() error {
	b.close()
	return nil
}
