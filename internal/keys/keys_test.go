package keys

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
)

func at(ms int64) time.Time { return time.UnixMilli(ms) }

func create(t *testing.T, spec Spec) (Key, string) {
	t.Helper()
	k, secret, err := Create(spec, at(1_000), nil)
	if err != nil {
		t.Fatalf("Create(%+v): %v", spec, err)
	}
	return k, secret
}

func TestCreateShowsTheSecretOnce(t *testing.T) {
	k, secret := create(t, Spec{Site: "shop", Scope: Publishable, Origins: []string{"https://shop.example"}})
	if !strings.HasPrefix(secret, "pk_") || len(secret) < 30 {
		t.Errorf("secret %q: want pk_ and 192 random bits", secret)
	}
	raw, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte(secret)) {
		t.Errorf("the stored form %s holds the secret", raw)
	}
	var back Key
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if back.Hash != k.Hash || back.ID != k.ID || back.CreatedAt != 1_000 {
		t.Errorf("read back %+v, want %+v", back, k)
	}
	if _, other := create(t, Spec{Site: "shop", Scope: Secret}); other == secret {
		t.Error("two keys are equal")
	}
}

func TestCreateRefuses(t *testing.T) {
	bad := map[string]Spec{
		"no site":            {Scope: Secret},
		"no scope":           {Site: "shop"},
		"unknown scope":      {Site: "shop", Scope: "admin"},
		"secret with origin": {Site: "shop", Scope: Secret, Origins: []string{"https://a.example"}},
		"wildcard":           {Site: "shop", Scope: Publishable, Origins: []string{"*"}},
		"wildcard host":      {Site: "shop", Scope: Publishable, Origins: []string{"https://*.a.example"}},
		"path":               {Site: "shop", Scope: Publishable, Origins: []string{"https://a.example/"}},
		"upper case":         {Site: "shop", Scope: Publishable, Origins: []string{"https://A.example"}},
		"default port":       {Site: "shop", Scope: Publishable, Origins: []string{"https://a.example:443"}},
		"null":               {Site: "shop", Scope: Publishable, Origins: []string{"null"}},
		"user":               {Site: "shop", Scope: Publishable, Origins: []string{"https://u@a.example"}},
		"long label":         {Site: "shop", Scope: Secret, Label: strings.Repeat("x", maxLabel+1)},
	}
	for name, spec := range bad {
		if _, _, err := Create(spec, at(0), nil); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: Create gave %v, want a fault.Invalid", name, err)
		}
	}
}

func TestRingRotation(t *testing.T) {
	k1, s1 := create(t, Spec{Site: "shop", Scope: Secret})
	k2, s2 := create(t, Spec{Site: "shop", Scope: Secret})
	r := NewRing(k1)
	r.Put(k2)
	if r.Find([]byte(s1)) == nil || r.Find([]byte(s2)) == nil || r.ActiveCount("shop", Secret) != 2 {
		t.Fatal("two keys of a site must be active at once")
	}
	k1.RevokedAt = 2_000
	r.Put(k1)
	if got := r.Find([]byte(s1)); got == nil || got.Active() {
		t.Errorf("the revoked key is %+v: want it known and not active", got)
	}
	if got := r.Find([]byte(s2)); got == nil || !got.Active() {
		t.Error("revoking one key revoked the other")
	}
	if got := r.List("shop"); len(got) != 2 {
		t.Errorf("List gives %d keys, want 2", len(got))
	}
	if got := r.List("other"); len(got) != 0 {
		t.Errorf("another site sees %d keys", len(got))
	}
}

func TestRingFindsNothingElse(t *testing.T) {
	_, secret := create(t, Spec{Site: "shop", Scope: Secret})
	k, err := Fixed("sk_demo", Spec{Site: "demo"}, at(0))
	if err != nil {
		t.Fatal(err)
	}
	r := NewRing(k)
	for _, s := range []string{"", "sk_", "sk_dem", "sk_demoo", "SK_DEMO", secret, strings.Repeat("x", 10_000)} {
		if r.Find([]byte(s)) != nil {
			t.Errorf("Find(%.20q) found a key", s)
		}
	}
	if (&Ring{}).Find([]byte("sk_demo")) != nil {
		t.Error("the zero ring found a key")
	}
}

func TestFixedKeyIsOneRow(t *testing.T) {
	a, err := Fixed("pk_demo", Spec{Site: "demo"}, at(0))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Fixed("pk_demo", Spec{Site: "demo"}, at(5))
	if a.ID != b.ID || a.Scope != Publishable {
		t.Errorf("made %q and %q, scope %q", a.ID, b.ID, a.Scope)
	}
	if _, err := Fixed("demo", Spec{Site: "demo"}, at(0)); err == nil {
		t.Error("a key without a prefix was accepted")
	}
}

func TestOriginsMatchExactly(t *testing.T) {
	k, _ := create(t, Spec{Site: "shop", Scope: Publishable, Origins: []string{"https://shop.example", "http://localhost:3000"}})
	r := NewRing(k)
	for origin, want := range map[string]bool{
		"https://shop.example": true, "http://localhost:3000": true,
		"http://shop.example": false, "https://shop.example:8443": false, "https://shop.example.evil": false,
		"https://evil.shop.example": false, "null": false, "": false, "https://SHOP.example": false,
	} {
		if got := k.Allows([]byte(origin)); got != want {
			t.Errorf("Allows(%q) = %v", origin, got)
		}
		if got := r.AnyAllows([]byte(origin)); got != want {
			t.Errorf("AnyAllows(%q) = %v", origin, got)
		}
	}
}

func TestRingIsReadWhileItChanges(t *testing.T) {
	k, secret := create(t, Spec{Site: "shop", Scope: Secret})
	r := NewRing(k)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				if r.Find([]byte(secret)) == nil {
					t.Error("a standing key vanished during a change")
					return
				}
			}
		})
	}
	for range 50 {
		other, _, err := Create(Spec{Site: "shop", Scope: Secret}, at(1), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Put(other)
	}
	wg.Wait()
	if allocs := testing.AllocsPerRun(100, func() { r.Find([]byte("sk_unknown")) }); allocs > 0 {
		t.Errorf("Find allocates %v times", allocs)
	}
}
