package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/internal/keys"
)

// keysCmd makes, lists and revokes keys.
type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Make a key; it is shown once."`
	List   keysListCmd   `cmd:"" help:"List the keys, without their secrets."`
	Revoke keysRevokeCmd `cmd:"" help:"Revoke a key by its id."`
}

type keysCreateCmd struct {
	targetFlags
	Scope  string   `default:"sk" enum:"pk,sk" help:"pk for pages, sk for servers (${enum})."`
	Origin []string `help:"Origin whose pages may use a pk, e.g. https://shop.example; may repeat. Without one no page may."`
	Label  string   `help:"A word to know it by."`
	JSON   bool     `help:"Print one JSON object." name:"json"`
}

// madeKey is how a new key is shown.
type madeKey struct {
	Key     string   `json:"key"`
	ID      string   `json:"id"`
	Site    string   `json:"site"`
	Scope   string   `json:"scope"`
	Origins []string `json:"origins,omitempty"`
}

// Run makes the key.
func (c *keysCreateCmd) Run(ctx context.Context, s streams) error {
	var p problems
	c.check(&p)
	if err := p.err(); err != nil {
		return err
	}
	made, err := c.create(ctx)
	if err != nil {
		return err
	}
	if made.Scope == string(keys.Publishable) && len(made.Origins) == 0 {
		// Not on standard output, where --json prints one object and nothing else.
		fmt.Fprintln(s.err, "Pages are refused until a key names their origin: make one with --origin https://your.shop. Apps, which send no origin, may use this one.")
	}
	if c.JSON {
		return writeJSON(s.out, made)
	}
	_, err = fmt.Fprintf(s.out, "%s\n\nKey %s of site %q (%s). It is shown this once.\n", made.Key, made.ID, made.Site, made.Scope)
	return err
}

func (c *keysCreateCmd) create(ctx context.Context) (madeKey, error) {
	if c.Server != "" {
		var made madeKey
		body := map[string]any{"scope": c.Scope}
		if len(c.Origin) > 0 {
			body["origins"] = c.Origin
		}
		if c.Label != "" {
			body["label"] = c.Label
		}
		return made, c.remote().doJSON(ctx, http.MethodPost, "/v1/keys", body, &made)
	}
	db, err := openStore(c.dataStore())
	if err != nil {
		return madeKey{}, err
	}
	defer db.Close()
	k, secret, err := keys.Create(keys.Spec{Site: c.Site, Scope: keys.Scope(c.Scope), Origins: c.Origin, Label: c.Label}, time.Now(), nil)
	if err != nil {
		return madeKey{}, err
	}
	if err := db.PutKey(ctx, k); err != nil {
		return madeKey{}, fmt.Errorf("keep the key: %w", err)
	}
	return madeKey{Key: secret, ID: k.ID, Site: k.Site, Scope: string(k.Scope), Origins: k.Origins}, nil
}

// dataStore opens the files of a stopped server so that nothing that was
// written is lost when the command ends.
func (t targetFlags) dataStore() storeFlags {
	return storeFlags{Store: "embedded", Data: t.Data, Durability: "disk"}
}

type keysListCmd struct {
	targetFlags
	JSON bool `help:"Print one JSON object." name:"json"`
}

// listedKey is a key as lists show it.
type listedKey struct {
	ID        string   `json:"id"`
	Site      string   `json:"site"`
	Scope     string   `json:"scope"`
	Origins   []string `json:"origins,omitempty"`
	Label     string   `json:"label,omitempty"`
	CreatedAt string   `json:"created_at"`
	RevokedAt string   `json:"revoked_at,omitempty"`
}

type keyList struct {
	Keys []listedKey `json:"keys"`
}

// Run lists them.
func (c *keysListCmd) Run(ctx context.Context, s streams) error {
	if err := c.ready(); err != nil {
		return err
	}
	list, err := c.list(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.out, list)
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSITE\tSCOPE\tCREATED\tREVOKED\tLABEL")
	for _, k := range list.Keys {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Site, k.Scope, k.CreatedAt, k.RevokedAt, k.Label)
	}
	return w.Flush()
}

func (c *keysListCmd) list(ctx context.Context) (keyList, error) {
	out := keyList{Keys: []listedKey{}}
	if c.Server != "" {
		return out, c.remote().doJSON(ctx, http.MethodGet, "/v1/keys", nil, &out)
	}
	db, err := openStore(c.dataStore())
	if err != nil {
		return out, err
	}
	defer db.Close()
	all, err := db.Keys(ctx)
	if err != nil {
		return out, fmt.Errorf("read the keys: %w", err)
	}
	for _, k := range all {
		out.Keys = append(out.Keys, listedKey{
			ID: k.ID, Site: k.Site, Scope: string(k.Scope), Origins: k.Origins, Label: k.Label,
			CreatedAt: day(k.CreatedAt), RevokedAt: day(k.RevokedAt),
		})
	}
	return out, nil
}

func day(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}

type keysRevokeCmd struct {
	targetFlags
	ID string `arg:"" help:"Id of the key (key_…), as keys list shows it."`
}

// Run revokes it; from then on it is refused.
func (c *keysRevokeCmd) Run(ctx context.Context, s streams) error {
	if err := c.ready(); err != nil {
		return err
	}
	if err := c.revoke(ctx); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "key %s is revoked\n", c.ID)
	return err
}

func (c *keysRevokeCmd) revoke(ctx context.Context) error {
	if c.Server != "" {
		return c.remote().do(ctx, http.MethodDelete, "/v1/keys/"+url.PathEscape(c.ID), "", nil, nil)
	}
	db, err := openStore(c.dataStore())
	if err != nil {
		return err
	}
	defer db.Close()
	all, err := db.Keys(ctx)
	if err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	i := slices.IndexFunc(all, func(k keys.Key) bool { return k.ID == c.ID })
	if i < 0 {
		return fault.NotFoundf("unknown_key", "there is no key %q; `nextbest keys list --data %s` shows them", c.ID, c.Data)
	}
	all[i].RevokedAt = time.Now().UnixMilli()
	return db.PutKey(ctx, all[i])
}
