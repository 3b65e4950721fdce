package embedding

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/internal/fault"
)

// nearest is the definition of Neighbours by a full sort.
func nearest(m *Model, a uint32, k int, skip func(a, j uint32) bool) []uint32 {
	var all []scored
	for j := range uint32(m.Len()) {
		if j == a || !m.Has(j) || !m.Has(a) || skip != nil && skip(a, j) {
			continue
		}
		cosine := 0.
		for n, x := range m.Row(j) {
			cosine += float64(x) * float64(m.Row(a)[n])
		}
		all = append(all, scored{j, float32(cosine/float64(m.Tau) + float64(m.Bias[j]))})
	}
	slices.SortFunc(all, func(x, y scored) int {
		if before(x, y) {
			return -1
		}
		return 1
	})
	out := make([]uint32, k)
	for n := range out {
		out[n] = Unknown
		if n < len(all) {
			out[n] = all[n].item
		}
	}
	return out
}

// recall is the share of the true neighbours that were found.
func recall(found, want []uint32, k int) float64 {
	hits, all := 0, 0
	for from := 0; from < len(want); from += k {
		for _, j := range want[from : from+k] {
			if j != Unknown {
				all++
				if slices.Contains(found[from:from+k], j) {
					hits++
				}
			}
		}
	}
	return float64(hits) / float64(all)
}

func TestNeighboursAreExact(t *testing.T) {
	m := anyModel(2, 217, 24)
	for name, skip := range map[string]func(a, j uint32) bool{"all": nil, "skip": func(a, j uint32) bool { return (a+j)%3 == 0 }} {
		t.Run(name, func(t *testing.T) {
			const k = 12
			got, err := m.Neighbours(t.Context(), k, NeighbourOptions{Workers: 2, Skip: skip})
			if err != nil {
				t.Fatal(err)
			}
			var want []uint32
			for a := range uint32(m.Len()) {
				want = append(want, nearest(m, a, k, skip)...)
			}
			if share := recall(got, want, k); share < .999 { // last digits may exchange equal ones
				t.Errorf("%.4f of the neighbours were found, want all", share)
			}
			if !slices.Equal(got[:k], want[:k]) {
				t.Errorf("order %v, want %v", got[:k], want[:k])
			}
		})
	}
}

func TestNeighboursOfFewItems(t *testing.T) {
	m := anyModel(2, 3, 8)
	got, err := m.Neighbours(t.Context(), 4, NeighbourOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for a := range uint32(3) {
		if want := nearest(m, a, 4, nil); !cmp.Equal(got[4*a:4*a+4], want) {
			t.Errorf("neighbours of %d: %v, want %v", a, got[4*a:4*a+4], want)
		}
	}
	none := &Model{Dim: 8, Tau: 1, E: make([]float32, 16), Norm: make([]float32, 2), Bias: make([]float32, 2)}
	got, err = none.Neighbours(t.Context(), 1, NeighbourOptions{})
	if err != nil || !cmp.Equal(got, []uint32{Unknown, Unknown}) {
		t.Errorf("without vectors: %v, %v; want no neighbours", got, err)
	}
}

func TestIndexFindsMostNeighbours(t *testing.T) {
	m := anyModel(3, 7000, 32)
	const k = 20
	exact, err := m.Neighbours(t.Context(), k, NeighbourOptions{})
	if err != nil {
		t.Fatal(err)
	}
	o := NeighbourOptions{Exact: 1000, Seed: 4}
	found, err := m.Neighbours(t.Context(), k, o)
	if err != nil {
		t.Fatal(err)
	}
	if share := recall(found, exact, k); share < .9 {
		t.Errorf("the index found %.3f of the neighbours, want at least .9", share)
	}
	o.Probes = 2
	few, err := m.Neighbours(t.Context(), k, o)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := recall(few, exact, k), recall(found, exact, k); a >= b {
		t.Errorf("2 buckets find %.3f, the default %.3f: want fewer", a, b)
	}
	o.Probes, o.Workers = 1<<20, 3
	if all, err := m.Neighbours(t.Context(), k, o); err != nil || recall(all, exact, k) < .9999 {
		t.Errorf("all buckets find %.5f (%v), want everything", recall(all, exact, k), err)
	}
	o = NeighbourOptions{Exact: 1000, Seed: 4, Workers: 1}
	if again, err := m.Neighbours(t.Context(), k, o); err != nil || !slices.Equal(again, found) {
		t.Errorf("the same seed on one worker finds other neighbours (%v)", err)
	}
}

func TestNeighboursRefuseAndStop(t *testing.T) {
	m := anyModel(2, 2000, 8)
	for _, k := range []int{0, -1, 1001} {
		if _, err := m.Neighbours(t.Context(), k, NeighbourOptions{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("k %d: error %v, want an Invalid fault", k, err)
		}
	}
	for _, exact := range []int{0, 100} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := m.Neighbours(ctx, 3, NeighbourOptions{Exact: exact}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	}
	last := int64(0)
	if _, err := m.Neighbours(t.Context(), 3, NeighbourOptions{Workers: 3, Progress: func(done, total int64) {
		if done <= last || total != 1800 {
			t.Errorf("progress went from %d to %d of %d, want up to 1800", last, done, total)
		}
		last = done
	}}); err != nil || last != 1800 {
		t.Errorf("progress ended at %d (%v), want 1800", last, err)
	}
}
