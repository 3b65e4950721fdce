package site

import "github.com/nextbest/nextbest/recommend"

// placement is the placement with this name: the site's own, else the one that
// exists from the start. Names that do not exist from the start are none.
func (s *Site) placement(name string) (recommend.Placement, bool) {
	p, ok := recommend.PlacementNamed(name)
	if own, has := s.cfg.Settings.Placements[name]; has && ok {
		return own, true
	}
	return p, ok
}
