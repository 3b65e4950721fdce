package httpapi

import (
	"net/http"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/internal/keys"
)

// keyView is a key as the control plane shows it: never its secret but once.
type keyView struct {
	ID        string     `json:"id"`
	Site      string     `json:"site"`
	Scope     keys.Scope `json:"scope"`
	Label     string     `json:"label,omitempty"`
	Origins   []string   `json:"origins"`
	CreatedAt string     `json:"created_at"`
	RevokedAt string     `json:"revoked_at,omitempty"`
	Key       string     `json:"key,omitempty"` // the secret: in the answer that makes it, and never again
}

func viewKey(k keys.Key) keyView {
	origins := k.Origins
	if origins == nil {
		origins = []string{}
	}
	return keyView{
		ID: k.ID, Site: k.Site, Scope: k.Scope, Label: k.Label, Origins: origins,
		CreatedAt: stamp(k.CreatedAt), RevokedAt: stampOrNone(k.RevokedAt),
	}
}

func listKeys(c *call) error {
	out := []keyView{}
	for _, k := range c.s.cfg.Keys.List(c.key.Site) {
		out = append(out, viewKey(k))
	}
	return c.reply(http.StatusOK, map[string]any{"keys": out})
}

// createKey makes a key of the caller's own site.
func createKey(c *call) error {
	var in struct {
		Scope   keys.Scope `json:"scope"`
		Origins []string   `json:"origins"`
		Label   string     `json:"label"`
	}
	if err := c.readStrict(&in); err != nil {
		return err
	}
	spec := keys.Spec{Site: c.key.Site, Scope: in.Scope, Origins: in.Origins, Label: in.Label}
	k, secret, err := keys.Create(spec, c.received, c.s.cfg.Random)
	if err != nil {
		return err
	}
	if err := c.keepKey(k); err != nil {
		return err
	}
	v := viewKey(k)
	v.Key = secret
	return c.reply(http.StatusCreated, v)
}

// revokeKey ends a key at once. The last secret key of a site stays: without
// it nobody could make another over HTTP.
func revokeKey(c *call) error {
	id, err := c.param("id")
	if err != nil {
		return err
	}
	k := c.s.cfg.Keys.ByID(id)
	if k == nil || k.Site != c.key.Site {
		return fault.NotFoundf("unknown_key", "this site has no key %s; GET /v1/keys lists them", printable(id))
	}
	revoked := *k
	if revoked.Active() {
		if revoked.Scope == keys.Secret && c.s.cfg.Keys.ActiveCount(k.Site, keys.Secret) == 1 {
			return fault.Conflictf("last_key", "this is the site's last secret key; make another before you revoke it")
		}
		revoked.RevokedAt = c.received.UnixMilli()
		if err := c.keepKey(revoked); err != nil {
			return err
		}
	}
	return c.reply(http.StatusOK, viewKey(revoked))
}

// keepKey makes a key count: by the program's own store, which adds it to the
// ring, or in the ring alone.
func (c *call) keepKey(k keys.Key) error {
	if c.s.cfg.KeyStore == nil {
		c.s.cfg.Keys.Put(k)
		return nil
	}
	if err := c.s.cfg.KeyStore.PutKey(c.ctx, k); err != nil {
		return fault.Unavailablef("store_unavailable", "the key was not stored; try again").Because(err)
	}
	return nil
}
