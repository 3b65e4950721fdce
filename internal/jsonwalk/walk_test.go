package jsonwalk

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// walk lists what a walk over every member and element meets.
func walk(w *Walker, seen *[]string) {
	switch w.Peek() {
	case '{', '[':
		*seen = append(*seen, string(w.Peek()))
		w.Step()
		for c := w.Peek(); c != '}' && c != ']' && c != 0; c = w.Peek() {
			walk(w, seen)
		}
		*seen = append(*seen, string(w.Peek()))
		w.Step()
	default:
		*seen = append(*seen, w.Value())
	}
}

// tokens is the same of jsontext.
func tokens(t *testing.T, text []byte) (seen []string) {
	t.Helper()
	dec := jsontext.NewDecoder(bytes.NewReader(text))
	for {
		if kind := dec.PeekKind(); strings.IndexByte("{}[]", byte(kind)) >= 0 {
			if _, err := dec.ReadToken(); err != nil {
				t.Fatal(err)
			}
			seen = append(seen, string(byte(kind)))
			continue
		}
		v, err := dec.ReadValue()
		if errors.Is(err, io.EOF) {
			return seen
		}
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, string(v))
	}
}

func FuzzWalk(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, `0`, `"a"`, `""`, ` null `, "\t{\"a\" : [1 , -2.5e3, true,false,null,\"x\\\"]}\"] , \"b\":{\"c\":{}}}\n", `[[[]],{"":""}]`,
		`{"a":1,"a":2}`, `{"a":1} x`, `{"a":`, `"\`, `{]`, `[1 2]`, "", "\"\xff\"", `{} {}`, `[}`, `nul`, `{"a" "b"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		w := Over(string(text))
		if err := Check(text); err != nil {
			for before := -1; w.Offset() > before; { // no panic, and an end
				before = w.Offset()
				_ = w.Value()
			}
			return
		}
		whole := Over(string(text))
		if v := whole.Value(); !jsontext.Value(v).IsValid() || whole.Peek() != 0 {
			t.Fatalf("the value of %q is %q, and %q follows", text, v, whole.Peek())
		}
		var seen []string
		walk(&w, &seen)
		if diff := cmp.Diff(tokens(t, text), seen); diff != "" {
			t.Errorf("%q (-jsontext +walk):\n%s", text, diff)
		}
	})
}

func TestCheck(t *testing.T) {
	for text, want := range map[string]error{
		`{"a":[1]}`: nil, ` 1 `: nil, `{} {}`: ErrFollows, `1 2`: ErrFollows, ``: io.EOF, `{"a":1,"a":1}`: jsontext.ErrDuplicateName,
	} {
		if err := Check([]byte(text)); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
	var at *jsontext.SyntacticError
	if err := Check([]byte(`{"a":x}`)); !errors.As(err, &at) || at.ByteOffset != 5 {
		t.Errorf("a syntax error is told as %v", err)
	}
}
