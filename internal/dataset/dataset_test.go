package dataset

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nextbest/nextbest/internal/fault"
)

// put writes a file of a test and returns its path.
func put(t testing.TB, name string, body []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func gz(t testing.TB, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zst(t testing.TB, body []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return z.EncodeAll(body, nil)
}

func TestDetect(t *testing.T) {
	for name, want := range map[string]struct {
		format      Format
		compression Compression
	}{
		"a.csv": {CSV, Plain}, "a.TSV.GZ": {TSV, Gzip}, "x/a.ndjson.zst": {NDJSON, Zstd}, "a.jsonl": {NDJSON, Plain},
		"part-0.parquet": {Parquet, Plain}, "a.txt": {TSV, Plain},
	} {
		format, compression, err := Detect(name)
		if err != nil || format != want.format || compression != want.compression {
			t.Errorf("Detect(%q) is %v, %v, %v", name, format, compression, err)
		}
	}
	if _, _, err := Detect("a.xlsx"); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), ".parquet") {
		t.Errorf("an unknown ending: error %v, want Invalid naming the endings", err)
	}
}

func TestReportsWhatIsBroken(t *testing.T) {
	good := []byte("item_id,name\n1,one\n2,two\n")
	random := make([]byte, 4000) // does not compress, so that half a file holds rows
	for i, x := 0, uint32(1); i < len(random); i++ {
		x = x*1664525 + 1013904223
		random[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[x>>16%36]
		if i%40 == 39 {
			random[i] = '\n'
		}
	}
	packed := gz(t, append([]byte("item_id\n"), random...))
	for name, c := range map[string]struct {
		file string
		body []byte
		want string
	}{
		"no gzip":            {"a.csv.gz", good, "a.csv.gz"},
		"no zstd":            {"a.csv.zst", good, "a.csv.zst"},
		"gzip cut off":       {"a.csv.gz", packed[:len(packed)/2], "row "},
		"empty":              {"a.csv", nil, "header"},
		"no id column":       {"a.csv", []byte("name,price\nx,1\n"), "item_id"},
		"semicolons":         {"a.csv", []byte("item_id;name\n1;one\n"), "semicolons"},
		"tabs":               {"a.csv", []byte("item_id\tname\n1\tone\n"), ".tsv"},
		"commas":             {"a.tsv", []byte("item_id,name\n1,one\n"), ".csv"},
		"column twice":       {"a.csv", []byte("item_id,Item ID\n1,2\n"), "twice"},
		"parquet of nothing": {"a.parquet", []byte("PAR1"), "parquet"},
		"parquet of text":    {"a.parquet", bytes.Repeat([]byte("PAR1 and more "), 40), "parquet"},
		"quote left open":    {"a.csv", append([]byte("item_id,name\n1,\"x"), bytes.Repeat([]byte("y\n"), maxLine)...), "row 1"},
		"endless line":       {"a.ndjson", append([]byte("\n{}\n"), bytes.Repeat([]byte("y"), maxLine+10)...), "line 3"},
		"bomb":               {"a.csv.gz", gz(t, append([]byte("item_id\n"), bytes.Repeat(append(bytes.Repeat([]byte("a"), 1<<20), 10), 80)...)), "times its size"},
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, c.file, c.body)
			report, err := ReadCatalog(t.Context(), path, Options{}, keep(&[]string{}))
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want Invalid naming the file and %q", err, c.want)
			}
			if report == nil || report.Rows != report.Good+report.Bad {
				t.Errorf("report %+v, want rows = good + bad", report)
			}
		})
	}
	if _, err := ReadCatalog(t.Context(), filepath.Join(t.TempDir(), "none.csv"), Options{}, keep(&[]string{})); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no such file: error %v, want NotFound", err)
	}
}

func TestCallersErrorEndsTheReading(t *testing.T) {
	full := errors.New("the store is full")
	path := put(t, "a.csv", []byte("item_id\n1\n2\n3\n"))
	n := 0
	report, err := ReadCatalog(t.Context(), path, Options{}, func(item) error {
		if n++; n == 2 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || !strings.Contains(err.Error(), "row 2") || report.Good != 1 || report.Rows != 1 {
		t.Errorf("error %v, report %+v; want the caller's error at row 2", err, report)
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	path := put(t, "a.csv", []byte("item_id\n1\n2\n3\n"))
	_, err := ReadCatalog(ctx, path, Options{}, func(item) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestProgressReachesTheSize(t *testing.T) {
	body := gz(t, []byte("item_id\n1\n2\n3\n"))
	path := put(t, "a.csv.gz", body)
	var read, total int64
	opts := Options{Progress: func(n, of int64) { read, total = n, of }}
	if _, err := ReadCatalog(t.Context(), path, opts, keep(&[]string{})); err != nil {
		t.Fatal(err)
	}
	if read != total || total != int64(len(body)) {
		t.Errorf("progress ended at %d of %d, the file has %d", read, total, len(body))
	}
}

func TestMergeKeepsTheSum(t *testing.T) {
	a := &Report{Rows: 3, Good: 2, Bad: 1, Errors: []RowError{{Row: 1}}, Unknown: []string{"x"}}
	b := &Report{Rows: 200, Bad: 200, Errors: make([]RowError, 100), Unknown: []string{"x", "y"}, Dimension: 4}
	a.Merge(b)
	if a.Rows != 203 || a.Rows != a.Good+a.Bad || len(a.Errors) != 100 || len(a.Unknown) != 2 || a.Dimension != 4 {
		t.Errorf("merged into %+v", a)
	}
}

// A bad row of NDJSON is named by its line, as an editor shows it; a csv's by
// its number.
func TestBadRowsAreFoundAgain(t *testing.T) {
	for file, c := range map[string]struct {
		body string
		row  int64
	}{
		"a.ndjson": {"{\"item_id\":\"1\"}\n\n\n{\"item_id\":\"2\",\"price\":\"x\"}\n", 4},
		"a.csv":    {"item_id,price\n1,1\n2,x\n", 2},
	} {
		report, err := ReadCatalog(t.Context(), put(t, file, []byte(c.body)), Options{}, keep(&[]string{}))
		if err != nil || report.Rows != 2 || len(report.Errors) != 1 || report.Errors[0].Row != c.row {
			t.Errorf("%s: report %+v, error %v; want one bad row, %d", file, report, err, c.row)
		}
	}
	path := put(t, "a.ndjson", []byte("\n\n{\"item_id\":\"1\"}\n"))
	_, err := ReadCatalog(t.Context(), path, Options{}, func(item) error { return errors.New("full") })
	if err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("the caller's error is placed in %v, want line 3", err)
	}
}
