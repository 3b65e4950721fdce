package demo

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed dist
var dist embed.FS

// How long a browser may keep what it got: what has its hash in its name for
// ever, everything else until the server says that it changed.
const (
	immutable  = "public, max-age=31536000, immutable"
	revalidate = "no-cache"
)

// asset is a file held in memory, plain and compressed.
type asset struct {
	contentType, cache, etag string
	plain, zipped            []byte
}

func newAsset(contentType, cache string, body []byte) *asset {
	sum := sha256.Sum256(body)
	a := &asset{contentType: contentType, cache: cache, etag: `"` + hex.EncodeToString(sum[:8]) + `"`, plain: body}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(body); err == nil && w.Close() == nil && b.Len() < len(body) {
		a.zipped = b.Bytes()
	}
	return a
}

// ServeHTTP answers with the file, compressed where the browser takes it.
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Type", a.contentType)
	head.Set("Cache-Control", a.cache)
	head.Set("ETag", a.etag)
	head.Set("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == a.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := a.plain
	if a.zipped != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		head.Set("Content-Encoding", "gzip")
		body = a.zipped
	}
	_, _ = w.Write(body)
}

// loadAssets maps the address of every built file to what is served there.
func loadAssets(built fs.FS) (map[string]*asset, error) {
	out := map[string]*asset{}
	err := fs.WalkDir(built, "dist", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		body, err := fs.ReadFile(built, p)
		if err != nil {
			return err
		}
		if p == "dist/index.html" {
			out["/{$}"] = newAsset("text/html; charset=utf-8", revalidate, body)
			return nil
		}
		kind, ok := contentType(p)
		if !ok {
			return fmt.Errorf("%s: no content type for this kind of file", p)
		}
		out["/demo/"+strings.TrimPrefix(p, "dist/")] = newAsset(kind, immutable, body)
		return nil
	})
	if err == nil && out["/{$}"] == nil {
		err = errors.New("dist/index.html is missing: build internal/demo/web")
	}
	return out, err
}

func contentType(name string) (string, bool) {
	kind, ok := map[string]string{
		".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
	}[path.Ext(name)]
	return kind, ok
}

// tile is an item as the page's grid wants it; short names, 3,600 of them.
type tile struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Price    float64 `json:"price"`
	Category string  `json:"category"`
	Colour   string  `json:"colour,omitempty"`
	Material string  `json:"material,omitempty"`
	Pattern  string  `json:"pattern,omitempty"`
}

func newCatalog(d *Data) (*asset, error) {
	tiles := make([]tile, 0, len(d.Items))
	for _, it := range d.Items {
		t := tile{ID: it.ItemID, Name: it.Name}
		if it.Price != nil {
			t.Price = *it.Price
		}
		if len(it.Categories) > 0 {
			t.Category = it.Categories[0]
		}
		for name, to := range map[string]*string{"colour": &t.Colour, "material": &t.Material, "pattern": &t.Pattern} {
			if raw, ok := it.Attributes[name]; ok {
				if err := json.Unmarshal(raw, to); err != nil {
					return nil, fmt.Errorf("item %s: %s: %w", it.ItemID, name, err)
				}
			}
		}
		tiles = append(tiles, t)
	}
	body, err := json.Marshal(map[string]any{"currency": "GBP", "items": tiles})
	if err != nil {
		return nil, err
	}
	return newAsset("application/json", revalidate, body), nil
}
