package embedded

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/nextbest/nextbest/store"
)

// chunkBytes is how much of a body one row holds.
const chunkBytes = 1 << 20

// versionRow is the row that makes a version exist. Its chunks lie under its
// generation: replacing a version writes new chunks beside the old ones.
type versionRow struct {
	Version    store.Version `json:"version"`
	Generation uint64        `json:"generation"`
	Chunks     int           `json:"chunks"`
}

func generationKey(site, kind, id string, generation uint64) []byte {
	return binary.BigEndian.AppendUint64(prefix(nil, spaceChunk, site, kind, id), generation)
}

func readRow(r pebble.Reader, site, kind, id string) (versionRow, bool, error) {
	var row versionRow
	value, ok, err := get(r, prefix(nil, spaceVersion, site, kind, id))
	if err != nil || !ok {
		return row, false, translate("read a version", err)
	}
	if err := json.Unmarshal(value, &row); err != nil {
		return row, false, badRow("version", err)
	}
	return row, true, nil
}

// PutVersion writes the chunks, each in its own commit, and then the row that
// points to them.
func (s *Store) PutVersion(ctx context.Context, site, kind string, v store.Version, body []byte) error {
	v, err := store.Sealed(v, kind, body)
	if err != nil {
		return err
	}
	if err := s.enterWrite(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	old, replaces, err := readRow(s.db, site, kind, v.ID)
	if err != nil {
		return err
	}
	row := versionRow{Version: v, Generation: old.Generation + 1}
	p := generationKey(site, kind, v.ID, row.Generation)
	if row.Chunks, err = s.putChunks(ctx, p, body); err != nil {
		return err
	}
	value, err := json.Marshal(&row)
	if err != nil {
		return fmt.Errorf("encode a version: %w", err)
	}
	x := s.scratch.Get().(*scratch)
	defer s.recycle(x)
	b := s.db.NewBatch()
	defer b.Close()
	if err := s.touch(b, x, site); err != nil {
		return translate("store a version", err)
	}
	if err := b.Set(prefix(nil, spaceVersion, site, kind, v.ID), value, nil); err != nil {
		return translate("store a version", err)
	}
	if replaces {
		p := generationKey(site, kind, v.ID, old.Generation)
		if err := b.DeleteRange(p, after(p), nil); err != nil {
			return translate("store a version", err)
		}
	}
	return s.commitTouched("store a version", b, x)
}

func (s *Store) putChunks(ctx context.Context, p, body []byte) (n int, err error) {
	b := s.db.NewBatch()
	defer b.Close()
	// What an attempt that was cut off left under this generation.
	if err := b.DeleteRange(p, after(p), nil); err != nil {
		return 0, translate("store a body", err)
	}
	for len(body) > 0 {
		if err := store.ContextError(ctx); err != nil {
			return 0, err
		}
		size := min(len(body), chunkBytes)
		key := binary.BigEndian.AppendUint32(p[:len(p):len(p)], uint32(n))
		if err := b.Set(key, body[:size], nil); err != nil {
			return 0, translate("store a body", err)
		}
		if err := s.commit("store a body", b); err != nil {
			return 0, err
		}
		b.Reset()
		body = body[size:]
		n++
	}
	return n, nil
}

// Versions lists a kind.
func (s *Store) Versions(ctx context.Context, site, kind string) ([]store.Version, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	var all []store.Version
	err := s.each(ctx, prefix(nil, spaceVersion, site, kind), func(_, value []byte) error {
		var row versionRow
		if err := json.Unmarshal(value, &row); err != nil {
			return badRow("version", err)
		}
		all = append(all, row.Version)
		return nil
	})
	store.SortVersions(all)
	return all, err
}

// ReadVersion reads a body as of one moment and checks it.
func (s *Store) ReadVersion(ctx context.Context, site, kind, id string) (body []byte, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	snap := s.db.NewSnapshot()
	defer func() {
		if closing := snap.Close(); err == nil {
			err = translate("read a version", closing)
		}
	}()
	row, ok, err := readRow(snap, site, kind, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, store.NoVersion(kind, id)
	}
	body, err = readChunks(ctx, snap, generationKey(site, kind, id, row.Generation), row)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != row.Version.SHA256 {
		return nil, badRow("body of version "+id, fmt.Errorf("its SHA-256 is not the one that was stored"))
	}
	return body, nil
}

func readChunks(ctx context.Context, snap *pebble.Snapshot, p []byte, row versionRow) ([]byte, error) {
	var body []byte
	for n := range row.Chunks {
		if err := store.ContextError(ctx); err != nil {
			return nil, err
		}
		key := binary.BigEndian.AppendUint32(p[:len(p):len(p)], uint32(n))
		value, closer, err := snap.Get(key)
		if err != nil {
			return nil, badRow("body of version "+row.Version.ID, err)
		}
		body = append(body, value...)
		if err := closer.Close(); err != nil {
			return nil, translate("read a body", err)
		}
	}
	return body, nil
}

// DeleteVersion removes row and chunks in one commit.
func (s *Store) DeleteVersion(ctx context.Context, site, kind, id string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	row, ok, err := readRow(s.db, site, kind, id)
	if err != nil {
		return err
	}
	if !ok {
		return store.NoVersion(kind, id)
	}
	active, err := s.activeVersion(site, kind)
	if err != nil {
		return err
	}
	if active == id {
		return store.ActiveVersion(kind, id)
	}
	b := s.db.NewBatch()
	defer b.Close()
	if err := b.Delete(prefix(nil, spaceVersion, site, kind, id), nil); err != nil {
		return translate("delete a version", err)
	}
	p := generationKey(site, kind, id, row.Generation)
	if err := b.DeleteRange(p, after(p), nil); err != nil {
		return translate("delete a version", err)
	}
	return s.commit("delete a version", b)
}

// Activate moves the pointer of a kind.
func (s *Store) Activate(ctx context.Context, site, kind, id string) error {
	if err := s.enterWrite(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	_, ok, err := readRow(s.db, site, kind, id)
	if err != nil {
		return err
	}
	if !ok {
		return store.NoVersion(kind, id)
	}
	b := s.db.NewBatch()
	defer b.Close()
	if err := b.Set(prefix(nil, spaceActive, site, kind), []byte(id), nil); err != nil {
		return translate("activate a version", err)
	}
	return s.commit("activate a version", b)
}

// Active reads the pointer of a kind.
func (s *Store) Active(ctx context.Context, site, kind string) (string, error) {
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.gate.leave()
	return s.activeVersion(site, kind)
}

func (s *Store) activeVersion(site, kind string) (string, error) {
	value, _, err := s.get(prefix(nil, spaceActive, site, kind))
	return string(value), translate("read the active version", err)
}

// dropOrphans removes chunks that no row points to: a process ended between
// them and their row.
func (s *Store) dropOrphans() error {
	it, err := s.rows([]byte{spaceChunk})
	if err != nil {
		return err
	}
	var orphans [][]byte
	for ok := it.First(); ok; {
		p := append([]byte(nil), it.Key()[:len(it.Key())-4]...)
		used, err := s.used(p)
		if err != nil {
			return fmt.Errorf("%w (closing: %v)", err, it.Close())
		}
		if !used {
			orphans = append(orphans, p)
		}
		ok = it.SeekGE(after(p))
	}
	if err := it.Close(); err != nil {
		return err
	}
	for _, p := range orphans {
		if err := s.db.DeleteRange(p, after(p), s.sync); err != nil {
			return err
		}
	}
	return nil
}

// used reports whether a version's row points to this generation of chunks.
func (s *Store) used(generation []byte) (bool, error) {
	names := generation[1 : len(generation)-8]
	key := append([]byte{spaceVersion}, names...)
	value, ok, err := s.get(key)
	if err != nil || !ok {
		return false, err
	}
	var row versionRow
	if err := json.Unmarshal(value, &row); err != nil {
		return false, badRow("version", err)
	}
	want := binary.BigEndian.AppendUint64(nil, row.Generation)
	return bytes.Equal(generation[len(generation)-8:], want), nil
}
