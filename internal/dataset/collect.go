package dataset

import "iter"

// Collect makes sessions of what is in memory already, as ReadSessions makes
// them of a file: each one's item ids in time order and its end in days. Ids
// are taken as they are; a session without items is left out. The slice that
// is yielded may be reused.
func Collect(sessions iter.Seq2[[]string, float64]) *Sessions {
	s := &Sessions{offsets: []int{0}}
	index := map[string]uint32{}
	for items, end := range sessions {
		if len(items) == 0 {
			continue
		}
		for _, id := range items {
			i, known := index[id]
			if !known {
				i = uint32(len(s.ids))
				index[id] = i
				s.ids = append(s.ids, id)
			}
			s.items = append(s.items, i)
		}
		s.offsets = append(s.offsets, len(s.items))
		s.days = append(s.days, end)
	}
	return s
}
