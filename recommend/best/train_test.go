package best

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/rows"
)

func fileOf(t testing.TB, m *Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if n, err := m.WriteTo(&b); err != nil || n != int64(b.Len()) || n != m.Size() {
		t.Fatalf("wrote %d of %d bytes, size %d: %v", n, b.Len(), m.Size(), err)
	}
	return b.Bytes()
}

func TestTrainingIsDeterministic(t *testing.T) {
	c := newCorpus(t, walk(1500, 60, 7))
	one := fileOf(t, train(t, c, smallParams(), Options{Seed: 3, Workers: 1}))
	if three := fileOf(t, train(t, c, smallParams(), Options{Seed: 3, Workers: 3})); !bytes.Equal(one, three) {
		t.Error("three workers make another model than one")
	}
	if other := fileOf(t, train(t, c, smallParams(), Options{Seed: 4, Workers: 1})); bytes.Equal(one, other) {
		t.Error("the seed changes nothing")
	}
}

// TestWhatIsKeptDidBetter: every stage that was kept is not worse than what it
// was compared with, and is in the model.
func TestWhatIsKeptDidBetter(t *testing.T) {
	m := train(t, newCorpus(t, walk(3000, 60, 7)), smallParams(), Options{Seed: 3, Workers: 2})
	about := m.About()
	if len(about.Stages) < Policies {
		t.Fatalf("%d stages", len(about.Stages))
	}
	ranked := 0
	for _, s := range about.Stages {
		if s.Lists < 100 || s.Pre.HR <= 0 || s.Ranker.MRR <= 0 {
			t.Errorf("stage %+v judged nothing", s)
		}
		if s.Kept != (s.Ranker.score() >= s.Pre.score()) {
			t.Errorf("stage %+v", s)
		}
		if s.Embedding != about.Embedding {
			continue
		}
		for policy := range policies {
			if policy.String() == s.Policy && m.Ranked(policy) != s.Kept {
				t.Errorf("%s: ranker in the model: %v, kept: %v", s.Policy, m.Ranked(policy), s.Kept)
			}
		}
		if s.Kept {
			ranked++
		}
	}
	if ranked == 0 {
		t.Error("in a world of rules no ranker is kept")
	}
	if m.Embedded() != about.Embedding {
		t.Errorf("embedding in the model: %v, kept: %v", m.Embedded(), about.Embedding)
	}
	if _, sd, ok := m.InputStats(None); m.Ranked(None) != ok || ok && sd[inRows] <= 0 {
		t.Errorf("input spread %v, there: %v", sd[inRows], ok)
	}
}

func TestFewSessionsAreEnoughForRows(t *testing.T) {
	for name, sessions := range map[string][]testSession{
		"one click":    {{items: []int{0}, day: 1}},
		"one session":  {{items: []int{0, 1, 2}, day: 1}},
		"few sessions": walk(40, 10, 1),
	} {
		m := train(t, newCorpus(t, sessions), DefaultParams(), Options{})
		if m.Embedded() || m.Ranked(None) || m.Len() == 0 {
			t.Errorf("%s: embedding %v, ranker %v, %d items", name, m.Embedded(), m.Ranked(None), m.Len())
		}
		if list := m.Rank(NewScratch(), []uint32{0}, nil, None, nil, 5, nil); len(list) == 0 {
			t.Errorf("%s: nothing to recommend", name)
		}
	}
}

func TestWithoutEmbedding(t *testing.T) {
	p := smallParams()
	p.Dim = 0
	m := train(t, newCorpus(t, walk(3000, 60, 7)), p, Options{Seed: 3, Workers: 2})
	if m.Embedded() || !m.Ranked(None) {
		t.Errorf("embedding %v, ranker %v", m.Embedded(), m.Ranked(None))
	}
}

func TestTrainRefuses(t *testing.T) {
	c := newCorpus(t, walk(300, 20, 7))
	p := smallParams()
	p.Top, p.Hidden = 0, 7
	_, err := Train(context.Background(), c, p, Options{})
	var got []string
	if f := fault.Of(err); f != nil {
		for _, x := range f.Fields {
			got = append(got, x.Pointer)
		}
	}
	if diff := cmp.Diff([]string{"/top", "/hidden"}, got); diff != "" {
		t.Error(diff)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Train(ctx, c, smallParams(), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestProgressReachesItsEnd(t *testing.T) {
	last := map[string][2]int64{}
	train(t, newCorpus(t, walk(1500, 60, 7)), smallParams(), Options{Workers: 2, Progress: func(stage string, done, total int64) {
		last[stage] = [2]int64{done, total}
	}})
	for _, stage := range []string{"rows", "embedding", "neighbours", "ranker"} {
		if x := last[stage]; x[1] == 0 || x[0] != x[1] {
			t.Errorf("%s ended at %v", stage, x)
		}
	}
}

func TestAccessors(t *testing.T) {
	m := smallModel(t)
	for i := range uint32(m.Len()) {
		if n, ok := m.Index(m.ID(i)); !ok || n != i {
			t.Fatalf("item %d is found as %d, %v", i, n, ok)
		}
	}
	if n, ok := m.Index("i999"); ok || n != Unknown {
		t.Errorf("an unknown id is item %d, %v", n, ok)
	}
	popular := m.Popular(5)
	for n := 1; n < len(popular); n++ {
		if m.Count(popular[n]) > m.Count(popular[n-1]) {
			t.Errorf("popular: %v", popular)
		}
	}
	clicks := 0.
	for i := range uint32(m.Len()) {
		clicks += m.Count(i)
	}
	if uint64(clicks) != m.Clicks() || m.Sessions() != 1500 || len(popular) != 5 || len(m.Popular(1000)) != m.Len() {
		t.Errorf("%v clicks of %d, %d sessions", clicks, m.Clicks(), m.Sessions())
	}
}

func TestAddRow(t *testing.T) {
	m, sums := smallModel(t), rows.NewScratch()
	m.AddRow(sums, 4, 2)
	m.AddRow(sums, Unknown, 2)
	row := m.AppendRow(nil, 4)
	if len(row) == 0 || sums.Len() != len(row) {
		t.Fatalf("%d entries, %d sums", len(row), sums.Len())
	}
	for n, c := range row {
		if got, _ := sums.Get(c.Item); got != 2*c.Score || n > 0 && c.Score > row[n-1].Score {
			t.Errorf("entry %d: %+v adds %v", n, c, got)
		}
	}
}
