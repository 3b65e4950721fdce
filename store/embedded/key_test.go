package embedded

import (
	"bytes"
	"cmp"
	"testing"

	"pgregory.net/rapid"
)

// drawPart is an id or a site: any byte from a space up, and what careless
// encodings confuse.
func drawPart() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "a", "ab", "b", " ", "\x01", "\xff", "\xff\xff", "a\x7f"}),
		rapid.Map(rapid.SliceOfN(rapid.ByteRange(0x20, 0xff), 0, 140), func(b []byte) string { return string(b) }),
	)
}

func within(key, p []byte) bool {
	end := after(p)
	return bytes.Compare(key, p) >= 0 && (end == nil || bytes.Compare(key, end) < 0)
}

// Every space is read by a prefix of one to three parts: no key of another
// site, visitor or session may lie in its range.
func TestKeysStayInTheirRange(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(what string) []string {
			return rapid.SliceOfN(drawPart(), 3, 3).Draw(rt, what)
		}
		mine, other := draw("mine"), draw("other")
		tail := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(rt, "tail")
		spaces := rapid.SampledFrom([]byte{spaceSession, spaceLog, spaceHistory, spaceProfile, spaceChunk})
		space, another := spaces.Draw(rt, "space"), spaces.Draw(rt, "another space")
		for n := 1; n <= 3; n++ {
			p := prefix(nil, space, mine[:n]...)
			if key := append(prefix(nil, space, mine...), tail...); !within(key, p) {
				rt.Fatalf("%q is outside its own range of %d parts", key, n)
			}
			foreign := append(prefix(nil, another, other...), tail...)
			same := space == another
			for i := range n {
				same = same && mine[i] == other[i]
			}
			if within(foreign, p) != same {
				rt.Fatalf("%q in the range of %q: %v", foreign, p, !same)
			}
		}
	})
}

func TestEventKeysOrderByTimeAndID(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type event struct {
			ts int64
			id string
		}
		draw := rapid.Custom(func(rt *rapid.T) event {
			ts := rapid.OneOf(rapid.Int64Range(-2, 2), rapid.Int64()).Draw(rt, "ts")
			return event{ts, drawPart().Draw(rt, "id")}
		})
		a, b := draw.Draw(rt, "a"), draw.Draw(rt, "b")
		p := prefix(nil, spaceSession, "s", "v", "x")
		ka, kb := eventKey(bytes.Clone(p), a.ts, a.id), eventKey(bytes.Clone(p), b.ts, b.id)
		if got, want := bytes.Compare(ka, kb), cmp.Or(cmp.Compare(a.ts, b.ts), cmp.Compare(a.id, b.id)); got != want {
			rt.Fatalf("keys of %v and %v compare %d, not %d", a, b, got, want)
		}
		if id := eventID(ka, len(p)); id != a.id {
			rt.Fatalf("the id of %v is read as %q", a, id)
		}
	})
}

func TestLogKeysOrderByPosition(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.SliceOfN(rapid.OneOf(rapid.Uint64Range(0, 300), rapid.Uint64()), 4, 4).Draw(rt, "positions")
		a, b := logKey(nil, "s", n[0], n[1]), logKey(nil, "s", n[2], n[3])
		if got, want := bytes.Compare(a, b), cmp.Or(cmp.Compare(n[0], n[2]), cmp.Compare(n[1], n[3])); got != want {
			rt.Fatalf("keys compare %d, not %d", got, want)
		}
		if hour, seq := logPosition(a); hour != n[0] || seq != n[1] {
			rt.Fatalf("read back as %d, %d", hour, seq)
		}
	})
}

func TestFirstPart(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		part, tail := drawPart().Draw(rt, "part"), drawPart().Draw(rt, "tail")
		got, rest, ok := firstPart(append(appendPart(nil, part), tail...))
		if !ok || got != part || string(rest) != tail {
			rt.Fatalf("%q and %q come back as %q and %q", part, tail, got, rest)
		}
	})
}
