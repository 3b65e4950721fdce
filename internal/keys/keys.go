// Package keys holds the API keys of all sites: how a key is made and shown
// once, how it is kept (as a hash), and the ring in which a request's key is
// found without a lock.
package keys

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
)

// Scope is what a key may do.
type Scope string

// The two scopes. A publishable key may be shipped in a page: it sends events
// and asks for recommendations. A secret key is for servers and may do all.
const (
	Publishable Scope = "pk"
	Secret      Scope = "sk"
)

const (
	secretBytes = 24 // 192 bits of a key are random
	idBytes     = 8
	maxOrigins  = 100
	maxLabel    = 200
	maxSecret   = 128 // longest key that is looked up at all
)

// Key is one API key as it is kept: without its secret.
type Key struct {
	ID        string   `json:"id"`
	Hash      Hash     `json:"hash"` // SHA-256 of the secret
	Site      string   `json:"site"`
	Scope     Scope    `json:"scope"`
	Origins   []string `json:"origins,omitempty"` // of a publishable key, matched exactly
	Label     string   `json:"label,omitempty"`
	CreatedAt int64    `json:"created_at"`           // epoch ms
	RevokedAt int64    `json:"revoked_at,omitempty"` // epoch ms; 0 while active
}

// Hash is the SHA-256 of a key's secret; its text form is hex.
type Hash [sha256.Size]byte

// MarshalText writes the hash as hex.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads hex.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return fmt.Errorf("a key's hash has %d hex digits, not %d", hex.EncodedLen(len(h)), len(text))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// Active reports whether the key has not been revoked.
func (k *Key) Active() bool { return k.RevokedAt == 0 }

// Allows reports whether a page of this origin, as the header holds it, may use
// the key: an exact match.
func (k *Key) Allows(origin []byte) bool {
	for _, o := range k.Origins {
		if o == string(origin) {
			return true
		}
	}
	return false
}

// Spec says what key to make.
type Spec struct {
	Site    string
	Scope   Scope
	Origins []string
	Label   string
}

// Create makes a key and its secret, which is returned here and never again.
// Random bytes are read from random; nil means crypto/rand. What is wrong with
// the spec is a fault.Invalid with a pointer.
func Create(spec Spec, now time.Time, random io.Reader) (Key, string, error) {
	if err := spec.check(); err != nil {
		return Key{}, "", err
	}
	if random == nil {
		random = rand.Reader
	}
	var b [secretBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return Key{}, "", fmt.Errorf("make a key: %w", err)
	}
	secret := string(spec.Scope) + "_" + base64.RawURLEncoding.EncodeToString(b[:])
	return spec.key(secret, now), secret, nil
}

// Fixed makes the key of a secret that somebody else chose: the demo's pk_demo,
// or one from a file. The scope is the secret's prefix.
func Fixed(secret string, spec Spec, now time.Time) (Key, error) {
	scope, ok := ScopeOf(secret)
	if !ok {
		return Key{}, fault.Invalidf("invalid_key", "a key starts with pk_ or sk_ and has at most %d characters", maxSecret)
	}
	spec.Scope = scope
	if err := spec.check(); err != nil {
		return Key{}, err
	}
	return spec.key(secret, now), nil
}

// ScopeOf reads the scope off a secret's prefix.
func ScopeOf(secret string) (Scope, bool) {
	if len(secret) <= 3 || len(secret) > maxSecret {
		return "", false
	}
	switch secret[:3] {
	case "pk_":
		return Publishable, true
	case "sk_":
		return Secret, true
	}
	return "", false
}

func (s Spec) key(secret string, now time.Time) Key {
	sum := sha256.Sum256([]byte(secret))
	return Key{
		// The id is derived, so that making the same fixed key twice is one row.
		ID:        "key_" + hex.EncodeToString(sum[:idBytes]),
		Hash:      sum,
		Site:      s.Site,
		Scope:     s.Scope,
		Origins:   append([]string(nil), s.Origins...),
		Label:     s.Label,
		CreatedAt: now.UnixMilli(),
	}
}

func (s Spec) check() error {
	switch {
	case s.Site == "":
		return fault.Invalidf("invalid_key", "a key belongs to a site; name it").At("/site", "must not be empty")
	case s.Scope != Publishable && s.Scope != Secret:
		return fault.Invalidf("invalid_key", "the scope of a key is pk or sk").At("/scope", `must be "pk" or "sk"`)
	case len(s.Label) > maxLabel:
		return fault.Invalidf("invalid_key", "the label is longer than %d bytes", maxLabel).At("/label", "shorten it")
	case s.Scope == Secret && len(s.Origins) > 0:
		return fault.Invalidf("invalid_key", "a secret key is never used by a page; only publishable keys carry origins").At("/origins", "must be absent for scope sk")
	case len(s.Origins) > maxOrigins:
		return fault.Invalidf("invalid_key", "a key carries at most %d origins", maxOrigins).At("/origins", "send fewer")
	}
	for i, o := range s.Origins {
		if !validOrigin(o) {
			return fault.Invalidf("invalid_origin", "%q is not an origin as browsers send it", o).
				At(fmt.Sprintf("/origins/%d", i), "must be scheme://host or scheme://host:port in lower case, without a path, a wildcard or the scheme's own port")
		}
	}
	return nil
}

// validOrigin accepts exactly what a browser puts into the Origin header,
// because origins are compared byte by byte.
func validOrigin(o string) bool {
	u, err := url.Parse(o)
	if err != nil || o == "null" || u.Hostname() == "" || strings.ContainsAny(u.Hostname(), "* ") {
		return false
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	if (u.Scheme == "http" && u.Port() == "80") || (u.Scheme == "https" && u.Port() == "443") {
		return false
	}
	return o == strings.ToLower(u.Scheme+"://"+u.Host)
}
