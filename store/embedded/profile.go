package embedded

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/profile"
)

// profileBatch is how many bytes of profiles are committed at once.
const profileBatch = 8 << 20

// profileVersion is the first byte of a stored profile.
const profileVersion = 1

// appendProfile stores the vector as it is in memory, the rest as JSON: most of
// the bytes of a profile are its vector.
func appendProfile(dst []byte, p profile.Profile) ([]byte, error) {
	vector := p.Vector
	p.Vector, p.Version = nil, ""
	rest, err := json.Marshal(&p)
	if err != nil {
		return nil, fault.Invalidf("invalid_profile", "profile %q cannot be stored", p.ID).Because(err)
	}
	dst = append(dst, profileVersion)
	dst = binary.AppendUvarint(dst, uint64(len(vector)))
	for _, x := range vector {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(x))
	}
	return append(dst, rest...), nil
}

func decodeProfile(b []byte, version string) (*profile.Profile, error) {
	if len(b) < 2 || b[0] != profileVersion {
		return nil, badRow("profile", errBadValue)
	}
	dims, n := binary.Uvarint(b[1:])
	rest := b[min(len(b), 1+max(n, 0)):]
	if n <= 0 || dims > uint64(len(rest)/4) {
		return nil, badRow("profile", errBadValue)
	}
	p := &profile.Profile{}
	if err := json.Unmarshal(rest[4*dims:], p); err != nil {
		return nil, badRow("profile", err)
	}
	p.Version = version
	if dims > 0 {
		p.Vector = make([]float32, dims)
		for i := range p.Vector {
			p.Vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(rest[4*i:]))
		}
	}
	return p, nil
}

// loadActive reads which dataset of profiles is active in each site.
func (s *Store) loadActive() error {
	p := []byte{spaceProfiles}
	return s.each(context.Background(), p, func(key, value []byte) error {
		site, _, ok := firstPart(key[1:])
		if !ok {
			return badRow("active profiles", errBadValue)
		}
		s.active[site] = string(value)
		return nil
	})
}

// ActiveProfiles names the active dataset.
func (s *Store) ActiveProfiles(ctx context.Context, site string) (string, error) {
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.gate.leave()
	s.activeMu.RLock()
	defer s.activeMu.RUnlock()
	return s.active[site], nil
}

// Profile reads from the active dataset, which cannot change meanwhile.
func (s *Store) Profile(ctx context.Context, site, id string) (*profile.Profile, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	if s.marks.of(site).mark(id) != 0 {
		return nil, nil
	}
	version, value, err := s.activeProfile(site, id)
	if err != nil || value == nil {
		return nil, err
	}
	return decodeProfile(value, version)
}

func (s *Store) activeProfile(site, id string) (string, []byte, error) {
	s.activeMu.RLock()
	defer s.activeMu.RUnlock()
	version := s.active[site]
	if version == "" {
		return "", nil, nil
	}
	value, _, err := s.get(prefix(nil, spaceProfile, site, version, id))
	return version, value, translate("read a profile", err)
}

// PutProfiles writes into the dataset's own slot of keys.
func (s *Store) PutProfiles(ctx context.Context, site, version string, profiles []profile.Profile) error {
	if version == "" {
		return fault.Invalidf("version_id", "a dataset of profiles needs a version")
	}
	if err := s.enterWrite(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	x := s.scratch.Get().(*scratch)
	defer s.recycle(x)
	b := s.db.NewBatch()
	defer b.Close()
	if err := s.touch(b, x, site); err != nil {
		return translate("store profiles", err)
	}
	if err := b.Set(prefix(nil, spaceSlot, site, version), nil, nil); err != nil {
		return translate("store profiles", err)
	}
	marks := s.marks.of(site)
	for i := range profiles {
		if marks.mark(profiles[i].ID) != 0 {
			continue
		}
		var err error
		if x.value, err = appendProfile(x.value[:0], profiles[i]); err != nil {
			return err
		}
		x.key = prefix(x.key[:0], spaceProfile, site, version, profiles[i].ID)
		if err := b.Set(x.key, x.value, nil); err != nil {
			return translate("store profiles", err)
		}
		if b.Len() >= profileBatch {
			if err := s.commitTouched("store profiles", b, x); err != nil {
				return err
			}
			b.Reset()
		}
	}
	return s.commitTouched("store profiles", b, x)
}

// ActivateProfiles moves the pointer and empties the slot it pointed to, in one
// commit.
func (s *Store) ActivateProfiles(ctx context.Context, site, version string) error {
	if err := s.enterWrite(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	s.activeMu.Lock()
	defer s.activeMu.Unlock()
	_, ok, err := s.get(prefix(nil, spaceSlot, site, version))
	if err != nil {
		return translate("activate profiles", err)
	}
	if !ok {
		return fault.NotFoundf("unknown_version", "there is no dataset %q of profiles", version)
	}
	retired := s.active[site]
	if retired == version {
		return nil
	}
	if err := s.replaceSlot(site, version, retired); err != nil {
		return err
	}
	s.active[site] = version
	return nil
}

func (s *Store) replaceSlot(site, version, retired string) error {
	b := s.db.NewBatch()
	defer b.Close()
	if version != "" {
		if err := b.Set(prefix(nil, spaceProfiles, site), []byte(version), nil); err != nil {
			return translate("activate profiles", err)
		}
	}
	if retired != "" {
		p := prefix(nil, spaceProfile, site, retired)
		if err := b.DeleteRange(p, after(p), nil); err != nil {
			return translate("drop profiles", err)
		}
		if err := b.Delete(prefix(nil, spaceSlot, site, retired), nil); err != nil {
			return translate("drop profiles", err)
		}
	}
	return s.commit("activate profiles", b)
}

// DropProfiles empties the slot of a dataset that is not active.
func (s *Store) DropProfiles(ctx context.Context, site, version string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	s.activeMu.Lock()
	defer s.activeMu.Unlock()
	if version == "" {
		return nil
	}
	if s.active[site] == version {
		return fault.Conflictf("version_active", "dataset %q of profiles is active; activate another one first", version)
	}
	return s.replaceSlot(site, "", version)
}

// eraseProfiles removes an id from every dataset of a site.
func (s *Store) eraseProfiles(ctx context.Context, site, id string) error {
	b := s.db.NewBatch()
	defer b.Close()
	p := prefix(nil, spaceSlot, site)
	err := s.each(ctx, p, func(key, _ []byte) error {
		version, _, ok := firstPart(key[len(p):])
		if !ok {
			return badRow("dataset", errBadValue)
		}
		return b.Delete(prefix(nil, spaceProfile, site, version, id), nil)
	})
	if err != nil {
		return fmt.Errorf("erase profiles: %w", err)
	}
	return s.commit("erase profiles", b)
}
