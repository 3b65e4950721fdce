package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Token is what a recommendation id says about the list it names, so that
// attribution reads nothing: the placement, when, and made of which versions.
type Token struct {
	Placement string // at most 40 bytes are kept
	Time      int64  // epoch ms
	Versions  uint64 // hash of the versions that made the list
	Random    uint64 // tells lists of one millisecond apart
}

const (
	tokenVersion  = 2  // 1 was signed with HMAC
	tokenName     = 40 // bytes of a placement's name
	tokenFixed    = 24 // time, versions, random
	tokenMAC      = 16
	tokenSecret   = 32
	maxTokenBytes = 2 + tokenName + tokenFixed + tokenMAC // 82: 110 characters
	signedBytes   = sha256.Size + maxTokenBytes + 64      // the key before it and, as a rule, the site behind it
)

// Signer makes recommendation ids and tells its own from forged ones. An id
// signed for one site is no id on another. It may be used concurrently.
type Signer struct {
	key [sha256.Size]byte
}

// newSigner makes a signer; without a secret it draws one.
func newSigner(secret []byte, random io.Reader) (*Signer, error) {
	if len(secret) == 0 {
		secret = make([]byte, tokenSecret)
		if _, err := io.ReadFull(random, secret); err != nil {
			return nil, fmt.Errorf("draw a secret for recommendation ids: %w", err)
		}
	}
	return NewSigner(secret), nil
}

// NewSigner makes a signer of a secret.
func NewSigner(secret []byte) *Signer {
	// The key has one length, so that it cannot run into what is signed.
	return &Signer{key: sha256.Sum256(append([]byte("nextbest recommendation id\x00"), secret...))}
}

// Sign appends the recommendation id of a token: at most 128 characters that
// need no escaping anywhere.
func (s *Signer) Sign(dst []byte, site string, t Token) []byte {
	var buf [signedBytes]byte
	name := t.Placement[:min(len(t.Placement), tokenName)]
	b := append(append(buf[:0], s.key[:]...), tokenVersion, byte(len(name)))
	b = append(b, name...)
	b = binary.BigEndian.AppendUint64(b, uint64(t.Time))
	b = binary.BigEndian.AppendUint64(b, t.Versions)
	b = binary.BigEndian.AppendUint64(b, t.Random)
	signed := len(b)
	sum := sha256.Sum256(append(b, site...))
	b = append(b[:signed], sum[:tokenMAC]...)
	return base64.RawURLEncoding.AppendEncode(dst, b[len(s.key):])
}

// Verify reads a recommendation id; false when this signer did not make it for
// this site.
func (s *Signer) Verify(site, id string) (Token, bool) {
	var buf [maxTokenBytes]byte
	if len(id) > base64.RawURLEncoding.EncodedLen(maxTokenBytes) {
		return Token{}, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(buf[:], []byte(id))
	if err != nil || n < 2+tokenFixed+tokenMAC || buf[0] != tokenVersion {
		return Token{}, false
	}
	b, name := buf[:n], int(buf[1])
	if len(b) != 2+name+tokenFixed+tokenMAC {
		return Token{}, false
	}
	signed, sum := b[:len(b)-tokenMAC], b[len(b)-tokenMAC:]
	if want := s.mac(site, signed); subtle.ConstantTimeCompare(sum, want[:]) != 1 {
		return Token{}, false
	}
	fixed := signed[2+name:]
	return Token{
		Placement: string(signed[2 : 2+name]),
		Time:      int64(binary.BigEndian.Uint64(fixed)),
		Versions:  binary.BigEndian.Uint64(fixed[8:]),
		Random:    binary.BigEndian.Uint64(fixed[16:]),
	}, true
}

// mac is half of the SHA-256 of key, content and site. The content says how
// long it is, so that none of the three can run into the next. A hash over a
// key and a text can be continued by who knows all of it, but not by who is
// shown half of it (chop-MD: Coron, Dodis, Malinaud and Puniya, "Merkle-Damgård
// Revisited", CRYPTO 2005). It is a fraction of the work of HMAC.
func (s *Signer) mac(site string, content []byte) (half [tokenMAC]byte) {
	sum := sha256.Sum256(slices.Concat(s.key[:], content, []byte(site)))
	copy(half[:], sum[:])
	return half
}

// hashVersions is a hash of names, kept apart by a zero.
func hashVersions(names ...string) uint64 {
	var h xxhash.Digest
	h.Reset()
	for _, n := range names {
		_, _ = h.WriteString(n) // a hash never fails to write
		_, _ = h.WriteString("\x00")
	}
	return h.Sum64()
}
