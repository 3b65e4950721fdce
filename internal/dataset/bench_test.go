package dataset

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// BenchmarkReadProfiles is 20,000 profiles of 64 floats from Parquet.
func BenchmarkReadProfiles(b *testing.B) {
	type row struct {
		ID     string    `parquet:"user_id"`
		Vector []float32 `parquet:"vector,list"`
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	rows := make([]row, 20_000)
	for n := range rows {
		rows[n] = row{ID: "u" + strconv.Itoa(n), Vector: make([]float32, 64)}
		for d := range rows[n].Vector {
			rows[n].Vector[d] = float32(rnd.NormFloat64())
		}
	}
	var out bytes.Buffer
	if err := parquet.Write(&out, rows); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		src := Source{Name: "bench", Format: Parquet, Size: int64(out.Len()), Body: bytes.NewReader(out.Bytes())}
		report, err := ReadProfilesFrom(b.Context(), src, Options{}, func(ProfileRow) error { return nil })
		if err != nil || report.Good != int64(len(rows)) {
			b.Fatalf("report %+v, error %v", report, err)
		}
	}
	b.ReportMetric(float64(len(rows)*b.N)/b.Elapsed().Seconds(), "rows/s")
}
