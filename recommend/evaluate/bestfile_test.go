package evaluate

import (
	"bytes"
	"testing"
)

// A file of best is told from one of rows by itself, and measured with the
// ranker of the policy that is asked for.
func TestBestFileGivesTheSameFigures(t *testing.T) {
	for _, exclude := range []Exclude{ExcludeNone, ExcludeSeen} {
		o := Options{
			TrainFile: toyTrain, TestFile: toyTest, Model: "best", Exclude: exclude,
			Params: map[string]string{"dim": "0", "lists": "2000", "ranker_epochs": "1", "hidden": "8"},
		}
		want := run(t, o)
		var file bytes.Buffer
		if _, err := trained(t, o).(*bestModel).m.WriteTo(&file); err != nil {
			t.Fatal(err)
		}
		o = Options{ModelFile: put(t, "toy.model", file.String()), TestFile: o.TestFile, Exclude: exclude}
		got := run(t, o)
		if got.Model != "best" || got.N != want.N || got.HR != want.HR || got.MRR != want.MRR || got.ModelBytes != int64(file.Len()) || got.TrainS != 0 {
			t.Errorf("%s: from the file %+v, trained %+v", exclude, got, want)
		}
	}
}
