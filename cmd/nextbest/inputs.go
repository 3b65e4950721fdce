package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/recommend/merch"
	"github.com/nextbest/nextbest/recommend/vector"
)

// readRules reads the merchandiser's rules; no file means none.
func readRules(path string) (*merch.Set, error) {
	if path == "" {
		return nil, nil
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	rules, err := merch.Parse(body)
	if err != nil {
		return nil, fmt.Errorf("rules in %s: %w", path, err)
	}
	return merch.Compile(rules)
}

// readVectors reads item vectors of one space; no file means none. A bad row
// refuses the file: items without their vector would silently rank lower.
func readVectors(ctx context.Context, path string) (*vector.Set, error) {
	if path == "" {
		return nil, nil
	}
	var (
		ids     []string
		vectors [][]float32
		space   string
	)
	report, err := dataset.ReadProfiles(ctx, path, dataset.Options{}, func(r dataset.ProfileRow) error {
		switch {
		case len(r.Vector) == 0:
			return fmt.Errorf("item %q has no vector", r.ID)
		case len(ids) > 0 && r.Space != space:
			return fmt.Errorf("item %q is of the space %q, the items before it of %q; load one space", r.ID, r.Space, space)
		}
		space = r.Space
		ids, vectors = append(ids, r.ID), append(vectors, r.Vector)
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("item vectors: %w", err)
	case report.Bad > 0:
		e := report.Errors[0]
		return nil, fmt.Errorf("item vectors: %d bad rows in %s; the first is %s %d: %s", report.Bad, path, rowWord(path), e.Row, e.Detail)
	case len(ids) == 0:
		return nil, errors.New("item vectors: " + path + " holds none")
	}
	set, err := vector.NewSet(space, len(vectors[0]), ids, vectors)
	if err != nil {
		return nil, fmt.Errorf("item vectors in %s: %w", path, err)
	}
	return set, nil
}
