package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/nextbest/nextbest/internal/fault"
)

// lineReader hands out lines without their end, none longer than maxLine.
type lineReader struct {
	r    *bufio.Reader
	long []byte // a line that did not fit the buffer
	n    int64  // lines begun
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, readerBuffer)}
}

// next is the next line, valid until the call after; io.EOF at the end.
func (l *lineReader) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.rest(line)
	}
	ended := errors.Is(err, io.EOF)
	if ended && len(line) == 0 {
		return nil, err
	}
	l.n++
	if err != nil && !ended {
		return nil, err
	}
	if l.n == 1 {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

func (l *lineReader) rest(line []byte) ([]byte, error) {
	l.long = append(l.long[:0], line...)
	for {
		line, err := l.r.ReadSlice('\n')
		l.long = append(l.long, line...)
		if len(l.long) > maxLine {
			return nil, fault.Invalidf("row_too_long", "the line is longer than %d bytes", maxLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return l.long, err
		}
	}
}
