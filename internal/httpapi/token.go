package httpapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"sync"

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
	tokenVersion  = 1
	tokenName     = 40 // bytes of a placement's name
	tokenFixed    = 24 // time, versions, random
	tokenMAC      = 16
	tokenSecret   = 32
	maxTokenBytes = 2 + tokenName + tokenFixed + tokenMAC // 82: 110 characters
)

// Signer makes recommendation ids and tells its own from forged ones. An id
// signed for one site is no id on another.
type Signer struct {
	macs sync.Pool // *mac
}

// mac is a keyed hash with its working memory.
type mac struct {
	hash hash.Hash
	sum  [sha256.Size]byte
	buf  []byte // what is signed
	site []byte // for whom
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
	own := append([]byte(nil), secret...)
	s := &Signer{}
	s.macs.New = func() any { return &mac{hash: hmac.New(sha256.New, own)} }
	return s
}

// Sign appends the recommendation id of a token: at most 128 characters that
// need no escaping anywhere.
func (s *Signer) Sign(dst []byte, site string, t Token) []byte {
	m := s.macs.Get().(*mac)
	defer s.macs.Put(m)
	name := t.Placement[:min(len(t.Placement), tokenName)]
	b := append(m.buf[:0], tokenVersion, byte(len(name)))
	b = append(b, name...)
	b = binary.BigEndian.AppendUint64(b, uint64(t.Time))
	b = binary.BigEndian.AppendUint64(b, t.Versions)
	b = binary.BigEndian.AppendUint64(b, t.Random)
	b = append(b, m.of(site, b)...)
	m.buf = b
	return base64.RawURLEncoding.AppendEncode(dst, b)
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
	m := s.macs.Get().(*mac)
	ok := hmac.Equal(sum, m.of(site, signed))
	s.macs.Put(m)
	if !ok {
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

// of is the shortened sum over content and site. The content says how long it
// is, so the two cannot run into each other.
func (m *mac) of(site string, b []byte) []byte {
	m.hash.Reset()
	_, _ = m.hash.Write(b) // a hash never fails to write
	m.site = append(m.site[:0], site...)
	_, _ = m.hash.Write(m.site)
	return m.hash.Sum(m.sum[:0])[:tokenMAC]
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
