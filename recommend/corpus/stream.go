package corpus

import "os"

// spillBlock is how many elements a stream that has spilled collects before it
// writes them.
const spillBlock = 1 << 18

// stream is a list that only grows: in the heap up to limit elements, then in
// a temporary file that is written to its end. The first error is kept.
type stream[T element] struct {
	dir   string
	limit int // elements of heap before the first spill
	tail  []T // not yet in the file
	file  *os.File
	wrote int // elements in the file
	err   error
}

func (s *stream[T]) add(x T) {
	s.tail = append(s.tail, x)
	if len(s.tail) >= s.limit && canSpill {
		s.spill()
	}
}

func (s *stream[T]) len() int { return s.wrote + len(s.tail) }

// spill moves what is in the heap to the file. After an error it only forgets:
// what has been lost already makes the rest worthless.
func (s *stream[T]) spill() {
	if s.file == nil && s.err == nil {
		s.file, s.err = tempFile(s.dir)
		s.limit = min(s.limit, spillBlock)
	}
	if s.err == nil {
		_, s.err = s.file.Write(raw(s.tail))
	}
	s.wrote += len(s.tail)
	if cap(s.tail) > spillBlock {
		s.tail = make([]T, 0, spillBlock) // let the large one go
	}
	s.tail = s.tail[:0]
}

// all is the whole list; a file is mapped and the mapping added to m. The
// stream is spent.
func (s *stream[T]) all(m *memory) ([]T, error) {
	if s.file == nil && s.err == nil {
		return s.tail, nil
	}
	s.spill()
	defer s.drop()
	if s.err != nil {
		return nil, full(s.err)
	}
	data, unmap, err := mapFile(s.file, s.wrote*len(raw(make([]T, 1))))
	if err != nil {
		return nil, full(err)
	}
	m.blocks = append(m.blocks, block{unmap})
	return view[T](data), nil
}

// drop gives the file back.
func (s *stream[T]) drop() {
	if s.file != nil {
		s.file.Close() // it has no name: closing is deleting
		s.file = nil
	}
}
