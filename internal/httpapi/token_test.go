package httpapi

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTokens(t *testing.T) {
	s, other := NewSigner([]byte("a secret")), NewSigner([]byte("another"))
	rapid.Check(t, func(t *rapid.T) {
		want := Token{
			Placement: rapid.StringN(0, 40, 40).Draw(t, "placement"), Time: rapid.Int64().Draw(t, "time"),
			Versions: rapid.Uint64().Draw(t, "versions"), Random: rapid.Uint64().Draw(t, "random"),
		}
		site := rapid.String().Draw(t, "site")
		id := string(s.Sign(nil, site, want))
		if len(id) > 128 {
			t.Fatalf("%d characters", len(id))
		}
		if got, ok := s.Verify(site, id); !ok || got != want {
			t.Fatalf("verified %+v %v, want %+v", got, ok, want)
		}
		if _, ok := s.Verify(site+"x", id); ok {
			t.Fatal("valid on another site")
		}
		if _, ok := other.Verify(site, id); ok {
			t.Fatal("valid under another secret")
		}
		i := rapid.IntRange(0, len(id)-1).Draw(t, "flip")
		if _, ok := s.Verify(site, id[:i]+string('A'+(id[i]+1)%26)+id[i+1:]); ok && 'A'+(id[i]+1)%26 != id[i] {
			t.Fatalf("forged at %d", i)
		}
	})
}

func TestForgedTokens(t *testing.T) {
	s := NewSigner([]byte("a secret"))
	id := string(s.Sign(nil, "shop", Token{Placement: "home", Time: 1}))
	for _, forged := range []string{"", "x", strings.Repeat("A", 64), strings.Repeat("A", 1000), id[1:], id + "A", id[:len(id)-1], "💥", strings.ToLower(id)} {
		if _, ok := s.Verify("shop", forged); ok {
			t.Errorf("%q is taken for genuine", forged)
		}
	}
	long := string(s.Sign(nil, "shop", Token{Placement: strings.Repeat("p", 300)}))
	if tok, ok := s.Verify("shop", long); !ok || len(tok.Placement) != tokenName || len(long) > 128 {
		t.Errorf("a long placement: %v, %d characters", ok, len(long))
	}
}

func FuzzVerify(f *testing.F) {
	s := NewSigner([]byte("a secret"))
	f.Add("shop", string(s.Sign(nil, "shop", Token{Placement: "home"})))
	f.Fuzz(func(t *testing.T, site, id string) {
		if tok, ok := s.Verify(site, id); ok && string(s.Sign(nil, site, tok)) != id {
			t.Errorf("%q verified but is not what is signed", id)
		}
	})
}
