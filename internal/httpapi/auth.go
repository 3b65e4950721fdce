package httpapi

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/internal/keys"
)

// headerKey finds the key where it can be found without reading the body:
// Authorization (Bearer, or Basic as the Segment libraries send it), or the
// query parameter that a GET or a beacon's URL carries.
func (c *call) headerKey() []byte {
	if auth := c.header(fiber.HeaderAuthorization); len(auth) > 0 {
		if v, ok := cutScheme(auth, "bearer"); ok {
			return v
		}
		if v, ok := cutScheme(auth, "basic"); ok {
			plain, err := base64.StdEncoding.AppendDecode(nil, v)
			if err != nil {
				return []byte("?") // no key looks like this: refused as unknown
			}
			user, _, _ := bytes.Cut(plain, []byte(":"))
			return user
		}
		return auth
	}
	return c.rc.QueryArgs().Peek("key")
}

func cutScheme(auth []byte, scheme string) ([]byte, bool) {
	n := len(scheme)
	if len(auth) <= n || auth[n] != ' ' || !asciiEqual(auth[:n], scheme) {
		return nil, false
	}
	return bytes.TrimSpace(auth[n+1:]), true
}

// authorize settles whose request this is: which site, what the key may do,
// and whether the page that uses it may. secret is the key as sent.
func (c *call) authorize(secret []byte) error {
	if len(secret) == 0 {
		return c.unauthorized("key_missing", "this needs a key: Authorization: Bearer KEY, or key in the body or the query")
	}
	k := c.s.cfg.Keys.Find(secret)
	switch {
	case k == nil:
		return c.unauthorized("key_unknown", "this key is not known here")
	case !k.Active():
		return c.unauthorized("key_revoked", "this key was revoked")
	case k.Scope != keys.Secret && c.route.scope == keys.Secret:
		return forbidden("key_scope", "a publishable key sends events and asks for recommendations, nothing else; this needs a secret key (sk_…)")
	}
	if err := c.checkOrigin(k); err != nil {
		return err
	}
	c.key = k // from here on answers may be read by the page
	st, ok := c.s.cfg.Sites(k.Site)
	if !ok {
		return fault.Unavailablef("site_unavailable", "the site of this key is not being served by this node")
	}
	c.site, c.siteName = st, k.Site
	return nil
}

// checkOrigin matches a browser's Origin exactly. It protects a shop's quota
// and data from other pages; it is no authentication, which is why a
// publishable key without an Origin is accepted.
func (c *call) checkOrigin(k *keys.Key) error {
	if len(c.origin) == 0 {
		return nil
	}
	if k.Scope == keys.Secret {
		return forbidden("key_exposed", "a secret key must not be used by a page in a browser; use a publishable key (pk_…) there and revoke this one")
	}
	if k.Allows(c.origin) || c.s.cfg.Demo && k.Site == DemoSite && c.sameOrigin() {
		return nil
	}
	if string(c.origin) == "null" {
		return forbidden("origin_forbidden", "a page without an origin of its own (a file, a sandboxed frame) may not use a key; serve it from an address that the key lists")
	}
	origin := printable(string(c.origin))
	return forbidden("origin_forbidden", "pages of %s may not use this key; make one that lists the origin: nextbest keys create --scope pk --origin %s", origin, origin)
}

// sameOrigin reports whether the page came from this very address.
func (c *call) sameOrigin() bool {
	_, host, ok := strings.Cut(string(c.origin), "://")
	return ok && host != "" && host == string(c.rc.Host())
}

func forbidden(code, format string, args ...any) error {
	return withStatus(fault.Invalidf(code, format, args...), http.StatusForbidden)
}

func (c *call) unauthorized(code, detail string) error {
	c.rc.Response.Header.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="nextbest"`)
	return withStatus(fault.Invalidf(code, "%s", detail), http.StatusUnauthorized)
}

// secret reports whether the caller may see how an answer came about.
func (c *call) secret() bool {
	return c.trusted || c.key != nil && c.key.Scope == keys.Secret
}

// allowOrigin lets the page read the answer. Only after its key was accepted:
// a refused origin learns nothing but the status. Cookies play no part, so
// credentials are never allowed.
func (c *call) allowOrigin() {
	if len(c.origin) == 0 || c.key == nil {
		return
	}
	h := &c.rc.Response.Header
	h.SetBytesV(fiber.HeaderAccessControlAllowOrigin, c.origin)
	h.Set(fiber.HeaderVary, fiber.HeaderOrigin)
	h.Set(fiber.HeaderAccessControlExposeHeaders, "X-Request-Id, Server-Timing, Retry-After")
}

// preflight answers OPTIONS, which carries no key: an origin is let through
// when some active key lists it, and the key of the real request decides.
func preflight(c *call) error {
	h := &c.rc.Response.Header
	h.Set(fiber.HeaderVary, "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
	h.Set(fiber.HeaderAllow, c.route.allow)
	if len(c.origin) > 0 && (c.s.cfg.Keys.AnyAllows(c.origin) || c.s.cfg.Demo && c.sameOrigin()) {
		h.SetBytesV(fiber.HeaderAccessControlAllowOrigin, c.origin)
		h.Set(fiber.HeaderAccessControlAllowMethods, c.route.allow)
		h.Set(fiber.HeaderAccessControlAllowHeaders, "Authorization, Content-Type, Content-Encoding, X-Request-Id, X-Retry-Count, Traceparent, Tracestate")
		h.Set(fiber.HeaderAccessControlMaxAge, "600")
	}
	c.rc.Response.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}
