package learn

import (
	"fmt"
	"io"
	"os"

	"github.com/nextbest/nextbest/internal/fault"
)

// part is a list of bytes that grows: the newest in memory, the rest in a
// temporary file.
type part struct {
	held []byte
	file *os.File
	name string // of the file where the system could not take it away
	size int64  // of the file
}

// spill moves what is in memory to the file.
func (p *part) spill(dir string) error {
	if len(p.held) == 0 {
		return nil
	}
	if p.file == nil {
		f, err := os.CreateTemp(dir, "nextbest-*")
		if err != nil {
			return noSpace(err)
		}
		p.file = f
		// Where the system allows it the file has no name from here on, and is
		// gone however the program ends; elsewhere drop removes it.
		if os.Remove(f.Name()) != nil {
			p.name = f.Name()
		}
	}
	n, err := p.file.Write(p.held)
	p.size += int64(n)
	p.held = p.held[:0]
	if err != nil {
		return noSpace(err)
	}
	return nil
}

// take is everything that was added, in order; the part is empty then.
func (p *part) take() ([]byte, error) {
	defer p.drop()
	if p.file == nil {
		return p.held, nil
	}
	data := make([]byte, p.size, p.size+int64(len(p.held)))
	if _, err := p.file.ReadAt(data, 0); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read the packed log: %w", err)
	}
	return append(data, p.held...), nil
}

func (p *part) drop() {
	if p.file != nil {
		_ = p.file.Close() // nothing of it is needed any more
	}
	if p.name != "" {
		_ = os.Remove(p.name)
	}
	*p = part{}
}

// drop gives all temporary files back.
func (p *packed) drop() {
	for n := range p.parts {
		p.parts[n].drop()
	}
}

func noSpace(err error) error {
	return fault.Unavailablef("temporary_space", "there is no temporary space to train with: free some or name another folder").
		Because(fmt.Errorf("using a temporary file: %w", err))
}
