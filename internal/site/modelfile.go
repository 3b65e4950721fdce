package site

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/rows"
)

// The active model lies in a file beside the store, Config.Dir/<site>-<version>.model,
// that is mapped into memory: what is not used costs nothing, and what is used
// belongs to the system's cache. The store's copy stays the truth; the file can
// be lost.
const (
	modelSuffix = ".model"
	partSuffix  = ".part" // a file that is being written

	// usualCloseAfter is how long a model stays mapped after the last reference
	// to it is gone: ids of its items are in answers that are still being written.
	usualCloseAfter = time.Minute
)

func (s *Site) modelFile(id string) string {
	return filepath.Join(s.cfg.Dir, s.filePrefix()+id+modelSuffix)
}

// filePrefix is how the site's files begin; another site's prefix may begin in
// the same way, but is not followed by a version.
func (s *Site) filePrefix() string { return url.PathEscape(s.cfg.Name) + "-" }

// openModel brings a kept model into memory: its file mapped or, where there is
// no folder for it or no file can be made, the store's bytes.
func (s *Site) openModel(ctx context.Context, id string) (model, error) {
	if s.cfg.Dir != "" {
		m, err := s.mapModel(id)
		if err == nil {
			return m, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			s.cfg.Logger.Warn("a model's file cannot be used; it is made again from the store", "site", s.cfg.Name, "version", id, "cause", err)
		}
	}
	body, err := s.cfg.Store.ReadVersion(ctx, s.cfg.Name, kindModel, id)
	if err != nil {
		return nil, err
	}
	if s.cfg.Dir != "" {
		m, err := s.mapBody(id, body)
		if err == nil {
			return m, nil
		}
		s.cfg.Logger.Warn("a model cannot be mapped; it takes memory of the program", "site", s.cfg.Name, "version", id, "cause", err)
	}
	return parseModel(body)
}

// mapBody writes a model's file and maps it.
func (s *Site) mapBody(id string, body []byte) (model, error) {
	if err := replaceFile(s.modelFile(id), body); err != nil {
		return nil, err
	}
	return s.mapModel(id)
}

// mapModel maps a model's file, which must hold that version.
func (s *Site) mapModel(id string) (model, error) {
	path := s.modelFile(id)
	head := make([]byte, len(rowsFile))
	if err := readHead(path, head); err != nil {
		return nil, err
	}
	var m model
	var err error
	if bytes.Equal(head, []byte(rowsFile)) {
		m, err = mapped(rows.Open, path, s.cfg.closeAfter)
	} else {
		m, err = mapped(best.Open, path, s.cfg.closeAfter)
	}
	if err == nil && m.Version() != id {
		return nil, fmt.Errorf("it holds the version %s", m.Version())
	}
	return m, err
}

// mapped opens a model that is closed some time after nothing refers to it any
// more. Whoever scores with it holds it; ids alone do not, so they are given
// time.
func mapped[M interface {
	*best.Model | *rows.Model
	model
}](open func(path string) (M, error), path string, closeAfter time.Duration) (model, error) {
	m, err := open(path)
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(m, func(m M) {
		time.AfterFunc(closeAfter, func() { _ = m.Close() }) // what the system does not take back stays mapped
	})
	return m, nil
}

func readHead(path string, head []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the model's file: %w", err)
	}
	defer f.Close()
	if _, err := io.ReadFull(f, head); err != nil {
		return fmt.Errorf("read the model's file: %w", err)
	}
	return nil
}

// replaceFile puts a file in its place when all of it is on the disk. A rename
// that a loss of power undoes costs writing it once more.
func replaceFile(path string, body []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+partSuffix)
	if err != nil {
		return fmt.Errorf("write the model's file: %w", err)
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the model's file: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// dropOldFiles removes the site's model files but that of one version, and what
// writing them left behind. A mapped one goes when it is closed.
func (s *Site) dropOldFiles(id string) {
	if s.cfg.Dir == "" {
		return
	}
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return // the next activation tries again
	}
	keep := filepath.Base(s.modelFile(id))
	for _, e := range entries {
		if e.Name() == keep || !s.ownFile(e.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(s.cfg.Dir, e.Name())); err != nil {
			s.cfg.Logger.Warn("an old model's file could not be removed", "site", s.cfg.Name, "file", e.Name(), "cause", err)
		}
	}
}

// ownFile reports whether a file is a model of this site, whole or in part.
func (s *Site) ownFile(name string) bool {
	rest, ours := strings.CutPrefix(name, s.filePrefix())
	version, end, cut := strings.Cut(rest, modelSuffix)
	return ours && cut && !strings.ContainsAny(version, "-.") && (end == "" || strings.HasSuffix(end, partSuffix))
}
