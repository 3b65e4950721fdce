package dataset

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/profile"
)

func readProfiles(t *testing.T, name string, body []byte) ([]ProfileRow, *Report) {
	t.Helper()
	var rows []ProfileRow
	report, err := ReadProfiles(t.Context(), put(t, name, body), Options{}, func(p ProfileRow) error {
		rows = append(rows, p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.Rows != report.Good+report.Bad || report.Good != int64(len(rows)) {
		t.Errorf("report %+v with %d rows: rows must be good + bad", report, len(rows))
	}
	return rows, report
}

// ana is the same profile in every format.
func ana() ProfileRow {
	return ProfileRow{
		Profile: profile.Profile{
			ID: "ana", Space: "w2v-3", Vector: []float32{1, -.5, .25},
			Affinities: []profile.Affinity{{ItemID: "b", Weight: 2}, {ItemID: "a", Weight: .5}, {ItemID: "c", Weight: .5}},
			Attributes: []profile.Attribute{{Name: "colour", Value: "red", Weight: 3}},
			Segments:   []string{"vip", "gifts"}, List: []string{"a", "b"},
		},
		Timestamp: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC).UnixMilli(),
	}
}

type anaParquet struct {
	UserID         string             `parquet:"User_ID"`
	Embedding      []float64          `parquet:"embedding,list"`
	ModelVersion   string             `parquet:"model_version,dict"`
	Affinities     map[string]float64 `parquet:"affinities"`
	Attributes     string             `parquet:"attribute_affinities"`
	Segments       []string           `parquet:"segments,list"`
	List           string             `parquet:"list"`
	EventTimestamp time.Time          `parquet:"event_timestamp,timestamp(microsecond)"`
	Age            int32              `parquet:"age"`
	Nested         struct{ X int64 }  `parquet:"nested"`
}

func anaInParquet(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	err := parquet.Write(&out, []anaParquet{{
		UserID: "ana", Embedding: []float64{1, -.5, .25}, ModelVersion: "w2v-3",
		Affinities: map[string]float64{"a": .5, "b": 2, "c": .5}, Attributes: `{"colour":{"red":3}}`,
		Segments: []string{"vip", "gifts"}, List: "a|b", EventTimestamp: time.UnixMilli(ana().Timestamp), Age: 7,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestProfileFormats(t *testing.T) {
	csv := "user_id,vector,space,affinities,attributes,segments,list,event_timestamp,age,nested/X\n" +
		`ana,"[1,-0.5,0.25]",w2v-3,"{""a"":0.5,""b"":2,""c"":0.5}","[{""name"":""colour"",""value"":""red"",""weight"":3}]",vip|gifts,"[""a"",""b""]",1795514400,7,1` + "\n"
	ndjson := `{"ENTITY_ID":"ana","values":"AACAPwAAAL8AAIA+","space":"w2v-3","affinities":[{"item_id":"c","weight":0.5},{"item_id":"a","weight":0.5},{"item_id":"b","weight":2}],` +
		`"attribute_affinities":{"colour":{"red":3}},"segments":["vip","gifts"],"list":["a","b"],"event_timestamp":1795514400000,"age":7,"nested/X":1,"version":"x"}`
	packed := anaInParquet(t)
	for name, body := range map[string][]byte{
		"a.csv": []byte(csv), "a.ndjson": []byte(ndjson), "a.ndjson.gz": gz(t, []byte(ndjson)),
		"a.parquet": packed, "a.parquet.gz": gz(t, packed), "a.parquet.zst": zst(t, packed),
	} {
		t.Run(name, func(t *testing.T) {
			rows, report := readProfiles(t, name, body)
			if diff := cmp.Diff([]ProfileRow{ana()}, rows); diff != "" {
				t.Errorf("the profile (-want +got):\n%s\n%+v", diff, report)
			}
			if diff := cmp.Diff([]string{"age", "nested/X"}, slices.Sorted(slices.Values(report.Unknown))); diff != "" || report.Dimension != 3 {
				t.Errorf("unknown columns (-want +got):\n%s dimension %d", diff, report.Dimension)
			}
		})
	}
}

func TestBadProfilesAreReported(t *testing.T) {
	for name, c := range map[string]struct{ body, pointer, code string }{
		"nobody":          {`{"vector":[1,2]}`, "/id", "id_missing"},
		"junk":            {`{"id":"undefined"}`, "/id", "junk_id"},
		"NaN":             {`{"id":"b","vector":"AADAfwAAAAA="}`, "/vector", "vector_not_finite"},
		"infinite":        {`{"id":"b","vector":[1e300,0]}`, "/vector", "vector_not_finite"},
		"zero":            {`{"id":"b","vector":[0,0]}`, "/vector", "vector_zero"},
		"empty":           {`{"id":"b","vector":[]}`, "/vector", "vector_empty"},
		"dimension":       {`{"id":"b","embedding":[1,2,3]}`, "/embedding", "vector_dimension"},
		"a null":          {`{"id":"b","vector":[1,null]}`, "/vector", "vector"},
		"text":            {`{"id":"b","vector":["1","2"]}`, "/vector", "vector"},
		"no base64":       {`{"id":"b","vector":"no vector!"}`, "/vector", "vector"},
		"half a float":    {`{"id":"b","vector":"AACA"}`, "/vector", "vector"},
		"a number":        {`{"id":"b","vector":3}`, "/vector", "vector"},
		"weight below 0":  {`{"id":"b","affinities":{"x":-1}}`, "/affinities", "affinities"},
		"weight is text":  {`{"id":"b","affinities":[{"item_id":"x","weight":"much"}]}`, "/affinities", "affinities"},
		"no weights":      {`{"id":"b","affinities":"x|y"}`, "/affinities", "affinities"},
		"attribute shape": {`{"id":"b","attributes":{"colour":"red"}}`, "/attributes", "attributes"},
		"segments":        {`{"id":"b","segments":[1]}`, "/segments", "list"},
		"time":            {`{"id":"b","timestamp":"later"}`, "/timestamp", "time"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, report := readProfiles(t, "a.ndjson", []byte(`{"id":"a","vector":[1,2]}`+"\n"+c.body))
			if len(rows) != 1 || len(report.Errors) != 1 {
				t.Fatalf("%d good rows, report %+v; want one good, one bad", len(rows), report)
			}
			if e := report.Errors[0]; e.Code != c.code || e.Pointer != c.pointer || e.Row != 2 {
				t.Errorf("reported %+v, want code %s at %s", e, c.code, c.pointer)
			}
		})
	}
}

func TestParquetListsWithNulls(t *testing.T) {
	type row struct {
		ID     int64      `parquet:"id"`
		Vector []*float32 `parquet:"vector,list"`
		List   []int64    `parquet:"list,list"`
	}
	one := float32(1)
	var out bytes.Buffer
	if err := parquet.Write(&out, []row{
		{ID: 9007199254740993, Vector: []*float32{&one, &one}, List: []int64{9007199254740993}},
		{ID: 2, Vector: []*float32{&one, nil}},
		{ID: 3},
	}); err != nil {
		t.Fatal(err)
	}
	rows, report := readProfiles(t, "a.parquet", out.Bytes())
	if report.Rows != 3 || report.Bad != 1 || report.Errors[0].Code != "null" || report.Errors[0].Row != 2 {
		t.Errorf("report %+v, want row 2 refused for its null", report)
	}
	if rows[0].ID != "9007199254740993" || rows[0].List[0] != "9007199254740993" || rows[1].Vector != nil {
		t.Errorf("rows %+v: whole numbers must stay exact, an empty list is no vector", rows)
	}
}

// TestDamagedParquetNeverPanics cuts and flips a file everywhere.
func TestDamagedParquetNeverPanics(t *testing.T) {
	whole := anaInParquet(t)
	path := put(t, "a.parquet", whole)
	check := func(n int, body []byte) {
		t.Helper()
		src := Source{Name: path, Format: Parquet, Size: int64(len(body)), Body: bytes.NewReader(body)}
		report, err := ReadProfilesFrom(t.Context(), src, Options{}, func(ProfileRow) error { return nil })
		if report.Rows != report.Good+report.Bad {
			t.Fatalf("byte %d: report %+v, error %v", n, report, err)
		}
		if err != nil && (fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), path)) {
			t.Fatalf("byte %d: error %v, want Invalid naming the file", n, err)
		}
	}
	for n := 1; n < len(whole); n += 3 {
		check(n, whole[:n])
		damaged := bytes.Clone(whole)
		damaged[n] ^= 0x55
		check(n, damaged)
	}
}
